"""Connectors that misread failures or misbehave otherwise, each in one way: see `broken_sending`."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from syncd.connector import (
    Change,
    Context,
    Delivered,
    Delivery,
    Failure,
    Finding,
    Halt,
    Outcome,
    Pause,
    Route,
)
from syncd.testing.memory import MemoryConnector, MemoryOptions, RemoteError
from tests.connectors.columned import ColumnedConnector

_FIX = "Mend it."
Sent = Sequence[tuple[Delivery, Outcome]]


class _Mistaken(MemoryConnector):
    """Misreads one status. `instead`: what it makes of it."""

    status: ClassVar[int]
    instead: ClassVar[Failure]

    def _failure(self, error: RemoteError) -> Failure:
        if error.status != self.status:
            return super()._failure(error)
        why = self.instead
        return type(why)(why.code, why.detail, after=why.after)


class HaltsAtErrors(_Mistaken):
    status, instead = 500, Halt("memory_silent", "It failed.")


class ExplainsErrors(_Mistaken):
    status, instead = 500, Pause("memory_silent", "It failed.")


class IgnoresAfter(_Mistaken):
    status, instead = 429, Pause("memory_busy", "Too many requests.")


class MillisecondsAfter(_Mistaken):
    status, instead = 429, Pause("memory_busy", "Too many requests.", after=37000.0)


class HaltsWhenBusy(_Mistaken):
    status, instead = 429, Halt("memory_busy", "Too many requests.")


class WaitsForATokenToReturn(_Mistaken):
    status, instead = 401, Pause("memory_token", "The token is refused.")


class UnknownCode(_Mistaken):
    status, instead = 401, Halt("token", "The token is refused.")


class Optimist(MemoryConnector):
    """What did not say no said yes."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        try:
            return super().deliver(batch)
        except Pause as why:
            if not why.unexplained:
                raise
            return [Delivered() for _ in batch]


class Leaks(MemoryConnector):
    """Shows the request in the detail."""

    def _failure(self, error: RemoteError) -> Failure:
        why = super()._failure(error)
        detail = f"{why.detail} Authorization: Bearer {self._token.get_secret_value()}"
        return Pause(why.code, detail, unexplained=True) if error.status == 500 else why


class Talks(MemoryConnector):
    """Logs whom it sends."""

    def __init__(self, options: MemoryOptions, context: Context) -> None:
        super().__init__(options, context)
        self._log = context.log

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self._log.info("lead_sent", name=batch[0].lead.profile.display_name)
        return super().deliver(batch)


class Shows(MemoryConnector):
    """Is printed with its token."""

    def __repr__(self) -> str:
        return f"Shows(token={self._token.get_secret_value()!r})"


class TriesOut(MemoryConnector):
    """Writes somebody to see if writing works."""

    def check(self) -> Sequence[Finding]:
        self._remote.write(self._token.get_secret_value(), [("test", {})])
        return super().check()


class AllIsWell(MemoryConnector):
    """Asks nobody."""

    def check(self) -> Sequence[Finding]:
        return [Finding("ok", "memory_ready", "The remote answers.")]


class Looks(MemoryConnector):
    """Reads a file to know the group."""

    def route(self, delivery: Delivery) -> Route:
        return Route(Path(__file__).read_text()[:1], delivery.person)


class ShowsMore(MemoryConnector):
    """Shows a field that nobody mapped."""

    @classmethod
    def as_written(cls, fields: Mapping[str, object]) -> Mapping[str, object]:
        return {**fields, "secret": "x"}


class LinksByLooking(MemoryConnector):
    """Reads a file to know where a record is."""

    @classmethod
    def record_url(cls, options: object, remote_id: str) -> str:
        return f"{Path(__file__).read_text()[:1]}{options}{remote_id}"


class Wanders(MemoryConnector):
    """Numbers its calls."""

    def __init__(self, options: MemoryOptions, context: Context) -> None:
        super().__init__(options, context)
        self._numbers = itertools.count()

    def route(self, delivery: Delivery) -> Route:
        return Route(f"call {next(self._numbers)}", delivery.person)


class ClosesOnce(MemoryConnector):
    """Deletes what it will not need again."""

    def close(self) -> None:
        del self._token


class SaysTheCores(MemoryConnector):
    """Gives a code of the core another meaning."""

    codes: ClassVar = {**MemoryConnector.codes, "unreachable": "Call the vendor."}


class Braceless(MemoryConnector):
    """Forgot the braces in its default mapping."""

    defaults: ClassVar = {"handle": "handle"}


class PlanThatActs(ColumnedConnector):
    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001
        changes = super().setup(True)  # noqa: FBT003
        return [replace(change, done=change.done and apply) for change in changes]


class MakesAgain(ColumnedConnector):
    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001
        if apply:
            self._columned.columns.clear()
        return super().setup(apply)


class MakesNothing(ColumnedConnector):
    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001
        return [replace(change, done=apply and not change.by_hand) for change in super().setup(False)]  # noqa: FBT003
