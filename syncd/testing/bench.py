"""The bench of a connector under test: the connector, its remote, virtual time, a log, and made-up deliveries."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, Self

import pytest
from pydantic import BaseModel

from syncd.connector import Connector, Context, Delivery, Field, Watched
from syncd.mapping import FieldMap, Labels, variables
from syncd.settings import secret_values
from syncd.testing import samples

_LABELS = Labels(streams={7: "Founders who ship"}, segments={3: "Makers"}, accounts={5: "indiehackers"})
_PROFILE = {
    "x_user_id": "xUserId",
    "handle": "handle",
    "display_name": "displayName",
    "bio": "bio",
    "follower_count": "followerCount",
    "image_url": "profileImageUrl",
}
_LEAD = {
    "id": "id",
    "stream_id": "streamId",
    "segment_id": "segmentId",
    "account_id": "trackedXAccountId",
    "match_confidence": "matchConfidence",
    "source_type": "sourceType",
    "discovered_at": "discoveredAt",
}


NOON = 1781179200.0
"""2026-06-11T12:00:00Z, in seconds since the epoch."""


class ManualClock:
    """A `syncd.clock.Clock` that moves only by `advance` and `wait`; `wait` returns at once, and time has passed."""

    def __init__(self, start: float = NOON) -> None:
        """`start`: seconds since the epoch."""
        self._start = start
        self._passed = 0.0
        self._stopping = False

    def now(self) -> float:  # noqa: D102 - as `Clock` says
        return self._start + self._passed

    def monotonic(self) -> float:  # noqa: D102
        return 1000.0 + self._passed

    def boot(self) -> str:  # noqa: D102
        return "virtual"

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Let `seconds` pass at once. Raises AssertionError for a wait that nothing would ever end."""
        if not event.is_set() and not self._stopping:
            if seconds is None:
                raise AssertionError("the connector waits without a limit: nothing would ever end this wait")
            self.advance(seconds)
        return event.is_set() and not self._stopping

    def stop(self) -> None:  # noqa: D102
        self._stopping = True

    @property
    def stopping(self) -> bool:  # noqa: D102
        return self._stopping

    def advance(self, seconds: float) -> None:
        """Let time pass; never back."""
        self._passed += max(0.0, seconds)


class Journal:
    """A `syncd.connector.Logger` that keeps its events."""

    def __init__(self) -> None:
        """Nothing was logged yet."""
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **ids: object) -> None:  # noqa: D102 - as `Logger` says
        self.events.append((event, ids))

    info = warning = debug


class Remote(Protocol):
    """The handle of a fake remote: what an outside observer sees, and what can be made to go wrong there.

    The fake is yours: a program that behaves as the vendor documents, not as your connector hopes.
    """

    def objects(self) -> Sequence[Mapping[str, object]]:
        """Every object that an outside observer sees, in a stable order."""
        ...

    def lose_next_answer(self) -> None:
        """The next writing call is applied, and then its answer is lost."""
        ...

    def fail_next(self) -> None:
        """The next call fails whole with a bare server error, nothing applied."""
        ...

    def poison(self, person: str) -> None:
        """A write of this person (`Delivery.person`) is refused from now on."""
        ...

    def slow_down(self, seconds: float) -> None:
        """The next call is answered "too many requests, come back in so many seconds"; nothing is applied."""
        ...

    def revoke(self) -> None:
        """The credentials stop working."""
        ...

    # Optional: `schema()`, all else that `check` and `setup` must not change; `mark(person, value)`, for a connector with
    # `statuses_since`: somebody at the remote sets the watched property of this person


