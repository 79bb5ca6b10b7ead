"""A lane under faults, in virtual time: whatever the remote does, only the guilty are rejected and nobody is stuck."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.delivery import Change, Delivered, Item, Outcome, Route, pack
from syncd.core.failure import Halt, Pause, Refused, Reject
from syncd.core.lane_state import LaneState, Policy, Situation, reopened
from syncd.core.verdict import judge_call, may_go_on

DAY = 86400.0
HOUR = 3600.0
Kind = Literal["healthy", "poison", "forbidden", "locked", "invalid", "oversize"]
Order = Callable[[Change, float], tuple[float, ...]]


def by_turn(change: Change, tried: float) -> tuple[float, ...]:
    """Whoever waited longest since it was due or tried."""
    return (max(change.due_at, tried), change.id)


def by_due(change: Change, _tried: float) -> tuple[float, ...]:
    return (change.due_at, change.id)


@dataclass
class Crm:
    """Down in its outages; it refuses a call with an oversize lead.

    One poison lead makes it answer 500, a forbidden one 403, a locked one 423 with a time to wait.
    """

    kinds: Sequence[Kind]
    outages: Sequence[tuple[float, float]]
    attempts: int = 0

    def deliver(self, call: Sequence[int], now: float) -> Sequence[Outcome] | Exception:
        kinds = [self.kinds[number] for number in call]
        if any(start <= now < start + length for start, length in self.outages):
            return Pause("unreachable", "no answer", unexplained=True)
        if "poison" in kinds:
            return Pause("unavailable", "500", unexplained=True)
        if "forbidden" in kinds:
            return Halt("access", "403")
        if "locked" in kinds:
            return Pause("locked", "423", after=2.0)
        if "oversize" in kinds:
            return Refused("too_large", "413")
        return [Reject("invalid", "no") if kind == "invalid" else Delivered() for kind in kinds]


@dataclass
class Lane:
    """What an engine does with the rules: pack what is due, make one call, write the verdict, look again."""

    crm: Crm
    batch: int
    seed: int
    order: Order = by_turn
    now: float = 0.0
    state: LaneState = field(default_factory=lambda: LaneState("connector", "crm"))
    rows: dict[int, Change] = field(default_factory=dict)
    tried: dict[int, float] = field(default_factory=dict)
    calls: int = 0

    def __post_init__(self) -> None:
        chance = Random(self.seed)  # noqa: S311 - a seed is a run
        # Leads come in over a day, the first few at once.
        self.comes = [0.0 if n < 3 else chance.uniform(0.0, DAY) for n in range(len(self.crm.kinds))]
        self.rows = {n: Change(n, "pending", 0, due_at=at) for n, at in enumerate(self.comes)}
        self.chance = chance.random

    def left(self, *kinds: Kind) -> list[int]:
        return [n for n, row in self.rows.items() if row.state == "pending" and self.crm.kinds[n] in kinds]

    def run(self, until: float, *kinds: Kind) -> None:
        """Go on until nothing of these kinds is pending, or until an instant."""
        while self.left(*kinds) and self.now < until:
            wait = 0.0 if may_go_on(self.state) and self.others() else self.state.wait(self.now)
            self.now += HOUR if wait is None else wait  # a daemon probes a halted lane once an hour
            self.state = reopened(self.state)
            self.step()

    def others(self, but: Sequence[int] = ()) -> bool:
        """Whether somebody is due whom the doubt has not asked about."""
        asked = {*self.state.doubts, *but}
        return any(
            row.state == "pending" and row.id not in asked and max(row.due_at, self.comes[row.id]) <= self.now
            for row in self.rows.values()
        )

    def step(self) -> None:
        pending = [row for row in self.rows.values() if row.state == "pending"]
        due = [row for row in pending if max(row.due_at, self.comes[row.id]) <= self.now]
        if not due:
            self.now = min(max(row.due_at, self.comes[row.id]) for row in pending)
            return
        due.sort(key=lambda row: self.order(row, self.tried.get(row.id, 0.0)))
        if self.state.probing:
            due.sort(key=lambda row: row.id in self.state.doubts)
        items = [as_item(row) for row in due]
        routes = [Route("g", f"person {item.id % 7}") for item in items]
        chosen = pack(list(zip(items, routes, strict=True)), self.state, self.batch)[0]
        self.make([items[n] for n in chosen])

    def make(self, call: Sequence[Item]) -> None:
        ids = [item.id for item in call]
        answer = self.crm.deliver(ids, self.now)
        situation = Situation(self.now, Policy(), self.chance, self.others(ids))
        verdict = judge_call(call, answer, self.state, situation)
        assert [change.id for change in verdict.changes] == ids
        for item, change in zip(call, verdict.changes, strict=True):
            assert item.attempts <= change.attempts <= item.attempts + 1
            assert change.state != "delivered" or self.crm.kinds[item.id] == "healthy"
            assert change.state != "rejected" or self.crm.kinds[item.id] != "healthy", "an outage rejected it"
            self.rows[item.id] = change
            self.tried[item.id] = self.now
        assert not verdict.revived
        self.state = verdict.lane
        self.now += 0.5
        self.calls += 1


def as_item(row: Change) -> Item:
    return Item(
        row.id,
        row.attempts,
        suspect=row.suspect,
        mark=row.mark,
        failing_since=row.failing_since,
        limit=row.limit,
        maybe_sent=row.maybe_sent,
    )


def mixed(
    healthy: int, poison: int, invalid: int, oversize: int, seed: int, *, forbidden: int = 0, locked: int = 0
) -> list[Kind]:
    kinds: list[Kind] = []
    kinds += ["healthy"] * healthy
    kinds += ["poison"] * poison
    kinds += ["invalid"] * invalid
    kinds += ["oversize"] * oversize
    kinds += ["forbidden"] * forbidden
    kinds += ["locked"] * locked
    Random(seed).shuffle(kinds)  # noqa: S311 - a seed is a run
    return kinds


seeds = st.integers(0, 2**32)
outages = st.lists(
    st.tuples(st.floats(0.0, 3 * DAY), st.floats(1.0, HOUR) | st.floats(HOUR, 4 * DAY)), max_size=3
)
few = st.integers(0, 4)
crowds = st.builds(mixed, st.integers(1, 25), few, few, few, st.integers(0, 99), forbidden=few, locked=few)


@settings(max_examples=80, deadline=None)
@given(crowds, outages, st.integers(1, 8), seeds)
def test_once_faults_stop_every_healthy_lead_is_delivered_and_only_the_guilty_were_rejected(
    kinds: list[Kind], down: list[tuple[float, float]], batch: int, seed: int
) -> None:
    lane = Lane(Crm(kinds, down), batch, seed)
    over = max([DAY, *(start + length for start, length in down)])
    lane.run(over + DAY, "healthy", "invalid", "oversize")

    assert lane.left("healthy", "invalid", "oversize") == []
    assert lane.calls < 60 * len(kinds) + (over + DAY) / 60, "a hot loop"


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.floats(HOUR, DAY), st.integers(1, 8), seeds)
def test_an_outage_spends_nobodys_attempts(leads: int, length: float, batch: int, seed: int) -> None:
    lane = Lane(Crm(["healthy"] * leads, [(0.0, 30 * DAY)]), batch, seed)
    lane.run(length, "healthy")

    assert [row.attempts for row in lane.rows.values()] == [0] * leads
    assert lane.state.status != "halted"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), seeds, st.sampled_from(["poison", "forbidden", "locked"]))
def test_who_stops_every_call_is_rejected_in_the_end_if_others_go_through(
    batch: int, seed: int, kind: Kind
) -> None:
    lane = Lane(Crm([kind, *mixed(60, 0, 2, 2, seed)], []), batch, seed)
    lane.run(2 * DAY, "healthy", kind)

    assert lane.left("healthy", kind) == []


def test_poison_alone_is_never_rejected_for_the_fault_may_be_the_lanes() -> None:
    lane = Lane(Crm(["poison"] * 3, []), 2, 7)
    lane.run(5 * DAY, "poison")

    assert len(lane.left("poison")) == 3
    assert lane.calls < 5 * DAY / 60
