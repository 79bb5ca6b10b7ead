"""Claims about a remote that misbehaves: nothing is lost, nothing is written twice, and the failure has the right kind."""

from collections.abc import Callable, Sequence
from typing import overload

import pytest

from syncd.connector import Connector, Delivered, Delivery, Halt, Pause, Retry
from syncd.testing.base import ContractPart, deliver_all, demand, demand_delivered, demand_growth, few
from syncd.testing.bench import Bench
from syncd.testing.lane_harness import Call, LaneHarness

_ASKED = 37.0
"""Seconds."""


class _Tripwire(Sequence[Delivery]):
    """A batch that sets something off when the connector comes to its middle."""

    def __init__(self, batch: Sequence[Delivery], cause: Callable[[], None]) -> None:
        self._batch, self._cause = batch, [cause]

    def __len__(self) -> int:
        return len(self._batch)

    @overload
    def __getitem__(self, place: int) -> Delivery: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Delivery]: ...
    def __getitem__(self, place: int | slice) -> Delivery | Sequence[Delivery]:
        if self._cause and place in (len(self) // 2, slice(None)):
            self._cause.pop()()
        return self._batch[place]


def _delivered(call: Call) -> int:
    return sum(isinstance(outcome, Delivered) for outcome in call.outcomes)


def _first_call(harness: LaneHarness) -> Call:
    call = harness.step()
    if call is None:
        raise AssertionError("nothing was due")
    return call


def _broken_off(bench: Bench, cause: Callable[[], None], when: str) -> LaneHarness:
    """Call once, with trouble in the middle of the batch; demand that the answer reports what the remote holds."""
    before, batch = bench.seen(), few(bench)
    if len(batch) == 1:
        pytest.skip("it takes one delivery at a time")
    harness = LaneHarness(bench, *batch)
    harness.hand_over = lambda given: _Tripwire(given, cause)
    call = _first_call(harness)
    harness.hand_over = tuple
    written, reported = bench.seen() - before, _delivered(call)
    demand(
        reported >= written,
        f"{when}, {written} deliveries were written and {reported} reported: yield each outcome as soon as it is known, or "
        "return those that are, with the Pause or Halt behind them",
    )
    demand(
        reported <= written,
        f"{when}, {reported} deliveries were reported as delivered and {written} are there",
    )
    return harness


class FailureClaims(ContractPart):
    """The claims about a remote that misbehaves."""

    def test_a_lost_answer_makes_no_duplicate(self, bench: Bench) -> None:
        """A call that was applied and whose answer was lost is made again, and must find what it wrote."""
        self.need("lose_answer")
        before, batch = bench.seen(), few(bench)
        bench.remote.lose_next_answer()
        harness = LaneHarness(bench, *batch).settle()
        demand(
            any(call.failures for call in harness.calls),
            "an answer was lost, and no call failed: the connector believes what nobody confirmed (or the remote's "
            "lose_next_answer lost nothing)",
        )
        demand_delivered(harness, batch, "When an answer is lost after the call was applied")
        demand_growth(bench, before, len(batch), "After a lost answer")

    def test_a_restart_after_a_lost_answer_makes_no_duplicate(self, bench: Bench) -> None:
        """The process may die with the answer: the next instance knows no more than the delivery says."""
        self.need("lose_answer")
        before, batch = bench.seen(), few(bench)
        bench.remote.lose_next_answer()
        harness = LaneHarness(bench, *batch)
        harness.step()
        bench.restart()
        demand_delivered(harness.settle(), batch, "When the process restarts after a lost answer")
        demand_growth(bench, before, len(batch), "After a lost answer and a restart")

    def test_a_bare_server_error_is_not_a_delivery_and_costs_nobody(self, bench: Bench) -> None:
        """A call that fails whole without a reason is `Pause(…, unexplained=True)`, or a `Retry` for each."""
        self.need("fail")
        before, batch = bench.seen(), few(bench)
        bench.remote.fail_next()
        harness = LaneHarness(bench, *batch)
        call = _first_call(harness)
        demand_growth(bench, before, _delivered(call), "After a bare server error")
        demand(bool(call.failures), "the remote answered with a bare server error, and no delivery failed")
        for why in call.failures:
            fair = isinstance(why, Retry) or (isinstance(why, Pause) and why.unexplained)
            demand(
                fair,
                f"a bare server error says nothing about a lead or a key: raise Pause(…, unexplained=True), not {why!r}",
            )
        demand_delivered(harness.settle(), batch, "After one bare server error")
        demand_growth(bench, before, len(batch), "After a bare server error and trying again")

    def test_too_many_requests_pauses_as_long_as_it_was_asked_to(self, bench: Bench) -> None:
        """A request to slow down is `Pause(…, after=seconds)`: it spends no attempt and blames no lead."""
        self.need("slow_down")
        before, batch = bench.seen(), few(bench)
        bench.remote.slow_down(_ASKED)
        harness = LaneHarness(bench, *batch)
        call = _first_call(harness)
        demand_growth(bench, before, _delivered(call), "After a request to slow down")
        pauses = [why for why in call.failures if isinstance(why, Pause)]
        demand(
            bool(pauses), f"asked to slow down, the connector must answer with a Pause, not {call.answer!r}"
        )
        why = pauses[0]
        demand(
            not why.unexplained,
            "asked to slow down, everybody knows why: do not mark the Pause as unexplained",
        )
        demand(
            why.after is not None and _ASKED <= why.after <= 1.5 * _ASKED + 5,
            f"asked to come back in {_ASKED:g} seconds, the Pause must say so in `after`, in seconds; it says {why.after}",
        )
        demand_delivered(harness.settle(), batch, "After a request to slow down")
        demand_growth(bench, before, len(batch), "After a request to slow down")

    def test_a_poisoned_lead_is_rejected_alone(self, bench: Bench) -> None:
        """`Reject` in the guilty one's place; or `Refused` when the call was refused whole and nothing written."""
        self.need("poison")
        before, batch = bench.seen(), few(bench)
        guilty = {batch[0].id, batch[-2].id} if len(batch) > 2 else {batch[0].id}  # noqa: PLR2004
        for one in batch:
            if one.id in guilty:
                bench.remote.poison(one.person)
        innocent = [*(one for one in batch if one.id not in guilty), bench.delivery(99)]
        harness = LaneHarness(bench, *batch).settle().take(innocent[-1]).settle()
        demand_delivered(harness, innocent, "Beside leads that the remote refuses")
        demand(
            harness.ids("rejected") == sorted(guilty),
            f"the remote refuses deliveries {sorted(guilty)}: each must be rejected; {harness.ids('rejected')} were"
            + (f", and the lane is {harness.lane.status} ({harness.lane.code})" if harness.pending else ""),
        )
        demand_growth(bench, before, len(innocent), "Beside leads that the remote refuses")

    def test_a_failure_in_mid_batch_loses_no_outcome(self, bench: Bench) -> None:
        """The answer reports all that was written before a server error; the rest is tried again, and nothing is written twice."""
        self.need("fail")
        before = bench.seen()
        harness = _broken_off(bench, bench.remote.fail_next, "after a server error in the middle of a batch")
        batch = few(bench)
        demand_delivered(harness.settle(), batch, "After a server error in the middle of a batch")
        demand_growth(bench, before, len(batch), "After a server error in the middle of a batch")

    def test_credentials_revoked_in_mid_batch_lose_no_outcome(self, bench: Bench) -> None:
        """The answer reports all that was written before, and the others stay pending behind the `Halt`."""
        self.need("revoke")
        before = bench.seen()
        harness = _broken_off(
            bench, bench.remote.revoke, "when credentials are revoked in the middle of a batch"
        )
        harness.settle()
        demand(
            not harness.pending or harness.lane.status == "halted",
            "credentials that are revoked in mid-batch must halt the lane",
        )
        demand_growth(
            bench, before, len(harness.ids("delivered")), "After credentials were revoked in mid-batch"
        )

    def test_revoked_credentials_halt_the_lane_and_lose_nothing(self, bench: Bench) -> None:
        """Waiting does not help and no lead is at fault: `Halt`, with a fix that names the cure."""
        self.need("revoke")
        first, batch = bench.delivery(50), few(bench)
        deliver_all(bench, [first], "Before the credentials are revoked")
        before = bench.seen()
        bench.remote.revoke()
        harness = LaneHarness(bench, *batch).settle()
        why = harness.calls[0].failures[0] if harness.calls[0].failures else None
        demand(isinstance(why, Halt), f"revoked credentials must halt the lane: raise Halt, not {why!r}")
        demand(harness.lane.status == "halted", "revoked credentials must halt the lane at once")
        demand(
            sorted(harness.pending) == sorted(one.id for one in batch),
            f"revoked credentials are no lead's fault: none may be settled, and {sorted(harness.settled)} were",
        )
        demand(bench.seen() == before, "nothing can be written with revoked credentials, and something was")

    def test_check_finds_revoked_credentials(self, bench: Bench) -> None:
        """`check` finds them before the first lead does."""
        self.need("revoke")
        bench.remote.revoke()
        if type(bench.connector).check is Connector.check:
            pytest.skip("the connector has no check")
        try:
            found = [one.level for one in bench.connector.check()]
        except Halt:
            return
        demand(
            "error" in found,
            "with revoked credentials, check() must raise Halt or return a finding with the level `error`",
        )
