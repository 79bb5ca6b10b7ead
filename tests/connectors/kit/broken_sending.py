"""Connectors that break their contract in what they send and answer, each in one way, as authors do it.

All are the in-memory connector with one thing done wrong. `test_contract_faults` says which claim must notice.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from syncd.connector import Context, Delivered, Delivery, Halt, Outcome, Pause, Refused, Reject, Route
from syncd.testing.memory import MemoryConnector, MemoryOptions

_FIX = "Mend it."
Sent = Sequence[tuple[Delivery, Outcome]]


class _Sleight(MemoryConnector):
    """Sends as it should; `_turn` spoils the outcomes."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return self._turn(list(zip(batch, super().deliver(batch), strict=True)))

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        raise NotImplementedError


class Sorted(_Sleight):
    """Answers in the order of the remote, which is by name."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        return [outcome for _, outcome in sorted(sent, key=lambda pair: pair[0].person)]


class OneId(_Sleight):
    """Gives everybody the id of the call."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        return [Delivered("call-1") if isinstance(each, Delivered) else each for _, each in sent]


class Forgetful(_Sleight):
    """Leaves out what was refused."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        return [each for _, each in sent if isinstance(each, Delivered)]


class BlamesAll(_Sleight):
    """One was refused, so all are."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        guilty = [each for _, each in sent if isinstance(each, Reject)]
        return [guilty[0] if guilty else each for _, each in sent]


class RaisesReject(_Sleight):
    """Raises what is about one lead."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        for _, each in sent:
            if isinstance(each, Reject):
                raise each
        return [each for _, each in sent]


class RefusesUnnamed(_Sleight):
    """Refuses with a code that is in no registry."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        if any(isinstance(each, Reject) for _, each in sent):
            raise Refused("not_in_the_registry", "A member is not valid.")
        return [each for _, each in sent]


class AlwaysNew(_Sleight):
    """Never looks whether it created anything."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        return [replace(each, created=True) if isinstance(each, Delivered) else each for _, each in sent]


class BlameTheName(_Sleight):
    """Puts into the detail what the vendor's message quotes."""

    def _turn(self, sent: Sent) -> Sequence[Outcome]:
        return [
            Reject(each.code, f"@{one.lead.profile.handle} is not valid.")
            if isinstance(each, Reject)
            else each
            for one, each in sent
        ]


class _Inserts(MemoryConnector):
    """The remote has no upsert: every write makes somebody new. `_written`: what this instance remembers."""

    def __init__(self, options: MemoryOptions, context: Context) -> None:
        super().__init__(options, context)
        self._written: dict[str, str] = {}

    def _key(self, delivery: Delivery) -> str:
        number = next(n for n in itertools.count() if f"{delivery.person}#{n}" not in self._remote.people)
        return f"{delivery.person}#{number}"


class Inserts(_Inserts):
    """Creates, whatever is there."""

    def route(self, delivery: Delivery) -> Route:
        return Route("people", delivery.person)


class Remembers(_Inserts):
    """Knows what it wrote, as long as it lives."""

    def _key(self, delivery: Delivery) -> str:
        return self._written.setdefault(delivery.person, super()._key(delivery))


class NeverLooks(Inserts):
    """Says that re-sending is not safe, updates by the remote id, and does not look when it may have sent."""

    def route(self, delivery: Delivery) -> Route:
        return Route("people", delivery.person, resend_safe=False)

    def _key(self, delivery: Delivery) -> str:
        known = [key for key, person in self._remote.people.items() if person["id"] == delivery.remote_id]
        return known[0] if known else super()._key(delivery)


class Believes(MemoryConnector):
    """Takes `maybe_sent` for sent."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        outcomes = iter(super().deliver([each for each in batch if not each.maybe_sent]))
        return [Delivered(created=False) if each.maybe_sent else next(outcomes) for each in batch]


class ByLead(MemoryConnector):
    """Says people and means leads."""

    def _key(self, delivery: Delivery) -> str:
        return str(delivery.lead.key)

    def route(self, delivery: Delivery) -> Route:
        return Route("people", self._key(delivery), resend_safe=True)


class LosesOutcomes(MemoryConnector):
    """Writes one after another, and raises in the middle: what it wrote before is in no answer."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return [outcome for one in batch for outcome in MemoryConnector.deliver(self, [one])]


class MakesUpOutcomes(MemoryConnector):
    """Writes one after another, and says of those behind a failure that they are there."""

    def deliver(self, batch: Sequence[Delivery]) -> Iterator[Outcome]:  # type: ignore[override]  # the base returns a list
        for one in batch:
            try:
                yield from super().deliver([one])
            except (Pause, Halt):
                yield Delivered(one.person)


class OneByOne(MemoryConnector):
    """Sound: it writes one after another, and yields as it goes."""

    def deliver(self, batch: Sequence[Delivery]) -> Iterator[Outcome]:  # type: ignore[override]  # the base returns a list
        for one in batch:
            yield from super().deliver([one])


class Overwrites(MemoryConnector):
    """Knows one policy."""

    def _may(self, name: str, there: Mapping[str, object]) -> bool:  # noqa: ARG002
        return True


class Untouched(MemoryConnector):
    """Takes every field for create_only."""

    def _may(self, name: str, there: Mapping[str, object]) -> bool:  # noqa: ARG002
        return False


class Blanks(MemoryConnector):
    """Writes every column of the mapping, those without a value as a blank."""

    def _due(self, fields: Mapping[str, object], there: Mapping[str, object] | None) -> dict[str, object]:
        return super()._due({**dict.fromkeys(self._policies, ""), **fields}, there)


class Latin(MemoryConnector):
    """Speaks Latin only."""

    def _due(self, fields: Mapping[str, object], there: Mapping[str, object] | None) -> dict[str, object]:
        for value in fields.values():
            str(value).encode("latin-1")
        return super()._due(fields, there)


class RefusesControls(MemoryConnector):
    """Halts at what a remote cannot hold."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        for each in batch:
            try:
                str(each.fields).encode()
            except UnicodeEncodeError:
                raise Halt("memory_invalid", "A text is not valid.") from None
            if any("\0" in value for value in each.fields.values() if isinstance(value, str)):
                raise Halt("memory_invalid", "A text is not valid.")
        return super().deliver(batch)


class NeedsHandle(MemoryConnector):
    """Is sure that everybody has a handle."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        for each in batch:
            each.fields["handle"]
        return super().deliver(batch)


class TooMuch(MemoryConnector):
    """Promises larger batches than the remote takes."""

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if len(batch) > self.batch_size // 2:
            raise Halt("memory_invalid", "Too many at once.")
        return super().deliver(batch)
