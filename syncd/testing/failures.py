"""ContractPart about trouble: nothing is lost, nothing is written twice, and the failure says who must do what."""

import pytest

from syncd.core.delivery import Delivered
from syncd.core.failure import Halt, Pause, Retry
from syncd.testing.base import ContractPart, all_delivered, demand, few, grew_by
from syncd.testing.bench import Bench
from syncd.testing.lane_harness import Call, LaneHarness

_ASKED = 37.0
"""Seconds."""


def _delivered(call: Call) -> int:
    return sum(isinstance(outcome, Delivered) for outcome in call.outcomes)


def _first_call(courier: LaneHarness) -> Call:
    call = courier.step()
    if call is None:
        raise AssertionError("nothing was due")
    return call


class TroubleAhead(ContractPart):
    """What every connector promises when the remote misbehaves."""

    def test_a_lost_answer_makes_no_duplicate(self, bench: Bench) -> None:
        """A call that was applied and whose answer was lost is made again, and must find what it wrote."""
        self.need("lose_answer")
        before, batch = bench.seen(), few(bench)
        bench.remote.lose_next_answer()
        courier = LaneHarness(bench, *batch).settle()
        demand(
            any(call.failures for call in courier.calls),
            "an answer was lost, and no call failed: the connector believes what nobody confirmed (or the remote's "
            "lose_next_answer lost nothing)",
        )
        all_delivered(courier, batch, "When an answer is lost after the call was applied")
        grew_by(bench, before, len(batch), "After a lost answer")

    def test_a_restart_after_a_lost_answer_makes_no_duplicate(self, bench: Bench) -> None:
        """The process may die with the answer: the next instance knows no more than the delivery says."""
        self.need("lose_answer")
        if bench.again is None:
            pytest.skip("the bench cannot make another instance: use Bench.open, or give it `again`")
        before, batch = bench.seen(), few(bench)
        bench.remote.lose_next_answer()
        courier = LaneHarness(bench, *batch)
        courier.step()
        bench.connector.close()
        bench.connector = bench.again()
        all_delivered(courier.settle(), batch, "When the process restarts after a lost answer")
        grew_by(bench, before, len(batch), "After a lost answer and a restart")

    def test_a_bare_server_error_is_not_a_delivery_and_costs_nobody(self, bench: Bench) -> None:
        """A call that fails whole without a reason is `Pause(…, unexplained=True)`, or a `Retry` for each."""
        self.need("fail")
        before, batch = bench.seen(), few(bench)
        bench.remote.fail_next()
        courier = LaneHarness(bench, *batch)
        call = _first_call(courier)
        grew_by(bench, before, _delivered(call), "After a bare server error")
        demand(bool(call.failures), "the remote answered with a bare server error, and no delivery failed")
        for why in call.failures:
            fair = isinstance(why, Retry) or (isinstance(why, Pause) and why.unexplained)
            demand(
                fair,
                f"a bare server error says nothing about a lead or a key: raise Pause(…, unexplained=True), not {why!r}",
            )
        all_delivered(courier.settle(), batch, "After one bare server error")
        grew_by(bench, before, len(batch), "After a bare server error and trying again")

    def test_too_many_requests_pauses_as_long_as_it_was_asked_to(self, bench: Bench) -> None:
        """Being told to slow down is `Pause(…, after=seconds)`: it spends no attempt and blames no lead."""
        self.need("slow_down")
        before, batch = bench.seen(), few(bench)
        bench.remote.slow_down(_ASKED)
        courier = LaneHarness(bench, *batch)
        call = _first_call(courier)
        grew_by(bench, before, _delivered(call), "After being told to slow down")
        pauses = [why for why in call.failures if isinstance(why, Pause)]
        demand(
            bool(pauses), f"told to slow down, the connector must answer with a Pause, not {call.answer!r}"
        )
        why = pauses[0]
        demand(
            not why.unexplained,
            "told to slow down, everybody knows why: do not mark the Pause as unexplained",
        )
        demand(
            why.after is not None and _ASKED <= why.after <= 1.5 * _ASKED + 5,
            f"asked to come back in {_ASKED:g} seconds, the Pause must say so in `after`, in seconds; it says {why.after}",
        )
        all_delivered(courier.settle(), batch, "After being told to slow down once")
        grew_by(bench, before, len(batch), "After being told to slow down")

    def test_a_poisoned_lead_is_rejected_alone(self, bench: Bench) -> None:
        """`Reject` in the guilty one's place; or `Refused` when the call was refused whole and nothing written."""
        self.need("poison")
        before, batch = bench.seen(), few(bench)
        guilty = {batch[0].id, batch[-2].id} if len(batch) > 2 else {batch[0].id}  # noqa: PLR2004
        for one in batch:
            if one.id in guilty:
                bench.remote.poison(one.person)
        innocent = [*(one for one in batch if one.id not in guilty), bench.delivery(99)]
        courier = LaneHarness(bench, *batch).settle().take(innocent[-1]).settle()
        all_delivered(courier, innocent, "Beside leads that the remote refuses")
        demand(
            courier.ids("rejected") == sorted(guilty),
            f"the remote refuses deliveries {sorted(guilty)}: each must be rejected; {courier.ids('rejected')} were"
            + (f", and the lane is {courier.lane.status} ({courier.lane.code})" if courier.pending else ""),
        )
        grew_by(bench, before, len(innocent), "Beside leads that the remote refuses")

    def test_revoked_credentials_halt_the_lane_and_lose_nothing(self, bench: Bench) -> None:
        """Waiting does not help and no lead is at fault: `Halt`, with a fix that says what to mend."""
        self.need("revoke")
        first, batch = bench.delivery(50), few(bench)
        all_delivered(LaneHarness(bench, first).settle(), [first], "Before the credentials are revoked")
        before = bench.seen()
        bench.remote.revoke()
        courier = LaneHarness(bench, *batch).settle()
        why = courier.calls[0].failures[0] if courier.calls[0].failures else None
        demand(isinstance(why, Halt), f"revoked credentials must halt the lane: raise Halt, not {why!r}")
        demand(courier.lane.status == "halted", "revoked credentials must halt the lane at once")
        demand(
            sorted(courier.pending) == sorted(one.id for one in batch),
            f"revoked credentials are no lead's fault: none may be settled, and {sorted(courier.settled)} were",
        )
        demand(bench.seen() == before, "nothing can be written with revoked credentials, and something was")

    def test_check_finds_revoked_credentials(self, bench: Bench) -> None:
        """`check` tells before the first lead does."""
        self.need("revoke")
        bench.remote.revoke()
        errors = [found for found in bench.connector.check() if found.level == "error"]
        demand(bool(errors), "with revoked credentials, check() must return a finding with the level `error`")
        demand(all(found.fix for found in errors), "a finding that is not `ok` must say in `fix` what to do")
