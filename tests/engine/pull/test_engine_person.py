"""What a person does meanwhile holds, and `where` decides visibly."""

from collections.abc import Sequence

from syncd.core.delivery import Delivery, Outcome
from syncd.core.failure import Halt
from syncd.core.lane_state import kept_by_hand
from syncd.ledger.admin.actions import resume_lanes
from syncd.ledger.admin.rejections import Chosen, drop, retry
from syncd.ledger.lanes import lift_halts
from tests.support import (
    Bench,
    Remote,
    pause,
    pulled,
    rejects,
    unreachable,
)


def test_a_pause_by_hand_during_a_call_outlasts_what_the_call_decided(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(batch_size=10)

    def meanwhile(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        pause(bench, ("deliver", "crm"))
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

    def meanwhile(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
        pause(bench, ("deliver", "crm"))
        raise Halt("token_expired", "The token is no longer valid.")

    far.script.append(meanwhile)
    bench.once()
    bench.stop()
    bench.once()
    assert len(far.calls) == 1


def test_a_pause_by_the_user_that_syncd_runs_as_survives_a_restart(bench: Bench) -> None:
    bench.ctgo(leads=3)
    far = bench.place()
    pause(bench, ("deliver", "crm"), who="syncd")
    bench.stop()
    bench.once()
    assert far.calls == []


def test_after_a_pause_by_hand_has_ended_an_outage_is_not_hammered(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(batch_size=10)
    pause(bench, ("deliver", "crm"), seconds=600)
    far.rule = unreachable
    bench.once(seconds=2 * 3600)
    bench.check()
    assert len(far.calls) < 100


def test_a_pause_by_hand_that_has_ended_is_over(bench: Bench) -> None:
    bench.ctgo(leads=30)
    bench.place()
    pause(bench, ("deliver", "crm"), ("pull", "main"), ("export", "main"), seconds=600)
    bench.once(seconds=2 * 3600)
    bench.check()
    assert bench.leads() == {"exported": 30}
    for kind, name in (("deliver", "crm"), ("pull", "main"), ("export", "main")):
        assert (bench.lane(kind, name).status, bench.lane(kind, name).code) == ("open", "")


def test_dropping_a_required_delivery_releases_the_export(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bad = bench.place("bad")
    bench.place("good")
    ids = pulled(bench)
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
    ids = pulled(bench)
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
    ids = pulled(bench)
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
    pause(bench, ("deliver", "crm"))
    before = bench.lane("deliver", "crm")
    with bench.ledger.write() as connection:
        lift_halts(connection)
    assert bench.lane("deliver", "crm") == before
    assert kept_by_hand(before, before, 0.0) == before


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