@dataclass
class Bench:
    """The material of the contract's tests.

    Args:
        connector: the one under test, ready: set up, credentials good, nothing written yet.
        remote: where it writes to.
        clock, journal: those in the connector's context.
        fields: the mapping in the connector's context; None: the class's defaults.
        secrets: texts that must never be seen.
        again: makes another instance for the same remote, as a restart would.
        watched: the property in the connector's context that feedback asks for; None: none.
    """

    connector: Connector
    remote: Remote
    clock: ManualClock = field(default_factory=ManualClock)
    journal: Journal = field(default_factory=Journal)
    fields: Mapping[str, str | Field] | None = None
    secrets: Collection[str] = ()
    again: Callable[[], Connector] | None = None
    watched: Watched | None = None

    @classmethod
    def open(
        cls,
        connector: type[Connector],
        options: BaseModel | Mapping[str, Any],
        remote: Remote,
        *,
        clock: ManualClock | None = None,
        fields: Mapping[str, str | Field] | None = None,
        secrets: Collection[str] = (),
        watched: Watched | None = None,
    ) -> Self:
        """Make the connector as `syncd` does: options validated, the mapping in its context.

        Secret options are among `secrets` by themselves.
        """
        chosen = options if isinstance(options, BaseModel) else connector.Options.model_validate(options)
        clock, journal = clock or ManualClock(), Journal()
        table = as_fields(connector.defaults if fields is None else fields)
        context = Context("contract", clock, journal, table, watched)

        def make() -> Connector:
            return connector(chosen, context)

        kept = {*secrets, *secret_values(chosen)}
        return cls(make(), remote, clock, journal, fields, kept, make, watched)

    @property
    def table(self) -> dict[str, Field]:
        """The mapping in force."""
        return as_fields(self.connector.defaults if self.fields is None else self.fields)

    def restart(self) -> None:
        """Replace the connector by a new instance, as a restart of the process does. Skips where there is none."""
        if self.again is None:
            pytest.skip("the bench cannot make another instance: use Bench.open, or give it `again`")
        self.connector.close()
        self.connector = self.again()

    @cached_property
    def field_map(self) -> FieldMap:
        """The mapping in force, compiled."""
        return FieldMap.compile("connectors.contract", self.table)

    def delivery(
        self,
        n: int,
        *,
        emailed: bool = True,
        in_place_of: Mapping[str, str] | None = None,
        **changes: object,
    ) -> Delivery:
        """Lead `n` of person `n`, mapped.

        Args:
            n: 1 or more; the id of the lead and of the delivery.
            emailed: False: only the listing is known.
            in_place_of: texts to put in place of others in the mapped fields, for what no lead can hold.
            changes: what is different in the lead, by the name of its variable (`display_name=…`, `x_user_id=…`,
                `discovered_at=…`; None: absent), and `maybe_sent`, `remote_id`, `attempt` of the delivery.
        """
        raw = samples.raw_lead(n)
        for name, value in changes.items():
            if name in _LEAD:
                raw[_LEAD[name]] = value
            elif name in _PROFILE:
                raw["profile"][_PROFILE[name]] = value
        known: dict[str, Any] = {k: v for k, v in changes.items() if k not in _LEAD and k not in _PROFILE}
        lead = samples.lead(raw)
        uses = self.field_map.uses
        found = samples.enrichment(n) if emailed else None
        values = variables(lead, _LABELS, found, names=uses, now=self.clock.now())
        mapped = _replaced(self.field_map.evaluate(values), in_place_of or {})
        return Delivery(id=lead.id, lead=lead, fields=mapped, person=lead.person, **known)

    def deliveries(self, count: int, first: int = 1) -> list[Delivery]:
        """So many leads of as many persons."""
        return [self.delivery(n) for n in range(first, first + count)]

    def objects(self) -> list[dict[str, object]]:
        """Copy the objects that an outside observer sees."""
        return [dict(each) for each in self.remote.objects()]

    def seen(self) -> int:
        """Count the objects that an outside observer sees."""
        return len(self.remote.objects())


def as_fields(table: Mapping[str, str | Field]) -> dict[str, Field]:
    """A mapping as a connector finds it in its context."""
    return {name: Field(value=cell) if isinstance(cell, str) else cell for name, cell in table.items()}


def _replaced(mapped: dict[str, object], texts: Mapping[str, str]) -> dict[str, object]:
    for old, new in texts.items():
        mapped = {k: v.replace(old, new) if isinstance(v, str) else v for k, v in mapped.items()}
    return mapped
