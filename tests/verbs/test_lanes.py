"""Pausing, resuming and trying now by either way: who did it, and how they came, is in the operator's log."""

from syncd.core.delivery import Change
from syncd.ledger.lanes import load_lane, save_lane
from syncd.verbs import lanes, rejected
from syncd.verbs.actor import Actor, at_work
from syncd.verbs.operator_log import describe, entries
from syncd.verbs.targets import target_of
from tests.ledger.rows import NOW, admission, put, settle


def test_each_act_is_logged_with_its_author_and_the_way_they_came(actor: Actor) -> None:
    crm = target_of(actor.settings, "crm")
    put(actor.ledger, *(admission(n) for n in (1, 2, 3)))
    settle(actor.ledger, Change(1, "pending", 1, due_at=NOW + 900, code="busy"))
    assert lanes.try_now(actor, crm).rows == 1
    assert lanes.pause(actor, crm, seconds=3600.0, reason="lunch") == NOW + 3600
    assert lanes.try_now(actor, crm).rows == 0, "a pause by hand stays"
    assert [lane.detail for lane in lanes.resume(actor, crm).lifted] == ["lunch"]
    settle(actor.ledger, Change(2, "pending", 0, code="bad", suspect=True))
    with actor.ledger.write() as connection:
        lane = load_lane(connection, "deliver", "crm")
        save_lane(connection, lane._replace(status="halted", code="bad", by="syncd"))
    done = lanes.resume(actor, crm, accepted=True)
    assert (done.rejected, done.gate) == (1, None)
    assert rejected.drop(actor, rejected.members_of("delivery", "crm", "bad")) == 1
    found = entries(actor.ledger, 9)[::-1]
    assert {(it.who, it.via) for it in found} == {("mara", "console")}
    assert [describe(it) for it in found] == [
        "retried crm: 1 tried now",
        "paused crm: lunch",
        "resumed crm",
        "accepted the refusals of crm: 1 set aside",
        "resumed crm",
        "dropped what was rejected at crm: code bad",
    ]


def test_what_waits_is_listed_with_its_reason(actor: Actor) -> None:
    put(actor.ledger, *(admission(n) for n in (1, 2, 3)))
    settle(actor.ledger, *(Change(n, "pending", 1, due_at=NOW + 900, code="busy") for n in (1, 2)))
    found = lanes.waiting(actor.settings, actor.ledger, NOW)
    assert [(it.name, it.code, it.rows, it.next_try) for it in found.backlogs] == [
        ("crm", "busy", 2, NOW + 900)
    ]
    assert {lane.name for lane in found.lanes} == {"main", "crm", "sheet"}


def test_without_a_daemon_nobody_is_told_to_pull(actor: Actor) -> None:
    assert lanes.pull_now(actor) is None
    assert entries(actor.ledger, 9) == []


def test_whoever_is_at_work_acts_under_their_name(actor: Actor) -> None:
    with at_work(actor.settings, "ben", "console") as ben:
        lanes.pause(ben, target_of(ben.settings, "main"))
    (entry,) = entries(actor.ledger, 9)
    assert (entry.who, entry.via, entry.name) == ("ben", "console", "main")
