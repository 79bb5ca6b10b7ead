"""Acts on the pages: done once, by operators, under their name; said on the next page, with the way back."""

import re

import pytest
from werkzeug.test import TestResponse

from syncd.ledger import Ledger, LedgerError, history
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import load_lane
from tests.console.conftest import Browser, World
from tests.ledger.rows import admission, put


def act(browser: Browser, path: str, page: str = "/", **fields: str) -> TestResponse:
    return browser.post(path, {"token": browser.token(page), "back": page, **fields})


def notice(browser: Browser, path: str = "/") -> str:
    found = re.search(r'role="status" tabindex="-1" autofocus><span>(.*?)</span>', browser.get(path).text)
    return found[1] if found else ""


def status(world: World, name: str) -> str:
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        return load_lane(connection, "deliver", name).status


def held(world: World) -> int:
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        gates = flood_gate.gates(connection)
        return gates["crm"].held if "crm" in gates else 0


@pytest.fixture
def gated(world: World) -> World:
    """Forty deliveries wait before the closed gate of crm."""
    with Ledger.open(world.path) as ledger:
        put(ledger, *(admission(n, "crm") for n in range(8000, 8040)))
        with ledger.write() as connection:
            flood_gate.know(connection, "crm", 3)
            flood_gate.close(connection, "crm", world.clock.now())
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lane SET status = 'open', code = '' WHERE name = 'crm'")
    return world


def test_pause_and_resume_are_done_under_ones_name_and_lead_back(world: World) -> None:
    browser = world.entered()
    assert act(browser, "/resume", name="sheet").headers["Location"] == "/"
    assert status(world, "sheet") == "open"
    page = browser.get("/").text
    assert "Resumed connector sheet. The engine (process 4121) goes on with it." in page
    assert "Pause sheet" in page  # the way back
    assert "Paused by ben" not in page
    act(browser, "/pause", name="sheet", reason="we move", **{"for": "1h"})
    assert status(world, "sheet") == "paused"
    assert notice(browser).startswith("Paused connector sheet until ")
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        newest = history.actions(connection, 2)
    assert [(it.who, it.via, it.verb, it.name, it.detail) for it in newest] == [
        ("anna", "console", "pause", "sheet", "we move"), ("anna", "console", "resume", "sheet", ""),
    ]  # fmt: skip


def test_a_notice_is_said_once(world: World) -> None:
    browser = world.entered()
    act(browser, "/pause", name="crm")
    assert notice(browser) == "Paused connector crm until it is resumed. Nothing is lost meanwhile."
    assert notice(browser) == ""


def test_a_source_is_paused_with_all_that_it_does(world: World) -> None:
    browser = world.entered()
    act(browser, "/pause", name="main")
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        assert {load_lane(connection, kind, "main").status for kind in ("pull", "export")} == {"paused"}
    assert "Paused by anna" in browser.get("/").text


@pytest.mark.parametrize("path", ["/pause", "/resume", "/release", "/hold"])
def test_a_name_that_is_none_does_nothing(world: World, path: str) -> None:
    answer = act(world.entered(), path, name="<b>nowhere", n="1", newest="1")
    assert answer.status_code == 404
    assert "Nothing was done." in answer.text
    assert "<b>" not in answer.text


def test_the_oldest_are_released_and_held_again(gated: World) -> None:
    browser = gated.entered()
    before = held(gated)
    page = browser.get("/").text
    fields = dict(re.findall(r'name="(n|newest|first)" value="(\d+)"', page))
    act(browser, "/release", name="crm", **fields)
    assert held(gated) == before - 25
    page = browser.get("/").text
    assert "25 deliveries let through for crm." in page
    number = re.search(r'name="number" value="(\d+)"', page)
    assert number is not None
    act(browser, "/hold", name="crm", number=number[1])
    assert held(gated) == before
    assert notice(browser) == "25 deliveries are held again for crm."


def test_all_are_released_after_a_page_that_asks(gated: World) -> None:
    browser = gated.entered()
    page = browser.get("/release/crm").text
    assert f"Release all {held(gated)} for <code>crm</code>?" in page
    fields = dict(re.findall(r'name="(n|newest)" value="(\d+)"', page))
    act(browser, "/release", "/release/crm", name="crm", **fields)
    assert held(gated) == 0
    assert browser.get("/release/crm").status_code == 404


def test_a_gate_that_grew_meanwhile_is_asked_about_again(gated: World) -> None:
    browser = gated.entered()
    fields = dict(re.findall(r'name="(n|newest)" value="(\d+)"', browser.get("/release/crm").text))
    with Ledger.open(gated.path) as ledger:
        put(ledger, *(admission(n, "crm") for n in range(9000, 9100)))
        with ledger.write() as connection:
            flood_gate.hold(connection, "crm")
    before = held(gated)
    act(browser, "/release", name="crm", **fields)
    assert held(gated) == before
    assert notice(browser).startswith("Nothing was done:")


@pytest.mark.parametrize(
    "fields", [{}, {"n": "x", "newest": "1"}, {"n": "9" * 40, "newest": "1"}, {"n": "-1", "newest": "0"}]
)
def test_a_release_that_does_not_say_what_was_seen_does_nothing(gated: World, fields: dict[str, str]) -> None:
    before = held(gated)
    assert act(gated.entered(), "/release", name="crm", **fields).status_code == 404
    assert held(gated) == before


def test_an_act_that_is_sent_twice_is_done_once(world: World) -> None:
    browser = world.entered()
    form = {"token": browser.token("/"), "back": "/", "name": "crm"}
    browser.post("/pause", form)
    browser.post("/pause", form)
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        assert len(history.actions(connection, verb="pause", who="anna")) == 1


def test_a_busy_ledger_is_said_and_nothing_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise LedgerError("ledger_busy", "The ledger is locked by another program.")

    browser = world.entered()
    form = {"token": browser.token("/"), "name": "crm"}
    monkeypatch.setattr("syncd.console.acts.lanes.pause", busy)
    answer = browser.post("/pause", form)
    assert (answer.status_code, "The ledger is busy; nothing was done." in answer.text) == (503, True)
    assert status(world, "crm") == "halted"


def test_acts_work_without_an_engine(world: World) -> None:
    world.engine[0] = None
    browser = world.entered()
    act(browser, "/resume", name="crm")
    assert "It begins with a single lead. No engine runs: it waits until one does." in notice(browser)


def test_a_viewer_sees_no_button_and_no_act_is_done_for_one(world: World) -> None:
    viewer = world.entered("viewer", "wall")
    assert "<form" not in viewer.get("/").text
    for path in ("/pause", "/resume", "/release", "/hold"):
        assert act(viewer, path, "/more", name="crm").status_code == 403
    assert status(world, "crm") == "halted"


def test_what_a_gate_holds_is_dropped_after_its_number_was_typed(gated: World) -> None:
    browser, n = gated.entered(), held(gated)
    page = browser.get("/drop-held/crm").text
    assert "There is none." in page
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    browser.post("/drop-held", {**sent, "typed": f"{n - 1}"})
    assert held(gated) == n
    browser.post("/drop-held", {**sent, "token": browser.token(), "typed": f"{n}"})
    assert held(gated) == 0
    assert notice(browser) == f"{n} deliveries were dropped for crm."


def test_what_waits_to_be_tried_again_is_tried_now(world: World) -> None:
    browser = world.entered()
    assert act(browser, "/try-now", name="sheet").status_code == 303
    assert "connector sheet may go now." in notice(browser)
