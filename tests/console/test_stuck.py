"""128 leads refused for one reason: try one, send all again, take that back, drop; the books balance after each."""

import re

import pytest

from syncd.core.delivery import Change
from syncd.ledger import Ledger
from syncd.ledger.admin import auditor
from tests.console.conftest import CANARIES, Browser, World
from tests.console.test_acts import act, notice
from tests.ledger.rows import admission, ids, put, settle

N = 128


@pytest.fixture
def stuck(bare: World) -> World:
    """128 deliveries to crm were refused; 28 of their leads are in sheet, the others wait for it."""
    with Ledger.open(bare.path) as ledger:
        put(ledger, *(admission(n, "crm", "sheet") for n in range(7001, 7001 + N)), now=bare.clock.now() - 60)
        said = "no canary-handle, mara@canary.example"
        refused = [Change(n + 1, "rejected", 1, code="webhook_refused", detail=said) for n in range(N)]
        settle(ledger, *refused)
        settle(
            ledger,
            *(Change(N + n + 1, "delivered", 1, remote_id=str(n)) for n in range(28)),
            connector="sheet",
        )
    return bare


def states(world: World) -> dict[str, int]:
    with Ledger.open_to_read(world.path) as ledger:
        return dict(
            ids(ledger, "SELECT state, count(*) FROM delivery WHERE connector = 'crm' GROUP BY state")
        )


def unbalanced(world: World) -> list[str]:
    with Ledger.open_to_read(world.path) as ledger, ledger.read() as connection:
        return [it.code for it in auditor.contradictions(connection)]


def fields(browser: Browser, action: str, path: str = "/stuck", label: str = "") -> dict[str, str]:
    """The hidden fields of the first form of a page that goes there, with a button of this label."""
    for form in re.findall(rf'<form[^>]*action="{action}".*?</form>', browser.get(path).text, re.DOTALL):
        if label in form:
            return dict(re.findall(r'name="(\w[\w-]*)" value="([^"]*)"', form))
    raise AssertionError(f"no form goes to {action}")


def press(browser: Browser, action: str, path: str = "/stuck", label: str = "", **more: str) -> None:
    answer = browser.post(action, {**fields(browser, action, path, label), **more})
    assert answer.status_code == 303


def test_try_one_then_all_then_take_that_back(stuck: World) -> None:
    browser = stuck.entered()
    assert "128 rows are stuck, for 1 reason." in browser.get("/stuck").text
    press(browser, "/retry", label="Try one")
    assert states(stuck) == {"rejected": N - 1, "pending": 1}
    assert unbalanced(stuck) == []
    stuck.clock.advance(5)
    press(browser, "/retry", label="Retry 127")
    assert states(stuck) == {"pending": N}
    assert unbalanced(stuck) == []
    press(browser, "/take-back", label="Take back")
    assert states(stuck) == {"rejected": N - 1, "pending": 1}
    assert unbalanced(stuck) == []
    told = browser.get("/activity").text
    assert told.count("<bdi>anna</bdi>") >= 3
    assert "retried what was rejected at" in told


def test_a_form_that_saw_another_group_does_nothing(stuck: World) -> None:
    browser = stuck.entered()
    old = fields(browser, "/retry", label="Retry 128")
    press(browser, "/retry", label="Try one")
    browser.post("/retry", {**old, "token": browser.token()})
    assert notice(browser).startswith("Nothing was done:")
    assert states(stuck) == {"rejected": N - 1, "pending": 1}


def test_a_drop_says_what_follows_and_wants_its_number_typed(stuck: World) -> None:
    browser, page = stuck.entered(), "/drop/delivery/crm/webhook_refused"
    text = browser.get(page).text
    assert "There is none." in text
    assert re.findall(r"<dt>(\d+) leads</dt>", text) == ["100", "28", "0"]
    press(browser, "/drop", page, typed="127")
    assert states(stuck) == {"rejected": N}
    press(browser, "/drop", page, typed="128")
    assert states(stuck) == {"dropped": N}
    assert unbalanced(stuck) == []
    assert notice(browser) == "128 rows were dropped for crm."
    assert "Nothing is stuck." in browser.get("/stuck").text


@pytest.mark.parametrize("missing", ["kind", "where", "code"])
def test_a_form_without_its_group_chooses_nothing(stuck: World, missing: str) -> None:
    browser = stuck.entered()
    sent = {
        "kind": "delivery",
        "where": "crm",
        "code": "webhook_refused",
        "n": "128",
        "newest": "0",
        missing: "",
    }
    assert act(browser, "/drop", typed="128", **sent).status_code == 404
    assert states(stuck) == {"rejected": N}


def test_a_group_is_read_in_pages_of_25(stuck: World) -> None:
    browser, path = stuck.entered(), "/stuck/delivery/crm/webhook_refused"
    found = [re.findall(r'href="/lead/(\d+)"', browser.get(f"{path}?page={n}").text) for n in range(6)]
    assert [len(it) for it in found] == [25, 25, 25, 25, 25, 3]
    assert len({one for it in found for one in it}) == N


def test_a_viewer_sees_reasons_and_ids_and_no_act(stuck: World) -> None:
    text = stuck.entered("viewer").get("/stuck").text
    assert "webhook_refused" in text
    assert "7001" in text
    assert [it for it in CANARIES if it in text] == []
    assert '<form method="post"' not in text


def test_a_row_that_cannot_be_pulled_for_says_so(stuck: World) -> None:
    browser = stuck.entered()
    act(browser, "/pull")
    assert notice(browser).startswith("No daemon runs")
