"""A remote that is down, slow to believe or wrong loses nothing and holds up nobody else."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from syncd.core.delivery import Delivered, Delivery, Outcome
from syncd.core.failure import Halt, Pause, Refused, Retry
from syncd.core.lane_state import PAUSE_LIMIT
from syncd.core.verdict import HALT_LIMIT
from tests.support import (
    DAY,
    Bench,
    Remote,
    lost_answer,
    rejects,
    unreachable,
)
from tests.support.remote import Rule


def test_an_outage_of_days_rejects_nobody_and_is_not_hammered(bench: Bench) -> None:
    bench.ctgo(leads=50, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=10)
    far.rule = unreachable
    bench.once(seconds=7 * DAY)
    bench.check()
    assert bench.deliveries() == {"pending": 50}
    assert len(far.calls) < 7 * DAY / 100
    far.rule = None
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 50}


@pytest.mark.parametrize(
    "why", [Pause("down", "x"), Halt("access", "x"), Refused("odd", "x"), Retry("busy", "x"), KeyError("x")]
)
def test_what_was_yielded_before_a_failure_stands(bench: Bench, why: Exception) -> None:
    bench.ctgo(leads=10)
    far = bench.place()

    def three(it: Remote, batch: Sequence[Delivery]) -> Iterator[Outcome]:
        yield from (it.write(each) for each in batch[:3])
        raise why

    far.script.append(cast("Rule", three))
    bench.once(seconds=DAY)
    bench.check()
    assert bench.leads() == {"exported": 10}
    assert [len(thing.writes) for thing in far.things] == [1] * 10


def test_an_outage_does_not_hold_up_another_connector(bench: Bench) -> None:
    bench.ctgo(leads=50, rate_limit=1000, limit=1000)
    down = bench.place("down")
    up = bench.place("up")
    down.rule = unreachable
    bench.once(seconds=600)
    bench.check()
    assert len(up.things) == 50
    assert bench.exports() == {}


def test_a_best_effort_connector_that_is_down_holds_no_export(bench: Bench) -> None:
    bench.ctgo(leads=20)
    down = bench.place("down", required=False)
    bench.place("up")
    down.rule = unreachable
    bench.once(seconds=3600)
    bench.check()
    assert bench.leads() == {"exported": 20}
    assert bench.deliveries("down") == {"pending": 20}
    down.rule = None
    bench.run()
    bench.check()
    assert len(down.things) == 20


def test_of_best_effort_connectors_alone_one_is_enough(bench: Bench) -> None:
    bench.ctgo(leads=20)
    down = bench.place("down", required=False)
    bench.place("up", required=False)
    down.rule = rejects()
    bench.once(seconds=3600)
    bench.check()
    assert bench.leads() == {"exported": 20}


def test_of_best_effort_connectors_alone_none_is_not_enough(bench: Bench) -> None:
    world = bench.ctgo(leads=20)
    down = bench.place("down", required=False)
    down.rule = unreachable
    bench.once(seconds=3600)
    bench.check()
    assert bench.leads() == {"delivering": 20}
    assert not world.exported


@pytest.mark.parametrize("upsert", [True, False])
def test_an_answer_lost_after_applying_makes_no_duplicate(bench: Bench, *, upsert: bool) -> None:
    bench.ctgo(leads=20)
    far = bench.place(batch_size=5, upsert=upsert)
    far.script.extend([lost_answer] * 3)
    bench.once()
    bench.check()
    assert len(far.things) == 20
    assert bench.leads() == {"exported": 20}


def test_maybe_sent_is_on_the_disk_before_the_first_byte_of_an_unsafe_call(bench: Bench) -> None:
    bench.ctgo(leads=6)
    far = bench.place(upsert=False)
    seen: list[int] = []

    def look(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        seen.extend(row[0] for row in bench.rows("SELECT maybe_sent FROM delivery"))
        return far.accept(batch)

    far.rule = look
    bench.once()
    bench.check()
    assert seen == [1] * 6
    assert not any(d.maybe_sent for call in far.calls for d in call), "a first attempt needs no look"


def test_a_second_attempt_of_an_unsafe_delivery_is_told_so(bench: Bench) -> None:
    bench.ctgo(leads=1)
    far = bench.place(upsert=False)
    far.script.append(lambda _, batch: [Retry("busy", "Busy.") for _ in batch])
    bench.once()
    bench.check()
    assert [(d.maybe_sent, d.attempt) for call in far.calls for d in call] == [(False, 1), (True, 2)]


def test_an_unsafe_call_that_answers_for_too_few_is_doubted_whole(bench: Bench) -> None:
    bench.ctgo(leads=3)
    far = bench.place(upsert=False)
    far.script.append(lambda far, batch: far.accept(batch)[:-1])
    bench.once()
    bench.check()
    again = [d for call in far.calls[1:] for d in call]
    assert len(again) == 3
    assert all(d.maybe_sent for d in again)


@pytest.mark.parametrize("wrong", [
    lambda _, __: [],
    lambda far, batch: far.accept(batch)[:-1],
    lambda far, batch: [*far.accept(batch), Delivered("x")],
], ids=["none", "one less", "one more"])  # fmt: skip
def test_a_wrong_number_of_outcomes_delivers_nothing_by_itself(bench: Bench, wrong: Any) -> None:
    bench.ctgo(leads=9)
    far = bench.place()
    far.rule = wrong
    bench.once(seconds=1)
    bench.check()
    assert bench.deliveries() == {"pending": 9}
    assert bench.rows("SELECT DISTINCT code FROM delivery") == [("connector_bug",)]
    far.rule = None
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 9}


@pytest.mark.parametrize(
    "answer",
    [None, 7, [None] * 9, ["ok"] * 9],
    ids=str,
)
def test_an_answer_of_another_type_delivers_nothing_and_ends_nobody(bench: Bench, answer: Any) -> None:
    bench.ctgo(leads=9)
    far = bench.place()
    other = bench.place("other")
    far.script.append(lambda _, __: answer)
    bench.tolerant = True
    bench.once()
    bench.check()
    assert bench.bugs == []
    assert len(other.things) == 9
    assert bench.leads() == {"exported": 9}


def test_a_connector_that_raises_is_logged_and_tried_again(bench: Bench) -> None:
    bench.ctgo(leads=9)
    far = bench.place()

    def bug(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise ZeroDivisionError

    far.script.extend([bug] * 2)
    bench.once()
    bench.check()
    assert len(bench.log.named("connector_failed")) == 2
    assert bench.leads() == {"exported": 9}


def test_a_connector_that_always_raises_halts_and_rejects_nobody(bench: Bench) -> None:
    bench.ctgo(leads=9)
    far = bench.place()

    def bug(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise ZeroDivisionError

    far.rule = bug
    bench.once(seconds=2 * DAY)
    bench.check()
    assert bench.deliveries() == {"pending": 9}
    assert bench.lane("deliver", "crm").status == "halted"


def _raises(_: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
    raise KeyError(batch[0].lead.profile.handle)


@pytest.mark.parametrize(("wrong", "said"), [
    (_raises, "The connector raised KeyError (test_engine_delivering.py, line "),
    (lambda _, __: None, "The answer is NoneType and not a list of outcomes (remote.py, line "),
    (lambda far, batch: far.accept(batch)[:-1], " outcomes for "),
    (lambda _, batch: [None] * len(batch), "The answer holds NoneType as an outcome (remote.py, line "),
], ids=["raises", "None", "too few", "no outcomes"])  # fmt: skip
def test_a_connector_with_a_bug_is_named_at_once_and_halts_within_an_hour(
    bench: Bench, wrong: Any, said: str
) -> None:
    bench.ctgo(leads=40)
    far = bench.place(batch_size=10)
    far.rule = wrong
    bench.tolerant = True
    bench.once(seconds=1)
    lane = bench.lane("deliver", "crm")
    assert (lane.status, lane.code) == ("paused", "connector_bug")
    assert said in lane.detail

    bench.run(3600)

    lane = bench.lane("deliver", "crm")
    assert (lane.status, lane.code) == ("halted", "connector_bug")
    assert said in lane.detail
    assert len(far.calls) <= PAUSE_LIMIT + HALT_LIMIT, "a bug is not tried for ever"
    logged = bench.log.named("connector_failed")
    assert len(logged) == len(far.calls)
    assert all(said in str(event["error"]) for event in logged)
    assert bench.deliveries() == {"pending": 40}
    assert bench.rows("SELECT DISTINCT attempts FROM delivery") == [(0,)]
    far.rule = None
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 40}


def test_a_bug_that_passes_rejects_no_healthy_lead_and_leaves_the_lane_open(bench: Bench) -> None:
    bench.ctgo(leads=20)
    far = bench.place(batch_size=10)
    poison: list[int] = []

    def one_is_poison(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        poison[:] = poison or [batch[0].id]
        if any(delivery.id in poison for delivery in batch):
            raise KeyError("company")
        return far.accept(batch)

    far.rule = one_is_poison
    bench.once(seconds=600)
    bench.check()
    assert len(far.things) == 19
    assert not bench.deliveries().get("rejected")


def test_a_halt_keeps_every_lead_pending_and_is_lifted_by_a_start(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(batch_size=10)

    def expired(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise Halt("token_expired", "The token is no longer valid.")

    far.rule = expired
    bench.once()
    assert [len(call) for call in far.calls] == [10, *[1] * (HALT_LIMIT - 1)], (
        "a probe is one delivery, alone"
    )
    bench.stop()
    bench.once()
    assert len(far.calls) == HALT_LIMIT + 1, "who halted is asked once after a start"
    bench.check()
    assert bench.deliveries() == {"pending": 30}
    far.rule = None
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 30}
    assert len(far.calls[HALT_LIMIT + 1]) == 1


def test_a_pause_in_the_answer_stands_for_all_after_it(bench: Bench) -> None:
    bench.ctgo(leads=10)
    far = bench.place()

    def half(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        done = [far.write(d) for d in batch[:4]]
        return [
            *done,
            Pause("daily_quota", "Used up.", after=3600.0),
            *[Retry("unsent", "Not sent.")] * (len(batch) - 5),
        ]

    far.script.append(half)
    bench.once(seconds=60)
    assert bench.deliveries() == {"delivered": 4, "pending": 6}
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 10}
    assert {d.attempt for d in far.calls[1]} == {1}, "a pause spends no attempt"


def test_groups_are_not_mixed_and_no_key_comes_twice_in_a_call(bench: Bench) -> None:
    bench.ctgo(leads=40, repeats=0.5, repeat_ids="own", rate_limit=1000, limit=1000)
    far = bench.place(people=True, groups=lambda d: str(d.lead.stream_id))
    bench.once()
    bench.check()
    for call in far.calls:
        assert len({d.lead.stream_id for d in call}) == 1
        assert len({d.person for d in call}) == len(call)


def test_a_wall_clock_set_back_strands_nobody(bench: Bench) -> None:
    bench.ctgo(leads=5)
    far = bench.place()
    far.script.append(lambda _, __: (_ for _ in ()).throw(Pause("busy", "Busy.", after=300.0)))
    bench.once(seconds=1)
    bench.clock.jump(-30 * DAY)
    bench.run(2 * 3600)
    bench.check()
    assert len(far.things) == 5


def test_a_retry_that_is_due_in_a_future_that_the_clock_left_is_made(bench: Bench) -> None:
    bench.ctgo(leads=5)
    far = bench.place()
    far.script.append(lambda _, batch: [Retry("busy", "Busy.", after=60.0) for _ in batch])
    bench.once(seconds=1)
    bench.clock.jump(-30 * DAY)
    bench.run(2 * 3600)
    bench.check()
    assert len(far.things) == 5


@pytest.mark.parametrize("jump", [-30 * DAY, 30 * DAY])
def test_a_wall_clock_that_jumps_breaks_no_limit_and_loses_no_lead(bench: Bench, jump: float) -> None:
    world = bench.ctgo(leads=100)
    far = bench.place()
    bench.once(seconds=30)
    bench.clock.jump(jump)
    new = world.add_leads(3)
    bench.daemon(600)
    bench.stop()
    bench.clock.jump(-2 * jump)
    new += world.add_leads(3)
    bench.daemon(2 * 3600)
    bench.check()
    assert world.stats()["tooManyRequests"] == 0
    assert set(new) <= set(far.lead_ids())
    assert bench.leads() == {"exported": 106}
