"""/healthz says whether the daemon lives; /readyz whether it does its work, and if not, why."""

import dataclasses
import os

import httpx
import pytest

from syncd.core.failure import CODES, Halt, Pause
from syncd.core.lane_state import LaneState
from syncd.core.reconciliation import Books
from syncd.health.view import Disk, SourceView, View, reasons, waiting
from syncd.ledger import sources
from syncd.ledger.admin.actions import pause_lanes
from syncd.ledger.lanes import halt_lanes
from tests.health.conftest import Health

FRESH = SourceView("main", age=10.0)


def codes(view: View, source: str = "") -> list[str]:
    return [reason.code for reason in reasons(view, source)]


def test_it_is_ready_once_the_first_pull_is_in(health: Health) -> None:
    assert health.codes() == ["pull_missing"]
    health.bench.once()
    assert health.ready() == (200, [])
    assert health.ready("main") == (200, [])


@pytest.mark.parametrize(
    ("books", "code"),
    [
        (Books(0, missing=3, swept=False), ""),
        (Books(0, missing=3), "leads_missing"),
        (Books(0, unmet=3), ""),
        (Books(0, restless=2), ""),
        (Books(None, restless=3), "listing_restless"),
    ],
    ids=str,
)
def test_leads_that_no_sweep_finds_are_a_reason(health: Health, books: Books, code: str) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        sources.save_books(connection, "main", books)
    assert health.codes() == health.codes("main") == ([code] if code else [])
    assert health.metrics()["syncd_leads_missing"] == {("main",): float(books.missing)}


def test_a_pull_that_stays_away_for_two_polls_is_stale(health: Health) -> None:
    health.bench.once()
    health.codes()
    health.bench.clock.advance(120.0)
    assert health.codes() == []
    health.bench.clock.advance(31.0)
    assert health.codes() == health.codes("main") == ["pull_stale"]
    health.bench.once()
    assert health.codes() == []


def test_a_reload_that_changes_how_often_it_is_polled_changes_how_long_is_waited(health: Health) -> None:
    health.bench.once()
    health.codes()
    health.bench.clock.advance(200.0)
    assert health.codes() == ["pull_stale"]
    old = health.looker.sources["main"]
    health.looker.sources = {"main": dataclasses.replace(old, next_poll=lambda at: at + 3600.0)}
    assert health.codes() == []


@pytest.mark.parametrize("days", [-30, 30])
def test_a_clock_that_jumps_makes_nothing_stale_and_hides_nothing(health: Health, days: int) -> None:
    health.bench.once()
    health.codes()
    health.bench.clock.jump(days * 86400.0)
    assert health.codes() == []
    health.bench.clock.advance(200.0)
    assert health.codes() == ["pull_stale"]


def test_ctgo_that_does_not_answer_is_said_within_two_polls(health: Health) -> None:
    bench = health.bench
    bench.once()

    def refuse(*_: object) -> httpx.Response:
        raise httpx.ConnectError("no")

    bench.life.wires["main"].answering = refuse
    bench.daemon(120.0)
    assert health.codes() == ["unreachable"]
    bench.life.wires["main"].answering = None
    bench.daemon(600.0)
    assert health.codes() == []


def test_a_halted_lane_is_not_ready_but_alive(health: Health) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        halt_lanes(
            connection, ["deliver"], "crm", Halt("connector_bug", "It broke."), health.bench.clock.now()
        )
    status, (reason,) = health.ready()
    assert (status, reason["about"], reason["detail"]) == (503, "connector crm", "It broke.")
    assert reason["fix"] == CODES["connector_bug"].replace("NAME", "crm")
    assert health.codes("main") == []
    assert health.client.get("/healthz").status_code == 200


def test_lanes_of_feedback_are_named_by_whose_they_are(health: Health) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        for kind, name in (("hear", "crm"), ("feedback", "main")):
            halt_lanes(connection, [kind], name, Halt("forbidden", "No."), health.bench.clock.now())
    _, found = health.ready()
    assert [it["about"] for it in found] == ["source main (feedback)", "connector crm (feedback)"]
    assert health.codes("main") == ["forbidden"]


def test_a_plugins_code_is_shown_with_the_plugins_fix() -> None:
    lane = LaneState("deliver", "crm", status="halted", code="token_refused", detail="401.")
    (reason,) = reasons(
        View(0.0, [FRESH], [lane], fixes={"token_refused": "Make one. Then: syncd resume NAME"})
    )
    assert reason.fix == "Make one. Then: syncd resume crm"


def test_a_source_whose_key_was_refused_is_named_once_for_each_lane_it_stops(health: Health) -> None:
    with health.bench.ledger.write() as connection:
        why = Halt("key_refused", "CTGO answered 401.")
        halt_lanes(connection, ["pull", "export"], "main", why, health.bench.clock.now())
    status, (reason,) = health.ready("main")
    assert (status, reason["code"], reason["about"]) == (503, "key_refused", "source main")
    assert reason["fix"].endswith("syncd resume main")


def test_a_lane_of_what_left_the_configuration_is_nobodys(health: Health) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        halt_lanes(connection, ["deliver"], "former", Halt("connector_bug", "It broke."), 0.0)
        halt_lanes(connection, ["pull"], "former", Halt("key_refused", "It was refused."), 0.0)
    assert health.codes() == []


