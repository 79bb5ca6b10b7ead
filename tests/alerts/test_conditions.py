"""What of a look is worth a message: one fault once, nothing that a person did, and never a lead."""

from dataclasses import replace
from typing import Any

import pytest

from syncd.alerts.decision import FAILING, HALTED, LONG, MANY, Condition, Topic, conditions, unknown
from syncd.core.lane_state import BY_HAND, LaneState
from syncd.health.view import BackupView, Disk, Place, SourceView, View

FRESH = SourceView("main", age=10.0, pulled_at=1.0)
WAITING = {"delivery": {"crm": {"pending": 3}}, "export": {"main": {"pending": 1}}}
HALT = LaneState("deliver", "crm", status="halted", code="token_refused", detail="401.", probing=True)
PULL = LaneState("pull", "main", status="halted", code="key_refused", detail="401.", probing=True)


def view(*lanes: LaneState, **more: Any) -> View:
    return View(0.0, **{"sources": [FRESH], "lanes": lanes, "counts": WAITING, **more})


def found(seen: View, told: dict[Topic, int] | None = None) -> list[tuple[Topic, str, int]]:
    return [(it.topic, it.code, it.level) for it in conditions(seen, told or {})]


def only(seen: View) -> Condition:
    (condition,) = conditions(seen, {})
    return condition


def test_all_well_is_nothing() -> None:
    assert found(view(LaneState("pull", "main"), LaneState("deliver", "crm"))) == []


def test_a_halted_lane_is_told_at_once() -> None:
    condition = only(view(HALT))
    assert (condition.code, condition.level, condition.patience) == ("token_refused", HALTED, 0.0)


def test_a_lane_that_fails_is_told_when_it_lasts() -> None:
    condition = only(view(HALT._replace(status="paused", code="unreachable", until=9.0)))
    assert (condition.level, condition.patience) == (FAILING, LONG)
    assert found(view(HALT._replace(status="open", code="unreachable"))), "also between two tries"


@pytest.mark.parametrize(
    ("code", "told"), [("per_day_spent", False), ("credits_kept", False), ("credits_exhausted", True)]
)
def test_a_pause_that_the_configuration_asked_for_is_no_news(code: str, told: bool) -> None:  # noqa: FBT001
    lane = LaneState("enrich", "main", status="paused", code=code, until=9.0)
    assert bool(found(view(lane, counts={"lead": {"main": {"enriching": 4}}}))) == told


def test_a_lane_that_failed_and_has_nothing_left_to_do_is_none() -> None:
    assert found(view(HALT._replace(status="open"), counts={})) == []


def test_a_halt_that_was_lifted_stands_until_something_goes_through() -> None:
    topic = Topic("lane", "deliver crm")
    lifted = HALT._replace(status="open")
    assert found(view(lifted), {topic: HALTED}) == [(topic, "token_refused", HALTED)]
    assert found(view(lifted._replace(code="", probing=False)), {topic: HALTED}) == []


def test_what_a_person_paused_is_not_news_to_them() -> None:
    by_hand = HALT._replace(status="paused", code=BY_HAND)
    stale = SourceView("main", age=99_999.0)
    assert found(view(by_hand, by_hand._replace(kind="pull", name="main"), sources=[stale])) == []


def test_a_refused_key_is_said_once_though_it_stops_everything_of_its_source() -> None:
    stale = SourceView("main", age=99_999.0)
    seen = view(PULL, PULL._replace(kind="export"), PULL._replace(kind="enrich"), sources=[stale])
    assert found(seen) == [(Topic("lane", "pull main"), "key_refused", HALTED)]


def test_an_export_lane_with_a_trouble_of_its_own_is_said() -> None:
    assert found(view(PULL._replace(kind="export"))) == [
        (Topic("lane", "export main"), "key_refused", HALTED)
    ]


