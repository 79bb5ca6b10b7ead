"""The base of every claim of the contract: the bench, the troubles that a remote may be unable to make, and plain demands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, get_args

import pytest

from syncd.connector import Delivery
from syncd.testing.bench import Bench
from syncd.testing.lane_harness import LaneHarness

Trouble = Literal["lose_answer", "fail", "poison", "slow_down", "revoke", "tell_created"]
FEW = 6
"""Deliveries of an ordinary small batch."""


def demand(met: bool, message: str) -> None:  # noqa: FBT001 - it reads as an assertion, and holds under -O as well
    """Raise AssertionError with the demand of the contract."""
    if not met:
        raise AssertionError(message)


class ContractPart:
    """Base of the contract's parts. `cannot`: what this remote cannot do, and why; its tests are skipped with that."""

    cannot: ClassVar[Mapping[Trouble, str]] = {}

    @pytest.fixture
    def bench(self) -> Bench | Iterator[Bench]:
        """Override this: a bench with a fresh remote."""
        raise NotImplementedError(
            "override the fixture `bench`: return Bench.open(YourConnector, options, remote)"
        )

    @pytest.fixture
    def bare(self, bench: Bench) -> Bench:
        """Override this if the connector has `setup`: a bench whose remote was not set up yet."""
        return bench

    def able(self, what: Trouble) -> bool:
        """True if the remote can be made to do it. Raises AssertionError for a misspelt reason."""
        for name in self.cannot:
            demand(name in get_args(Trouble), f"`cannot` knows {', '.join(get_args(Trouble))}; not {name!r}")
        return what not in self.cannot

    def need(self, what: Trouble) -> None:
        """Skip the test, with the reason, if the remote cannot do it."""
        if not self.able(what):
            pytest.skip(f"{what}: {self.cannot[what]}")


def few(bench: Bench, first: int = 1) -> list[Delivery]:
    """An ordinary small batch."""
    return bench.deliveries(min(FEW, bench.connector.batch_size), first)


def again(bench: Bench, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The same deliveries after the ledger forgot what became of them: marked where re-sending is not safe."""
    return [one._replace(maybe_sent=not bench.connector.route(one).resend_safe) for one in deliveries]


def deliver_all(bench: Bench, deliveries: Sequence[Delivery], when: str) -> LaneHarness:
    """Settle these deliveries on a new lane, and demand that every one was delivered."""
    harness = LaneHarness(bench, *deliveries).settle()
    demand_delivered(harness, deliveries, when)
    return harness


def demand_delivered(harness: LaneHarness, deliveries: Iterable[Delivery], when: str) -> None:
    """Demand that every one was delivered in the end."""
    missing = sorted({one.id for one in deliveries} - set(harness.ids("delivered")))
    lane = harness.lane
    state = f"; the lane is {lane.status} ({lane.code}: {lane.detail})" if harness.pending else ""
    reasons = {change.code: change.detail for id_, change in harness.settled.items() if id_ in missing}
    demand(
        not missing,
        f"{when}, every delivery must be delivered in the end; {missing} were not: {reasons}{state}",
    )


def demand_growth(bench: Bench, before: int, wanted: int, when: str) -> None:
    """Demand so many new objects."""
    found = bench.seen() - before
    trouble = "a duplicate" if found > wanted else "something reported as delivered is not there"
    demand(found == wanted, f"{when}, the remote must hold {wanted} new objects, not {found}: {trouble}")
