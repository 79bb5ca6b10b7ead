"""A far end that is down, slow to believe, or offended by one lead costs nobody else anything."""

from collections.abc import Sequence
from typing import Any

import pytest

from syncd.delivery import Delivered, Delivery, Outcome, Route
from syncd.engine.delivering import kept_by_hand
from syncd.failure import Halt, Pause, Reject, Retry
from syncd.ledger.lanes import lift_halts
from syncd.ledger.operating import Chosen, drop, pause_lanes, resume_lanes, retry
from tests.support import (
    DAY,
    Bench,
    FarEnd,
    chokes_on,
    lost_answer,
    refuses,
    rejects,
    unreachable,
)


def _ids(bench: Bench, source: str = "main") -> list[int]:
    """Lead ids in the order of their deliveries, once they are in the ledger."""
    return [row[0] for row in bench.rows("SELECT lead_id FROM lead WHERE source = ? ORDER BY seq", source)]


def _pulled(bench: Bench) -> list[int]:
    pull = bench.life.pulls["main"]
    pull.ask_live()
    pull.step()
    bench.due["pull", "main"] = None
    return _ids(bench)


def _pause(bench: Bench, *lanes: tuple[str, str], seconds: float | None = None, who: str = "ana") -> None:
    now = bench.clock.now()
    until = None if seconds is None else now + seconds
    with bench.ledger.write() as connection:
        pause_lanes(connection, lanes, now, who=who, until=until, reason="")


# One lead is at fault


@pytest.mark.parametrize("size", [1, 10, 100])
@pytest.mark.parametrize("upsert", [True, False])
def test_one_lead_that_makes_the_far_end_answer_500_blocks_nobody(
    bench: Bench, size: int, upsert: bool
) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=size, upsert=upsert)
    ids = _pulled(bench)
    far.rule = chokes_on(ids[0])
    bench.run(DAY)
    bench.check()
    assert far.lead_ids() == sorted(ids[1:])


def test_two_leads_that_make_the_far_end_answer_500_block_nobody(bench: Bench) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=10)
    ids = _pulled(bench)
    far.rule = chokes_on(ids[0], ids[15])
    bench.run(DAY)
    bench.check()
    assert far.lead_ids() == sorted(set(ids) - {ids[0], ids[15]})


def test_new_leads_pass_one_that_makes_the_far_end_answer_500(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place(batch_size=1)
    ids = _pulled(bench)
    far.rule = chokes_on(ids[0])
    bench.run(600)
    new = world.add_leads(3)
    bench.clock.advance(60)
    bench.once(seconds=DAY)
    bench.check()
    assert set(new) <= set(far.lead_ids())


def test_halving_a_refused_call_isolates_the_guilty_one(bench: Bench) -> None:
    bench.ctgo(leads=100, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=100)
    ids = _pulled(bench)
    far.rule = refuses(ids[42])
    bench.run()
    bench.check()
    assert far.lead_ids() == sorted(set(ids) - {ids[42]})
    assert bench.deliveries() == {"delivered": 99, "rejected": 1}
    assert len(far.calls) < 20
    assert bench.leads() == {"exported": 99, "rejected": 1}


def test_success_clears_the_batch_limit(bench: Bench) -> None:
    world = bench.ctgo(leads=30, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=30)
    far.rule = refuses(_pulled(bench)[3])
    bench.run()
    world.add_leads(30)
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert len(far.calls[-1]) == 30


def test_one_rejected_lead_changes_no_others_outcome(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place()
    bad = _pulled(bench)[7]
    far.rule = rejects(bad)
    bench.run()
    bench.check()
    assert bench.deliveries() == {"delivered": 29, "rejected": 1}
    assert bench.leads() == {"exported": 29, "rejected": 1}


@pytest.mark.parametrize("size", [1, 100])
def test_a_renamed_field_rejects_nobody_and_halts(bench: Bench, size: int) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=size)
    far.rule = rejects()
    bench.once()
    bench.check()
    assert bench.deliveries() == {"pending": 40}
    assert bench.lane("deliver", "crm").status == "halted"
    far.rule = None
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 40}
    assert len(far.things) == 40


@pytest.mark.parametrize("size", [1, 100])
def test_after_a_renamed_field_one_bad_lead_does_not_hold_the_lane(bench: Bench, size: int) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=size)
    ids = _pulled(bench)
    far.rule = rejects()
    bench.run()
    far.rule = rejects(ids[0])
    for _ in range(3):
        bench.stop()
        bench.once()
    bench.check()
    assert len(far.things) == 39


