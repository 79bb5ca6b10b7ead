"""The pages in a browser: by mouse and by keyboard, without JavaScript, on a phone, and for people who see or move otherwise."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, history
from syncd.ledger.lanes import save_lane
from tests.console.browser.conftest import DESKTOP, NARROW, PHONE, Desk

STUCK = ("/stuck", "/stuck/delivery/crm/webhook_refused", "/stuck?connector=sheet")
LEADS = ("/leads", "/leads?q=nobody", "/lead/7001", "/lead/7003")
PAGES = (*STUCK, *LEADS, "/", "/activity", "/more", "/nowhere", "/activity?who=nobody", "/release/crm")
HOSTILE = (
    '<script>alert(1)</script><img src="https://evil.example/x" onerror="alert(2)"><base href="https://evil.example/">'
    '<meta http-equiv="refresh" content="0;url=https://evil.example/"><form id="said" name="v"><input name="children">'
    "\u202e{{7*7}} javascript:alert(3) " + "W" * 900 + "9" * 900
)


def violations(page: Page) -> list[str]:
    found: Any = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [f"{it['id']}: {node['html'][:150]}" for it in found["violations"] for node in it["nodes"]]


def is_wide(page: Page) -> bool:
    """True if the page can be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_no_page_breaks_a_rule_of_accessibility(
    desk: Desk, role: Any, size: tuple[int, int], scheme: Any
) -> None:
    page = desk.open(role=role, size=size, color_scheme=scheme, bypass_csp=True)
    for path in PAGES:
        page.goto(f"{desk.url}{path}")
        assert (path, violations(page)) == (path, [])


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_before_a_drop_breaks_none(desk: Desk, size: tuple[int, int]) -> None:
    page = desk.open("/drop/delivery/crm/webhook_refused", size=size, bypass_csp=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Drop 1 row at crm?")
    assert violations(page) == []


@pytest.mark.parametrize("path", ["/", "/enter/x"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_before_entering_break_none_either(desk: Desk, path: str, scheme: Any) -> None:
    page = desk.open(path, role=None, color_scheme=scheme, bypass_csp=True)
    assert violations(page) == []


def test_a_page_without_a_ledger_breaks_none(empty_desk: Desk) -> None:
    page = empty_desk.open(bypass_csp=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("No leads yet.")
    assert violations(page) == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE, NARROW])
@pytest.mark.parametrize("script", [True, False])
def test_pages_fit_the_screen_and_the_browser_complains_of_nothing(
    desk: Desk,
    size: tuple[int, int],
    script: bool,  # noqa: FBT001
) -> None:
    page = desk.open(size=size, java_script_enabled=script)
    for path in PAGES:
        if path in {"/nowhere", "/release/crm"}:
            continue  # a browser complains of each 404
        page.goto(f"{desk.url}{path}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert not is_wide(page)
    assert desk.complaints == []


def test_everything_works_without_javascript(desk: Desk) -> None:
    page = desk.open(java_script_enabled=False)
    expect(page.get_by_text("Live", exact=True)).to_be_hidden()
    page.get_by_role("link", name="Activity").click()
    page.get_by_label("Where").select_option("sheet")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="anna · operator").click()
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Show times so").click()
    expect(page.get_by_role("status")).to_have_text("Times are shown in Asia/Tokyo from now on.")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have left.")
    page.goto(f"{desk.url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter by a link.")


def test_a_page_keeps_itself_fresh_and_leaves_the_focus_where_it_is(desk: Desk) -> None:
    page = desk.open()
    page.get_by_role("link", name="All").focus()
    with Ledger.open(desk.world.path) as ledger, ledger.write() as connection:
        save_lane(connection, LaneState("deliver", "crm"))
    desk.world.clock.advance(2)
    expect(page.get_by_role("heading", level=1)).to_have_text("One thing needs you.", timeout=15_000)
    expect(page).to_have_title("One thing needs you. · syncd on ledger-1")
    expect(page.locator("#said")).to_have_text("One thing needs you.")
    expect(page.get_by_role("link", name="All")).to_be_focused()
    assert desk.complaints == []


def test_a_page_that_cannot_be_read_again_says_so_and_stays(desk: Desk) -> None:
    page = desk.open()
    expect(page.get_by_text("Not fresh")).to_be_hidden()
    desk.world.access.end()
    expect(page.get_by_text("Not fresh: last read")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Two things need you.")


def test_refreshing_can_be_stopped(desk: Desk) -> None:
    page = desk.open()
    stop = page.get_by_role("button", name="Stop refreshing")
    stop.click()
    expect(stop).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Live", exact=True)).to_be_hidden()


def test_a_keyboard_is_enough(desk: Desk) -> None:
    page = desk.open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"Now", "Activity", "anna · operator", "Stop refreshing", "All", "Change", "Read again"} <= reached


def test_what_strangers_wrote_does_nothing_and_breaks_no_layout(desk: Desk) -> None:
    with Ledger.open(desk.world.path) as ledger, ledger.write() as connection:
        now = desk.world.clock.now()
        save_lane(connection, LaneState("deliver", "crm", "halted", "webhook_gone", HOSTILE, "syncd", now))
        history.log_action(connection, now, who=HOSTILE[:200], verb="pause", name="crm", detail=HOSTILE)
    for size in (DESKTOP, NARROW):
        page = desk.open(size=size)
        for path in ("/", "/activity"):
            page.goto(f"{desk.url}{path}")
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            assert not is_wide(page)
            assert page.locator("script").count() == 1
            assert page.locator("main img, main base, main meta").count() == 0
    assert desk.complaints == []


def test_targets_are_large_enough_for_a_thumb(desk: Desk) -> None:
    page = desk.open(size=PHONE, has_touch=True)
    for path in ("/", "/activity", "/more"):
        page.goto(f"{desk.url}{path}")
        for it in page.locator("a:visible, button:visible, select:visible").all():
            box = it.bounding_box()
            assert box is not None
            inline = it.evaluate("it => getComputedStyle(it).display === 'inline'")
            assert inline or min(box["width"], box["height"]) >= 24, it.text_content()
