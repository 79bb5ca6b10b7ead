"""The bench that a connector is tried on: the connector, the remote it writes to, and made-up deliveries."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, Self

from pydantic import BaseModel

from syncd.connector import Connector, Context, Delivery, Field, Watched
from syncd.mapping import FieldMap, Labels, variables
from syncd.settings import secret_values
from syncd.testing import samples
from syncd.testing.clock import Journal, ManualClock

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

    # Optional: `schema()`, what else `check` and `setup` must not change; `mark(person, value)`, for a connector that offers
    # `statuses_since`: somebody at the remote sets the watched property of this person


@dataclass
class Bench:
    """The material of the contract's tests.

    Args:
        connector: the one under test, ready: set up, credentials good, nothing written yet.
        remote: where it writes to.
        clock: the very clock in the connector's context.
        journal: the very logger in the connector's context.
        fields: the mapping in the connector's context; None: the class's defaults.
        secrets: texts that must never be seen.
        again: makes another instance for the same remote, as a restart would.
        watched: the property in the connector's context that feedback wants to hear of; None: none is asked for.
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
        context = Context(
            "contract", clock, journal, as_fields(connector.defaults if fields is None else fields), watched
        )
        kept = {*secrets, *secret_values(chosen)}
        return cls(
            connector(chosen, context),
            remote,
            clock,
            journal,
            fields,
            kept,
            lambda: connector(chosen, context),
            watched,
        )

    @cached_property
    def field_map(self) -> FieldMap:
        """The mapping in force, compiled."""
        table = self.connector.defaults if self.fields is None else self.fields
        return FieldMap.compile("connectors.contract", as_fields(table))

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
            emailed: False: nothing is known but what the listing says.
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