def test_a_mapping_that_fails_for_every_lead_halts_and_rejects_nobody(bench: Bench) -> None:
    bench.ctgo(leads=30)
    bench.place(fields={"n": "{{ handle + 1 }}"})
    bench.once()
    bench.check()
    assert bench.deliveries() == {"pending": 30}
    assert bench.lane("deliver", "crm").code == "mapping_failed"


def test_a_connector_whose_route_fails_for_one_lead_serves_the_others(bench: Bench) -> None:
    bench.ctgo(leads=20)
    far = bench.place()
    bad = _pulled(bench)[4]

    def route(delivery: Delivery) -> Route:
        if delivery.lead.id == bad:
            raise KeyError("no email")
        return Route("all", str(delivery.lead.key))

    bench.places["crm"].route = route
    bench.stop()
    bench.tolerant = True
    bench.run(DAY)
    bench.check()
    assert len(far.things) == 19


# The far end, or its connector, is at fault


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
def test_an_answer_lost_after_applying_makes_no_duplicate(bench: Bench, upsert: bool) -> None:
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

    def look(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
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


@pytest.mark.parametrize("answer", [None, 7, [None] * 9, ["ok"] * 9], ids=str)
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

    def bug(_: FarEnd, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise ZeroDivisionError

    far.script.extend([bug] * 2)
    bench.once()
    bench.check()
    assert len(bench.log.named("connector_failed")) == 2
    assert bench.leads() == {"exported": 9}


def test_a_connector_that_always_raises_halts_and_rejects_nobody(bench: Bench) -> None:
    bench.ctgo(leads=9)
    far = bench.place()

    def bug(_: FarEnd, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise ZeroDivisionError

    far.rule = bug
    bench.once(seconds=2 * DAY)
    bench.check()
    assert bench.deliveries() == {"pending": 9}
    assert bench.lane("deliver", "crm").status == "halted"


def test_a_halt_keeps_every_lead_pending_and_is_lifted_by_a_start(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(batch_size=10)

    def expired(_: FarEnd, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise Halt("token_expired", "The token is no longer valid.")

    far.rule = expired
    bench.once()
    assert len(far.calls) == 1
    bench.stop()
    bench.once()
    assert [len(call) for call in far.calls] == [10, 1], "a probe is one delivery, alone"
    bench.check()
    assert bench.deliveries() == {"pending": 30}
    far.rule = None
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 30}
    assert len(far.calls[2]) == 1


def test_a_pause_in_the_answer_stands_for_all_after_it(bench: Bench) -> None:
    bench.ctgo(leads=10)
    far = bench.place()

    def half(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        done = [far.write(d) for d in batch[:4]]
        return [*done, Pause("daily_quota", "Used up.", after=3600.0), *[Retry("unsent", "Not sent.")] * (len(batch) - 5)]

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


# Time


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


# A person acts


def test_a_pause_by_hand_during_a_call_outlasts_what_the_call_decided(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(batch_size=10)

    def meanwhile(far: FarEnd, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        _pause(bench, ("deliver", "crm"))
        return far.accept(batch)

    far.script.append(meanwhile)
    bench.once()
    bench.check()
    assert len(far.things) == 10
    assert bench.lane("deliver", "crm").code == "paused_by_hand"
    bench.stop()
    bench.once()
    assert len(far.things) == 10, "it survives a restart"
    with bench.ledger.write() as connection:
        resume_lanes(connection, [("deliver", "crm")], bench.clock.now(), who="ana")
    bench.wake("deliver", "crm")
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 30}


def test_a_pause_by_hand_during_a_call_that_halts_survives_a_restart(bench: Bench) -> None:
    bench.ctgo(leads=3)
    far = bench.place()

    def meanwhile(_: FarEnd, __: Sequence[Delivery]) -> Sequence[Outcome]:
        _pause(bench, ("deliver", "crm"))
        raise Halt("token_expired", "The token is no longer valid.")

    far.script.append(meanwhile)
    bench.once()
    bench.stop()
    bench.once()
    assert len(far.calls) == 1


def test_a_pause_by_the_user_that_syncd_runs_as_survives_a_restart(bench: Bench) -> None:
    bench.ctgo(leads=3)
    far = bench.place()
    _pause(bench, ("deliver", "crm"), who="syncd")
    bench.stop()
    bench.once()
    assert far.calls == []


def test_after_a_pause_by_hand_has_ended_an_outage_is_not_hammered(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(batch_size=10)
    _pause(bench, ("deliver", "crm"), seconds=600)
    far.rule = unreachable
    bench.once(seconds=2 * 3600)
    bench.check()
    assert len(far.calls) < 100


def test_a_pause_by_hand_that_has_ended_is_over(bench: Bench) -> None:
    bench.ctgo(leads=30)
    bench.place()
    _pause(bench, ("deliver", "crm"), ("pull", "main"), ("export", "main"), seconds=600)
    bench.once(seconds=2 * 3600)
    bench.check()
    assert bench.leads() == {"exported": 30}
    for kind, name in (("deliver", "crm"), ("pull", "main"), ("export", "main")):
        assert (bench.lane(kind, name).status, bench.lane(kind, name).code) == ("open", "")


def test_dropping_a_required_delivery_releases_the_export(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bad = bench.place("bad")
    bench.place("good")
    ids = _pulled(bench)
    bad.rule = rejects(ids[0])
    bench.run()
    assert ids[0] not in world.exported
    with bench.ledger.write() as connection:
        assert drop(connection, Chosen("bad"), bench.clock.now(), who="ana", exports={"main": True}) == 1
    bench.wake("export", "main")
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 3}


def test_dropping_the_only_delivery_settles_the_lead_as_dropped(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    far = bench.place()
    ids = _pulled(bench)
    far.rule = rejects(ids[0])
    bench.run()
    with bench.ledger.write() as connection:
        drop(connection, Chosen(lead_id=ids[0]), bench.clock.now(), who="ana", exports={"main": True})
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 2, "dropped": 1}
    assert ids[0] not in world.exported


def test_retrying_a_rejected_delivery_forgives_its_attempts(bench: Bench) -> None:
    bench.ctgo(leads=3)
    far = bench.place()
    ids = _pulled(bench)
    far.rule = rejects(ids[0])
    bench.run()
    far.rule = None
    with bench.ledger.write() as connection:
        assert retry(connection, Chosen(), bench.clock.now(), who="ana", exports={"main": True}) == 1
    bench.wake("deliver", "crm")
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 3}
    assert far.calls[-1][0].attempt == 1


def test_lifting_halts_lifts_nothing_else(bench: Bench) -> None:
    bench.ctgo(leads=3)
    bench.place()
    _pause(bench, ("deliver", "crm"))
    before = bench.lane("deliver", "crm")
    with bench.ledger.write() as connection:
        lift_halts(connection)
    assert bench.lane("deliver", "crm") == before
    assert kept_by_hand(before, before) == before


# `where`


def test_a_lead_that_nobody_wants_is_unwanted_and_not_exported(bench: Bench) -> None:
    world = bench.ctgo(leads=30)
    far = bench.place(where="match_confidence == 'high'")
    bench.once()
    bench.check()
    wanted = [row.id for row in world.listed() if row.confidence == "high"]
    assert 0 < len(wanted) < 30
    assert far.lead_ids() == sorted(wanted) == sorted(world.exported)
    assert bench.leads() == {"exported": len(wanted), "unwanted": 30 - len(wanted)}


def test_a_where_that_cannot_be_evaluated_is_a_visible_rejection(bench: Bench) -> None:
    world = bench.ctgo(leads=5)
    ids = [row.id for row in world.listed()]
    world.amend_lead(ids[0], {"profile": {"followerCount": None}})
    bench.place(where="follower_count >= 0")
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 4, "rejected": 1}
    assert bench.rows("SELECT code FROM delivery WHERE state = 'rejected'") == [("filter_failed",)]
    assert ids[0] not in world.exported


def test_a_mended_where_that_says_no_leaves_the_lead_unwanted(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    world.amend_lead(world.listed()[0].id, {"profile": {"followerCount": None}})
    far = bench.place(where="follower_count >= 0")
    bench.once()
    bench.stop()
    bench.places["crm"].where = "(follower_count or 0) > 10"
    with bench.ledger.write() as connection:
        retry(connection, Chosen(), bench.clock.now(), who="ana", exports={"main": True})
    bench.run()
    assert not far.things
    assert bench.leads() == {"unwanted": 1}
