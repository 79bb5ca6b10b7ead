"""Defects of delivering: what a call's answer is taken for, and whom it is held against."""

from typing import Any

from syncd.core.delivery import Delivered
from syncd.core.failure import Pause, Refused, Reject, Retry
from tests.proof.defects.planting import around, defect, instead

DELIVERING = "tests/engine/deliver/test_engine_delivering.py"
PEOPLE = "tests/engine/pull/test_engine_people.py"
POISON = "tests/engine/pull/test_engine_poison.py"
RULES = "tests/core/test_delivery_rules.py"


@defect(
    "I-5", "engine", f"{DELIVERING}::test_maybe_sent_is_on_the_disk_before_the_first_byte_of_an_unsafe_call"
)
def maybe_sent_is_noted_after_the_call() -> None:
    """Killed between the call and its mark, the ledger says that nothing was sent."""

    def make(plain: Any) -> Any:
        def send(self: Any, batch: Any) -> Any:
            answer = plain(self, batch)
            with self._ledger.write() as connection:
                marks = ",".join(str(one.id) for one in batch)
                connection.exec_driver_sql(f"UPDATE delivery SET maybe_sent = 1 WHERE id IN ({marks})")  # noqa: S608 - numbers
            return answer

        return send

    around("syncd.engine.deliver:Deliver._send", make)
    instead("syncd.ledger.deliveries.due:mark_maybe_sent", lambda *_, **__: None)


@defect("I-3", "engine", f"{DELIVERING}::test_an_answer_lost_after_applying_makes_no_duplicate")
def no_doubt_survives_a_lost_answer() -> None:
    """An unsafe call is repeated as if it had never been made."""

    def make(plain: Any) -> Any:
        return lambda call, *rest: plain([it._replace(maybe_sent=False) for it in call], *rest)

    around("syncd.core.verdict:judge_call", make)


@defect("I-5", "engine", f"{DELIVERING}::test_what_was_yielded_before_a_failure_stands")
def a_failure_undoes_what_was_yielded() -> None:
    """A connector that wrote some and then raised is taken for one that wrote nothing."""
    instead("syncd.core.verdict:broken_off", lambda _outcomes, why, _count: why)


@defect("I-2", "engine", f"{DELIVERING}::test_a_pause_in_the_answer_stands_for_all_after_it")
def outcomes_are_shifted_by_one() -> None:
    """Each delivery gets the outcome of its neighbour."""

    def make(plain: Any) -> Any:
        def send(self: Any, batch: Any) -> Any:
            answer = plain(self, batch)
            return [*answer[1:], answer[0]] if isinstance(answer, list) and answer else answer

        return send

    around("syncd.engine.deliver:Deliver._send", make)


@defect("I-2", "engine", f"{DELIVERING}::test_a_wrong_number_of_outcomes_delivers_nothing_by_itself")
def a_delivery_that_the_answer_forgets_is_delivered() -> None:
    """What a connector does not mention counts as done."""

    def make(plain: Any) -> Any:
        def checked(self: Any, batch: Any, answer: Any) -> Any:
            if isinstance(answer, list):
                answer = [*answer, *[Delivered()] * len(batch)][: len(batch)]
            return plain(self, batch, answer)

        return checked

    around("syncd.engine.deliver:Deliver._checked", make)


@defect("I-10", "engine", f"{POISON}::test_halving_a_refused_call_isolates_the_guilty_one")
def a_refused_call_rejects_its_whole_batch() -> None:
    """One lead that a CRM refuses takes its neighbours along."""

    def make(plain: Any) -> Any:
        def judge_call(call: Any, answer: Any, *rest: Any) -> Any:
            if isinstance(answer, Refused):
                answer = [Reject(answer.code, answer.detail)] * len(call)
            return plain(call, answer, *rest)

        return judge_call

    around("syncd.core.verdict:judge_call", make)


@defect("I-10", "engine", f"{DELIVERING}::test_an_outage_of_days_rejects_nobody_and_is_not_hammered")
def an_outage_spends_attempts() -> None:
    """A CRM that is down for a day rejects the backlog, lead by lead."""

    def make(plain: Any) -> Any:
        def judge_call(call: Any, answer: Any, *rest: Any) -> Any:
            if isinstance(answer, Pause):
                answer = [Retry(answer.code, answer.detail)] * len(call)
            return plain(call, answer, *rest)

        return judge_call

    around("syncd.core.verdict:judge_call", make)


