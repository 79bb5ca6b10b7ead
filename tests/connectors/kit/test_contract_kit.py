"""The kit itself: made-up leads, virtual time, and the harness that stands in for the engine."""

import threading
from collections.abc import Sequence
from typing import ClassVar

import pytest

from syncd.connector import Clock, Delivered, Delivery, Outcome, Pause, Refused, Retry, Route
from syncd.core.texts import clean_text
from syncd.testing import (
    Bench,
    ConnectorContract,
    LaneHarness,
    ManualClock,
    MemoryConnector,
    MemoryRemote,
    samples,
)

FIX = "Mend it."


class Scripted(MemoryConnector):
    """Answers as it is told, then as it should. `safe`: whether re-sending is."""

    script: ClassVar[list[Exception | type[Exception]]] = []
    safe = True
    batch_size = 4

    def route(self, delivery: Delivery) -> Route:
        return Route("odd" if delivery.id % 2 else "even", delivery.person, resend_safe=self.safe)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if self.script:
            raise self.script.pop(0)
        return super().deliver(batch)


@pytest.fixture
def bench() -> Bench:
    far = MemoryRemote()
    return Bench.open(Scripted, {"remote": far}, far)


def scripted(bench: Bench, *script: Exception, safe: bool = True) -> Bench:
    assert isinstance(bench.connector, Scripted)
    vars(bench.connector).update(script=list(script), safe=safe)
    return bench


def batches(harness: LaneHarness) -> list[list[int]]:
    return [[delivery.id for delivery in call.batch] for call in harness.calls]


def test_waiting_takes_no_time_and_time_has_passed() -> None:
    manual = ManualClock()
    clock: Clock = manual
    before = clock.now(), clock.monotonic()
    assert clock.wait(threading.Event(), 3600.0) is False
    assert (clock.now(), clock.monotonic()) == (before[0] + 3600.0, before[1] + 3600.0)


def test_a_wait_without_an_end_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(AssertionError, match="nothing would ever end"):
        ManualClock().wait(threading.Event(), None)


def test_of_three_people_one_is_verified_one_guessed_and_one_without_an_address(bench: Bench) -> None:
    emails = [bench.delivery(n).fields.get("email") for n in (3, 4, 5)]
    assert emails == ["maker3@studio3.example.com", None, None]
    assert [samples.enrichment(n).get("email", {}).get("status") for n in (3, 4, 5)] == [
        "verified",
        "guessed",
        None,
    ]


def test_everybody_is_somebody_else(bench: Bench) -> None:
    people = bench.deliveries(50)
    assert len({each.person for each in people}) == 50
    assert len({each.lead.key for each in people}) == 50


def test_a_lead_can_be_changed_by_the_names_of_its_variables(bench: Bench) -> None:
    changed = bench.delivery(
        1, x_user_id="42", display_name="Zoë", stream_id=None, maybe_sent=True, attempt=3
    )
    assert (changed.person, changed.fields["name"], changed.lead.stream_id) == ("42", "Zoë", None)
    assert (changed.maybe_sent, changed.attempt) == (True, 3)


def test_hostile_names_arrive_as_they_are_and_impossible_ones_cleaned(bench: Bench) -> None:
    for text in samples.HOSTILE.values():
        assert bench.delivery(1, display_name=text).fields["name"] == text
    for text in samples.IMPOSSIBLE.values():
        assert bench.delivery(1, display_name=text).fields["name"] == clean_text(text) != text


def test_a_call_holds_one_group_and_at_most_a_batch(bench: Bench) -> None:
    harness = LaneHarness(bench, *bench.deliveries(10)).settle()
    assert sorted(batches(harness)) == [[1, 3, 5, 7], [2, 4, 6, 8], [9], [10]]


def test_a_refused_call_is_halved_until_the_guilty_one_is_alone(bench: Bench) -> None:
    scripted(
        bench,
        Refused("memory_invalid", "No."),
        Refused("memory_invalid", "No."),
        Refused("memory_invalid", "No."),
    )
    harness = LaneHarness(bench, *(bench.delivery(n) for n in (1, 3, 5, 7))).settle()
    assert batches(harness)[:3] == [[1, 3, 5, 7], [1, 3], [1]]
    assert (harness.ids("delivered"), harness.ids("rejected")) == ([3, 5, 7], [1])


