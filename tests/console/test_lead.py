"""A lead's page says where the person is; viewers find it by id alone, and see nobody."""

import pytest

from syncd.core.delivery import Change
from syncd.ledger import Ledger
from tests.console.conftest import CANARIES, World
from tests.console.test_acts import notice
from tests.console.test_stuck import press
from tests.ledger.rows import ids, settle


@pytest.fixture
def known(world: World) -> World:
    """The world, where lead 7001 has an address, and a record in sheet."""
    with Ledger.open(world.path) as ledger, ledger.write() as connection:
        found = '{"email": {"address": "Mara@canary.example"}}'
        connection.exec_driver_sql("UPDATE lead SET enrichment = ? WHERE lead_id = 7001", (found,))
        connection.exec_driver_sql("UPDATE delivery SET remote_id = 'rec-9' WHERE id = 1")
    return world


def test_a_lead_says_where_it_is_and_who_refused_it_with_what_words(known: World) -> None:
    text = known.entered().get("/lead/7003").text
    assert "Where it is: in 0 of 2 places, and CTGO was not told" in text
    assert "crm refused it" in text
    assert "no canary-handle, mara@canary.example" in text
    assert 'href="/stuck/delivery/crm/webhook_refused"' in text
    assert "<dd><bdi>h7003</bdi></dd>" in text


@pytest.mark.parametrize(
    "query", ["7001", "@h7001", "H7001", "mara@CANARY.example", "rec-9", "https://crm.example/x/rec-9"]
)
def test_a_lead_is_found_by_id_handle_address_and_record(known: World, query: str) -> None:
    answer = known.entered().client.get("/leads", query_string={"q": query}, base_url="http://127.0.0.1:8379")
    assert (answer.status_code, answer.headers.get("Location")) == (303, "/lead/7001")


@pytest.mark.parametrize("query", ["@h7001", "mara@canary.example", "rec-9"])
def test_a_viewer_finds_nobody_but_by_id(known: World, query: str) -> None:
    browser = known.entered("viewer")
    assert "No lead was found." in browser.get(f"/leads?q={query}").text
    assert browser.get("/leads?q=7001").headers["Location"] == "/lead/7001"


@pytest.mark.parametrize("number", [7001, 7002, 7003])
def test_a_viewer_sees_states_and_nothing_of_the_person(known: World, number: int) -> None:
    text = known.entered("viewer").get(f"/lead/{number}").text
    assert f"Lead {number}" in text
    assert [it for it in (*CANARIES, f"h{number}", f"x{number}", "rec-9") if it.lower() in text.lower()] == []


@pytest.mark.parametrize("number", ["9", "0", "x", "9" * 30, "7001x"])
def test_a_lead_that_is_not_there_is_a_sentence(known: World, number: str) -> None:
    answer = known.entered().get(f"/lead/{number}")
    assert (answer.status_code, "There is no such lead." in answer.text) == (404, True)


def test_a_search_for_nothing_finds_nothing(known: World) -> None:
    assert "Find a lead" in known.entered().get("/leads").text


def test_the_refused_delivery_of_one_lead_is_retried_and_the_others_stay(known: World) -> None:
    with Ledger.open(known.path) as ledger:
        settle(ledger, Change(2, "rejected", 1, code="webhook_refused"))
    browser = known.entered()
    press(browser, "/retry", "/lead/7003")
    assert notice(browser).startswith("1 row goes back to pending for crm.")
    with Ledger.open_to_read(known.path) as ledger:
        assert ids(ledger, "SELECT id FROM delivery WHERE state = 'rejected'") == [2]


def test_what_happened_is_told_under_its_days(known: World) -> None:
    text = known.entered().get("/lead/7003").text
    assert text.count('<li class="day">') >= 1
    assert text.index("CTGO found it") < text.index("Taken into the ledger")