@defect("I-10", "engine", f"{POISON}::test_a_renamed_field_rejects_nobody_and_halts")
def alike_rejections_halt_nothing() -> None:
    """A renamed field rejects every lead there is."""
    instead("syncd.core.verdict:ALIKE_LIMIT", 10**9)


@defect("I-10", "engine", f"{POISON}::test_a_renamed_field_rejects_nobody_and_halts")
def what_a_halt_should_revive_stays_rejected() -> None:
    """Ten leads that were no lead's fault are left to a person."""
    instead("syncd.ledger.deliveries.attempts:revive", lambda *_: None)


@defect("I-10", "unit", f"{RULES}::test_exhausted_attempts_reject_only_if_something_was_delivered_meanwhile")
def exhausted_attempts_reject_in_an_outage() -> None:
    """A lead is given up after its attempts, whether or not anything else went through."""

    def make(plain: Any) -> Any:
        return lambda walk, item, why, _before, situation: plain(
            walk, item._replace(mark=-1), why, -1, situation
        )

    around("syncd.core.verdict:_on_retry", make)


@defect(
    "I-10",
    "unit",
    f"{RULES}::test_an_unexplained_failure_of_a_call_makes_suspects_spends_no_attempt_and_probes_next",
)
def nobody_is_ever_suspected() -> None:
    """A lead that makes a CRM answer 500 is in every call that is tried."""

    def make(plain: Any) -> Any:
        def on_stopped(walk: Any, item: Any, why: Any, now: float, *, alone: bool) -> None:
            plain(walk, item, why, now, alone=alone)
            walk.changes[-1] = walk.changes[-1]._replace(suspect=False, due_at=0.0)

        return on_stopped

    around("syncd.core.verdict:_on_stopped", make)


@defect("I-3", "engine", f"{PEOPLE}::test_two_leads_of_a_person_in_one_pass_make_one_object")
def two_leads_of_a_person_share_a_pass() -> None:
    """The second is sent before the first one's object is known."""
    instead("syncd.engine.deliver:_one_each", lambda ready, *_: ready)


@defect("I-3", "engine", f"{PEOPLE}::test_a_later_lead_of_a_person_is_given_the_remote_id")
def whose_an_object_is_is_not_remembered() -> None:
    """The next lead of a person knows nothing of the object that the first one made."""
    instead("syncd.ledger.deliveries.due:_remember", lambda *_: None)


@defect(
    "I-3",
    "engine",
    f"{PEOPLE}::test_what_one_lead_may_have_made_is_looked_for_before_another_of_the_person_is_written",
)
def a_doubt_is_the_leads_and_not_the_persons() -> None:
    """What a lost answer may have made for a person is not looked for before their next lead is written."""

    def make(plain: Any) -> Any:
        return lambda connection, ids, *, people: plain(connection, ids, people=people and False)

    around("syncd.ledger.deliveries.due:mark_maybe_sent", make)


@defect("newest wins", "engine", f"{PEOPLE}::test_an_older_lead_that_comes_later_settles_unsent")
def an_older_lead_writes_over_a_newer_one() -> None:
    """A person in the CRM goes back to what was known a week ago."""
    instead("syncd.engine.deliver:_is_superseded", lambda *_: False)


@defect(
    "a person's word",
    "engine",
    "tests/engine/pull/test_engine_person.py::test_a_pause_by_hand_during_a_call_outlasts_what_the_call_decided",
)
def a_call_under_way_wipes_out_a_persons_pause() -> None:
    """Somebody pauses a connector, and the call that ends a second later opens it."""
    instead("syncd.core.lane_state:kept_by_hand", lambda _stored, decided, _now: decided)


@defect("I-10", "unit", f"{RULES}::test_a_wrong_number_of_outcomes_is_no_success_for_anybody")
def too_many_outcomes_are_cut() -> None:
    """Of an answer that is longer than its call, the first ones are believed."""

    def make(plain: Any) -> Any:
        def judge_call(call: Any, answer: Any, *rest: Any) -> Any:
            return plain(call, answer[: len(call)] if isinstance(answer, list) else answer, *rest)

        return judge_call

    around("syncd.core.verdict:judge_call", make)


@defect("liveness", "unit", f"{RULES}::test_pauses_grow_and_a_success_starts_them_over")
def pauses_never_grow() -> None:
    """A CRM that is down is asked every other second for days."""

    def make(plain: Any) -> Any:
        return lambda _failures, base, cap, chance: plain(0, base, cap, chance)

    around("syncd.core.lane_state:backoff", make)