def test_what_may_have_been_sent_is_marked_where_resending_is_not_safe(bench: Bench) -> None:
    scripted(bench, Pause("memory_silent", "No.", unexplained=True), safe=False)
    harness = LaneHarness(bench, bench.delivery(1)).settle()
    assert [call.batch[0].maybe_sent for call in harness.calls] == [False, True]


def test_a_pause_is_waited_for(bench: Bench) -> None:
    before = bench.clock.now()
    scripted(bench, Pause("memory_busy", "Later.", after=600.0))
    assert LaneHarness(bench, bench.delivery(1)).settle().ids("delivered") == [1]
    assert 600.0 <= bench.clock.now() - before < 601.0


def test_a_persons_id_is_known_to_their_next_delivery_and_an_older_one_is_not_sent(bench: Bench) -> None:
    person = samples.person_id(1)
    new = bench.delivery(1, discovered_at="2026-06-11T00:00:00Z")
    newer = bench.delivery(3, x_user_id=person, discovered_at="2026-06-12T00:00:00Z")
    older = bench.delivery(5, x_user_id=person, discovered_at="2026-06-10T00:00:00Z")
    harness = LaneHarness(bench)
    for each in (new, newer, older):
        harness.take(each).settle()
    assert batches(harness) == [[1], [3]]
    assert [call.batch[0].remote_id for call in harness.calls] == [None, "m1"]
    assert harness.ids("delivered") == [1, 3, 5]


@pytest.mark.parametrize(
    ("bug", "says"),
    [
        (ZeroDivisionError("x"), "raised ZeroDivisionError"),
        (Pause("no_such_code", "Later."), "is in no registry"),
        (Pause("memory_busy", " "), "has no detail"),
        (Pause("memory_busy", "Later.", after=-1.0), "seconds from now"),
        (Pause("memory_busy", "Later, said memory-token."), "shows a secret"),
        (Pause("memory_busy", "Later, said @maker_1."), "holds personal data"),
    ],
)
def test_an_answer_against_the_grammar_is_an_error_at_once(bench: Bench, bug: Exception, says: str) -> None:
    scripted(bench, bug)
    with pytest.raises(AssertionError, match=says):
        LaneHarness(bench, bench.delivery(1)).settle()


def test_a_failure_of_one_lead_may_be_raised_in_a_call_of_one_alone(bench: Bench) -> None:
    why = Retry("memory_silent", "Later.")
    harness = LaneHarness(scripted(bench, why), bench.delivery(1)).settle()
    assert (harness.ids("delivered"), len(harness.calls)) == ([1], 2)
    scripted(bench, why)
    with pytest.raises(AssertionError, match="or raises Pause, Halt or Refused"):
        LaneHarness(bench, bench.delivery(2), bench.delivery(4)).settle()


def test_a_connector_that_never_comes_to_an_end_is_an_error(bench: Bench) -> None:
    scripted(bench, *[Pause("memory_busy", "Later.", after=1.0) for _ in range(5000)])
    with pytest.raises(AssertionError, match="never comes to an end"):
        LaneHarness(bench, bench.delivery(1)).settle()


def test_a_misspelt_reason_is_an_error_and_not_a_silent_pass(bench: Bench) -> None:
    class Misspelt(ConnectorContract):
        cannot: ClassVar = {"poisen": "a typo"}  # type: ignore[dict-item]

    with pytest.raises(AssertionError, match="not 'poisen'"):
        Misspelt().test_a_poisoned_lead_is_rejected_alone(bench)


def test_a_remote_whose_troubles_do_nothing_is_found_out() -> None:
    class Harmless(MemoryRemote):
        def lose_next_answer(self) -> None:
            pass

        def poison(self, person: str) -> None:
            pass

        def revoke(self) -> None:
            pass

    far = Harmless()
    for claim in (
        ConnectorContract().test_a_lost_answer_makes_no_duplicate,
        ConnectorContract().test_a_poisoned_lead_is_rejected_alone,
        ConnectorContract().test_revoked_credentials_halt_the_lane_and_lose_nothing,
    ):
        with pytest.raises(AssertionError):
            claim(Bench.open(MemoryConnector, {"remote": far}, far))


def test_an_empty_id_is_an_error(bench: Bench) -> None:
    class Odd(MemoryConnector):
        def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
            return [Delivered("") for _ in batch]

    far = MemoryRemote()
    with pytest.raises(AssertionError, match="must be a text or None"):
        LaneHarness(Bench.open(Odd, {"remote": far}, far), bench.delivery(1)).settle()
