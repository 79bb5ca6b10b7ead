"""A CRM that outlives every engine, the ways in which it can misbehave, and a connector to it."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel

from syncd.connector import Connector, Context, Field, Status, Statuses
from syncd.core.delivery import Delivered, Delivery, Outcome, Route
from syncd.core.failure import Pause, Refused, Reject
from syncd.core.feedback import Judging
from syncd.core.lane_state import Policy
from tests.support.virtual import Clock, Seams


class NoOptions(BaseModel):
    """A connector of the tests has none."""


@dataclass
class Thing:
    """What the remote holds."""

    remote_id: str
    key: str
    since: float
    writes: list[int] = field(default_factory=list)
    """Lead ids, in the order in which they were written over it."""
    fields: dict[str, object] = field(default_factory=dict)


Rule = Callable[["Remote", Sequence[Delivery]], Sequence[Outcome]]
"""How the remote answers one call; may raise."""


@dataclass
class Remote:
    """A CRM that outlives every engine. `script`: rules for the next calls; then `rule` for all that follow."""

    objects: Literal["people", "leads"] = "leads"
    clock: Clock = field(default_factory=Clock)
    upsert: bool = True
    search_lag: float = 0.0
    """Seconds until a search finds what was written."""
    things: list[Thing] = field(default_factory=list)
    calls: list[tuple[Delivery, ...]] = field(default_factory=list)
    script: deque[Rule] = field(default_factory=deque)
    rule: Rule | None = None
    marks: list[Status] = field(default_factory=list)
    """What somebody set a person's status to, in order."""
    page: int = 3
    """Statuses a page."""
    hearing: deque[Exception | object] = field(default_factory=deque)
    """What the next questions about statuses come to instead: raised, or answered."""
    asked: list[str] = field(default_factory=list)
    """The cursors of those questions."""

    def mark(self, value: str, *lead_ids: int, by_id: bool = False) -> None:
        """Somebody sets the status of the things of these leads. `by_id`: the remote does not tell whose they are."""
        self.clock.advance(0.001)
        for thing in self.things:
            if set(thing.writes) & set(lead_ids):
                who = "" if by_id else thing.key
                self.marks.append(Status(value, self.clock.true(), person=who, remote_id=thing.remote_id))

    def statuses(self, cursor: str) -> Statuses:
        """A page; the last one's cursor is a little behind, so that some are told twice."""
        self.asked.append(cursor)
        if self.hearing:
            said = self.hearing.popleft()
            if isinstance(said, Exception):
                raise said
            return cast("Statuses", said)
        begin = int(cursor or 0)
        found = self.marks[begin : begin + self.page]
        if len(found) == self.page:
            return Statuses(found, str(begin + self.page), more=True)
        return Statuses(found, str(max(0, begin + len(found) - 2)))

    def key(self, delivery: Delivery) -> str:
        return delivery.person if self.objects == "people" else f"{delivery.lead.source}/{delivery.lead.key}"

    def answer(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.calls.append(tuple(batch))
        rule = self.script.popleft() if self.script else self.rule
        return rule(self, batch) if rule else self.accept(batch)

    def accept(self, batch: Sequence[Delivery]) -> list[Outcome]:
        return [self.write(delivery) for delivery in batch]

    def write(self, delivery: Delivery) -> Delivered:
        """Upsert; without one, update what is known by id, look for what may be there, else create."""
        found = self._find(delivery)
        thing = found or Thing(f"r{len(self.things) + 1}", self.key(delivery), self.clock.true())
        if found is None:
            self.things.append(thing)
        thing.writes.append(delivery.lead.id)
        thing.fields = dict(delivery.fields)
        return Delivered(thing.remote_id, created=found is None)

    def _find(self, delivery: Delivery) -> Thing | None:
        if self.upsert:
            return next((t for t in self.things if t.key == self.key(delivery)), None)
        if delivery.remote_id is not None and self.objects == "people":
            return next(t for t in self.things if t.remote_id == delivery.remote_id)
        if not delivery.maybe_sent and not self.search_lag:
            return None
        seen = self.clock.true() - self.search_lag
        return next((t for t in self.things if t.key == self.key(delivery) and t.since <= seen), None)

    def lead_ids(self) -> list[int]:
        """Lead ids by thing, each thing's first write; sorted."""
        return sorted(thing.writes[0] for thing in self.things)

    def duplicates(self) -> list[str]:
        return [key for key, n in Counter(thing.key for thing in self.things).items() if n > 1]

    def holds(self, lead_id: int) -> bool:
        return any(lead_id in thing.writes for thing in self.things)


def unreachable(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
    """Failed whole, nothing applied."""
    raise Pause("unreachable", "The remote cannot be reached.", unexplained=True)


def lost_answer(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
    """A 500 after applying."""
    far.accept(batch)
    raise Pause("unavailable", "The remote answered 500.", unexplained=True)


def chokes_on(*poison: int) -> Rule:
    """A remote that answers 500 to any call that holds one of these leads."""

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return unreachable(far, batch) if {d.lead.id for d in batch} & set(poison) else far.accept(batch)

    return rule


def refuses(*poison: int) -> Rule:
    """A remote that refuses the whole call when one of these leads is in it."""

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if {d.lead.id for d in batch} & set(poison):
            raise Refused("invalid", "A member of the call is not valid.")
        return far.accept(batch)

    return rule


def rejects(*poison: int) -> Rule:
    """A remote that turns these leads down one by one; without any, every lead."""

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        bad = set(poison) or {d.lead.id for d in batch}
        return [Reject("invalid", "Not valid.") if d.lead.id in bad else far.write(d) for d in batch]

    return rule


class MemoryConnector(Connector):
    """A connector to a `Remote`; its objects are leads."""

    Options = NoOptions
    defaults: ClassVar[Mapping[str, str | Field]] = {"handle": "{{ handle }}", "bio": "{{ bio }}"}
    batch_size = 100

    def __init__(self, options: Any, context: Context) -> None:
        super().__init__(options, context)
        self.far: Remote = options
        self.seams: Seams = Seams()
        self.groups: Callable[[Delivery], str] = lambda _: "all"

    def route(self, delivery: Delivery) -> Route:
        return Route(self.groups(delivery), self.far.key(delivery), resend_safe=self.far.upsert)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.seams("before deliver")
        outcomes = self.far.answer(batch)
        self.seams("after deliver")
        return outcomes

    def statuses_since(self, cursor: str) -> Statuses:
        self.seams("before hear")
        return self.far.statuses(cursor)


class PeopleConnector(MemoryConnector):
    """Its objects are people."""

    objects = "people"


@dataclass
class Place:
    """A configured connector: its remote, and how it is configured."""

    far: Remote
    required: bool = True
    where: str = ""
    batch_size: int = 100
    gate: int = 0
    policy: Policy = field(default_factory=Policy)
    fields: Mapping[str, str] = field(
        default_factory=lambda: dict[str, str](handle="{{ handle }}", bio="{{ bio }}")
    )
    groups: Callable[[Delivery], str] = lambda _: "all"
    route: Callable[[Delivery], Route] | None = None
    judging: Judging | None = None
    """What of its statuses is listened to; None: nothing."""