def test_what_a_person_paused_is_as_they_want_it(health: Health) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        pause_lanes(connection, [("pull", "main")], health.bench.clock.now(), who="me", until=None, reason="")
    health.bench.clock.advance(9999.0)
    assert health.codes() == []


def test_a_source_that_was_told_to_slow_down_once_is_ready() -> None:
    lane = LaneState("pull", "main", status="paused", code="rate_limited", until=20.0, failures=0)
    assert codes(View(0.0, [FRESH], [lane])) == []


def test_a_halt_of_another_source_is_not_this_ones() -> None:
    view = View(
        0.0,
        [FRESH, SourceView("other", age=None)],
        [LaneState("pull", "other", status="halted", code="forbidden")],
    )
    assert codes(view, "main") == []
    assert codes(view, "other") == codes(view) == ["forbidden"]


def test_a_ledger_that_cannot_be_read_is_said_and_metrics_still_answer(health: Health) -> None:
    health.bench.once()
    health.bench.crash()
    for suffix in ("", "-wal"):
        os.truncate(f"{health.ledger.path}{suffix}", 0)
    assert health.codes() == ["ledger_broken"]
    found = health.metrics()
    assert found["syncd_ledger_readable"] == {(): 0.0}
    assert found["syncd_ready"] == {(): 0.0}


def test_a_full_disk_is_not_ready_and_one_with_little_room_still_is(health: Health) -> None:
    health.bench.once()
    health.held = ("ledger_full", "The disk is full.")
    assert health.codes() == health.codes("main") == ["ledger_full"]
    assert codes(View(0.0, [FRESH], disk=Disk(free=1, total=20 << 30))) == []


def test_a_hanging_lane_is_neither_alive_nor_ready(health: Health) -> None:
    health.bench.once()
    health.hanging = "The lane deliver crm has not come back for 900 s."
    answer = health.client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "The lane deliver crm has not come back for 900 s.\n")
    assert health.codes() == ["wedged"]


def test_whether_it_lives_is_said_without_the_ledger(health: Health) -> None:
    health.bench.stop()
    health.ledger.close()
    answer = health.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "alive\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/readyz/nobody", 404), ("GET", "/readyz/main/more", 404), ("POST", "/readyz", 405),
     ("GET", "/healthz/", 200), ("HEAD", "/metrics", 200), ("GET", "/metrics/../etc/passwd", 404)],
)  # fmt: skip
def test_nothing_else_is_answered(health: Health, method: str, path: str, status: int) -> None:
    answer = health.client.request(method, path)
    assert answer.status_code == status
    assert not (method == "HEAD" and answer.content)


def test_what_a_connector_says_is_shown_without_secrets_and_control_characters(health: Health) -> None:
    health.bench.once()
    with health.bench.ledger.write() as connection:
        why = Halt("odd", "Token pat-eu1-abcdef was refused.\x1b[2J")
        halt_lanes(connection, ["deliver"], "crm", why, health.bench.clock.now())
    _, (reason,) = health.ready()
    assert reason["detail"] == "Token [redacted] was refused.\\x1b[2J"


def test_every_reason_of_the_core_has_a_fix() -> None:
    lane = LaneState("pull", "main", status="paused", code=Pause("unreachable", "").code, failures=2)
    views = [
        View(0.0, [SourceView("main")]),
        View(0.0, [dataclasses.replace(FRESH, age=999.0)]),
        View(0.0, [FRESH], [lane]),
        View(0.0, held=("ledger_full", "x")),
        View(0.0, broken="x"),
        View(0.0, wedged="x"),
    ]
    assert [len(reasons(view)) for view in views] == [1] * len(views)
    assert all(reason.fix for view in views for reason in reasons(view))


def waiting_in(health: Health, path: str = "/readyz") -> list[tuple[str, str]]:
    answer = health.client.get(path)
    assert answer.status_code == 200
    return [(it["about"], it["code"]) for it in answer.json()["waiting"]]


def test_a_connector_that_is_down_is_listed_as_waiting_and_is_no_reason(health: Health) -> None:
    far = health.bench.places["crm"].far

    def down(*_: object) -> list[object]:
        raise Pause("unreachable", "It is down.")

    health.bench.once()
    assert waiting_in(health) == []
    far.rule = down  # type: ignore[assignment]
    health.bench.accounts["main"].world.add_leads(4)
    health.bench.once(seconds=60.0)
    assert waiting_in(health) == [("connector crm", "unreachable")]
    assert waiting_in(health, "/readyz/main") == [], "a connector is no source's own"
    with health.bench.ledger.write() as connection:
        pause_lanes(
            connection, [("deliver", "crm")], health.bench.clock.now(), who="me", until=None, reason=""
        )
    assert waiting_in(health) == []


def test_a_source_whose_pull_failed_once_is_waiting_and_a_halt_is_a_reason_alone() -> None:
    failing = LaneState("pull", "main", "paused", "unreachable", failures=1)
    halted = LaneState("deliver", "crm", "halted", "token_refused")
    seen = View(0.0, [FRESH], lanes=[failing, halted], counts={"delivery": {"crm": {"pending": 1}}})
    assert [it.about for it in waiting(seen)] == ["source main"]
    assert [it.about for it in waiting(seen, "other")] == []
    assert [it.about for it in reasons(seen)] == ["connector crm"]