@pytest.mark.parametrize(("age", "code"), [(None, "pull_missing"), (9999.0, "pull_stale")])
def test_a_pull_that_stays_away_for_no_reason_known_is_told_when_it_lasts(
    age: float | None, code: str
) -> None:
    condition = only(view(sources=[SourceView("main", age=age)]))
    assert (condition.topic, condition.code, condition.patience) == (Topic("pull", "main"), code, LONG)


@pytest.mark.parametrize(("n", "level"), [(9, 0), (10, 1), (99, 1), (100, 2), (5000, 3)])
def test_set_aside_is_news_from_ten_on_and_at_every_tenfold(n: int, level: int) -> None:
    seen = view(set_aside=[Place("delivery", "crm", "bad_phone", n - 1), Place("export", "crm", "x", 1)])
    assert [it[2] for it in found(seen)] == ([level] if level else [])


def test_set_aside_does_not_flicker_around_its_threshold() -> None:
    topic = Topic("set_aside", "crm")
    nine, four = (view(set_aside=[Place("delivery", "crm", "bad_phone", n)]) for n in (MANY - 1, 4))
    assert found(nine, {topic: 1})
    assert not found(four, {topic: 1})


@pytest.mark.parametrize(("left", "low"), [(30, False), (20, True), (0, True), (None, False)])
def test_credits_are_low_where_enriching_would_stop_within_a_day(left: int | None, low: bool) -> None:  # noqa: FBT001
    source = replace(FRESH, credits=left, low_credits=20)
    assert bool(found(view(sources=[source]))) == low
    assert not found(view(sources=[replace(source, low_credits=None)])), "nothing spends them"


def test_the_host() -> None:
    assert [code for _, code, _ in found(view(wedged="x", disk=Disk(free=1, total=1 << 40)))] == [
        "wedged",
        "disk_low",
    ]


@pytest.mark.parametrize(("free", "total", "low"), [(100, 20_000, True), (300, 20_000, False), (40, 500, True), (60, 500, False), (1, 0, False)])  # fmt: skip
def test_little_room_is_a_quarter_of_a_gigabyte_and_less_on_a_small_disk(
    free: int,
    total: int,
    low: bool,  # noqa: FBT001
) -> None:
    assert bool(found(view(disk=Disk(free=free << 20, total=total << 20)))) == low


def test_a_backup_that_fails_is_told() -> None:
    assert found(view(backup=BackupView(5.0, "The disk is full."))) == [
        (Topic("backup", ""), "backup_failed", 1)
    ]
    assert found(view(backup=BackupView(5.0, ""))) == found(view(backup=BackupView())) == []


def test_a_ledger_that_takes_nothing_is_told() -> None:
    assert found(view(held=("ledger_full", "It is full."))) == [(Topic("ledger", ""), "ledger_full", 1)]


def test_a_ledger_that_cannot_be_read_hides_what_it_would_tell_and_is_not_taken_for_well() -> None:
    broken = View(0.0, [SourceView("main")], broken="It is gone.", disk=Disk(free=1 << 40, total=1 << 41))
    assert unknown(broken, Topic("lane", "deliver crm"))
    assert not unknown(broken, Topic("disk", ""))
    assert not unknown(view(), Topic("lane", "deliver crm"))
    assert found(broken) == [(Topic("ledger", ""), "ledger_broken", 1)]


def test_push_that_fails_or_cannot_listen_is_told_when_it_lasts_and_never_as_a_halt() -> None:
    lane = LaneState("push", "main", status="paused", code="push_failed", detail="403.", until=9.0)
    condition = only(view(lane))
    assert (condition.level, condition.patience, condition.detail) == (FAILING, LONG, "403.")
    assert "polling" in condition.fix
    unserved = only(view(unserved="Pushes cannot be received on 127.0.0.1:8378: in use."))
    assert (unserved.topic, unserved.code, unserved.patience) == (Topic("push", ""), "push_unserved", LONG)
    assert not unknown(View(0.0, broken="gone"), Topic("push", ""))
