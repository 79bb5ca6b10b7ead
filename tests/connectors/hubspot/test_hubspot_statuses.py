"""What became of contacts, told by a HubSpot whose index lags, whose results end at 10,000 and whose contacts move."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.hubspot import statuses
from connectors.hubspot.statuses import OVERLAP, PAGE, Found, Place, next_place, place_of
from syncd.connector import Halt, Pause, Status, Statuses, Watched
from tests.connectors.hubspot.hubspot_bench import Hub, hub

NAME = "hs_lead_status"
WATCHED = Watched(NAME, frozenset({"CONNECTED", "UNQUALIFIED"}))


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub(watched=WATCHED) as made:
        made.fake.lag = 0.0
        yield made


def add(it: Hub, *numbers: int, status: str = "UNQUALIFIED") -> None:
    for n in numbers:
        it.fake.portal.add(ctgo_x_user_id=f"x{n}", hs_lead_status=status)


def pages(it: Hub, cursor: str = "") -> list[Statuses]:
    found = [it.connector.statuses_since(cursor)]
    while found[-1].more:
        found.append(it.connector.statuses_since(found[-1].cursor))
    return found


def told(found: list[Statuses]) -> list[str]:
    return [status.person for page in found for status in page.found]


def test_a_contact_is_told_with_its_value_its_person_its_id_and_its_time(it: Hub) -> None:
    add(it, 1)
    at = it.bench.clock.now()
    assert pages(it)[0].found == [Status("UNQUALIFIED", at, person="x1", remote_id="101")]


def test_contacts_without_the_property_or_without_our_key_are_not_asked_for(it: Hub) -> None:
    it.fake.portal.add(ctgo_x_user_id="x1", firstname="Mara")
    it.fake.portal.add(hs_lead_status="UNQUALIFIED", firstname="Noor")
    assert told(pages(it)) == []


def test_more_than_a_page_is_told_whole_and_in_order(it: Hub) -> None:
    for n in range(PAGE * 2 + 50):
        add(it, n)
        it.bench.clock.advance(0.5)
    found = pages(it)
    assert list(dict.fromkeys(told(found))) == [f"x{n}" for n in range(PAGE * 2 + 50)]
    assert len(found) == 3


def test_an_import_that_changed_more_than_a_page_at_one_instant_is_told_whole(it: Hub) -> None:
    add(it, 1)
    it.bench.clock.advance(60)
    add(it, *range(1000, 1000 + PAGE * 2))
    it.bench.clock.advance(60)
    add(it, 2)
    assert {"x1", "x2", *(f"x{n}" for n in range(1000, 1000 + PAGE * 2))} == set(told(pages(it)))


def test_no_query_asks_for_results_beyond_hubspots_end(it: Hub) -> None:
    add(it, *range(PAGE * 3))
    pages(it)
    bodies = it.fake.calls("search")
    assert all("after" not in body and body["limit"] == PAGE for body in bodies)


def test_a_contact_that_moves_while_pages_are_read_takes_nobody_with_it(it: Hub) -> None:
    for n in range(PAGE + 10):
        add(it, n)
        it.bench.clock.advance(1)
    first = it.connector.statuses_since("")
    it.fake.mark("x3", "CONNECTED")
    rest = pages(it, first.cursor)
    assert set(told([first, *rest])) == {f"x{n}" for n in range(PAGE + 10)}
    assert [s.value for page in rest for s in page.found if s.person == "x3"] == ["CONNECTED"]


def test_what_the_index_shows_late_is_told_at_the_next_look_also_behind_a_full_page(it: Hub) -> None:
    it.fake.lag = 30.0
    it.fake.portal.lags = (1.0, *[0.0] * (PAGE + 20))
    add(it, 7)  # shows after 30 s
    for n in range(1000, 1000 + PAGE + 10):
        it.bench.clock.advance(0.1)
        add(it, n)
    found = pages(it)
    assert len(found) == 2
    assert "x7" not in told(found)
    it.bench.clock.advance(60)
    assert "x7" in told(pages(it, found[-1].cursor))


def test_with_nothing_new_the_cursor_stands_and_a_look_costs_one_request(it: Hub) -> None:
    add(it, *range(5))
    it.bench.clock.advance(3600)
    cursor = pages(it)[-1].cursor
    asked = len(it.fake.requests)
    for _ in range(3):
        it.bench.clock.advance(900)
        (page,) = pages(it, cursor)
        assert (page.cursor, len(page.found)) == (cursor, 5)
    assert len(it.fake.requests) - asked == 3


@pytest.mark.parametrize("name", ["hs_leed_status", "ctgo_x_user_id_"])
def test_a_property_that_is_not_there_halts_with_what_to_do(name: str) -> None:
    with hub(watched=Watched(name)) as it:
        with pytest.raises(Halt) as why:
            it.connector.statuses_since("")
        assert why.value.code == "hubspot_feedback_refused"
        assert name in why.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": None},
        {"results": [7]},
        {"results": [{"id": "x", "properties": {}}]},
        {"results": [{"id": "1", "properties": {"lastmodifieddate": "yesterday"}}]},
        {"results": [{"id": "1", "properties": None}]},
    ],
)
def test_an_answer_that_is_not_as_promised_is_no_empty_page(it: Hub, answer: Any) -> None:
    it.fake.answer_next(200, answer)
    with pytest.raises(Pause) as why:
        it.connector.statuses_since("")
    assert (why.value.code, why.value.unexplained) == ("hubspot_bad_answer", True)


def test_a_full_page_out_of_order_is_not_believed(it: Hub) -> None:
    results = [
        {"id": str(n), "properties": {"lastmodifieddate": str(10**12 - n), NAME: "CONNECTED"}}
        for n in range(PAGE)
    ]
    it.fake.answer_next(200, {"results": results})
    with pytest.raises(Pause):
        it.connector.statuses_since("")


def test_without_feedback_in_the_configuration_nothing_is_asked() -> None:
    with hub() as it:
        assert it.connector.statuses_since("5") == Statuses((), "5")
        assert it.fake.requests == []


def test_check_finds_a_property_that_is_missing_and_values_that_it_does_not_have() -> None:
    with hub(watched=Watched("hs_leed_status")) as it:
        assert [(f.level, f.code) for f in it.connector.check()] == [("error", "hubspot_feedback_refused")]
    with hub(watched=Watched(NAME, frozenset({"Unqualified", "NO_BUDGET"}))) as it:
        (found,) = it.connector.check()
        assert (found.level, found.code) == ("warning", "hubspot_feedback_value")
        assert "NO_BUDGET" in found.detail
        assert '"Unqualified"' not in found.detail


def found(at: int, id_: int = 1) -> Found:
    return Found(id_, at, Status("", at / 1000))


FULL = [found(1000 + n) for n in range(PAGE)]
TIED = [found(1000, n) for n in range(PAGE)]


@pytest.mark.parametrize(
    ("place", "page", "server", "following"),
    [
        (Place(), [], 10_000_000, Place(0)),
        (Place(), FULL, None, Place(1000 + PAGE - 1)),
        (Place(1000), TIED, None, Place(1000, 0)),
        (Place(1000, 0), TIED, None, Place(1000, PAGE - 1)),
        (Place(1000, 5), TIED[:3], None, Place(1001)),
        (Place(1000, 5), [], None, Place(1001)),
        (Place(10), [found(5_000_000)], 5_000_100, Place(5_000_100 - OVERLAP)),
        (Place(10), [found(5_000_000)], 50_000_000, Place(5_000_000)),
        (Place(10), [found(5_000_000)], None, Place(5_000_000 - OVERLAP)),
        (Place(4_900_000), [found(5_000_000)], 5_000_100, Place(5_000_100 - OVERLAP)),
        (Place(5_000_000), [], None, Place(5_000_000)),
        (Place(10), [found(20)], 30, Place(0)),
    ],
)
def test_where_the_next_page_begins(
    place: Place, page: list[Found], server: int | None, following: Place
) -> None:
    assert next_place(place, page, server) == following


@pytest.mark.parametrize("place", [Place(), Place(17), Place(17, 0), Place(17, 99)])
def test_a_place_survives_as_a_cursor(place: Place) -> None:
    assert place_of(place.text) == place


def test_the_overlap_is_far_more_than_the_index_lags() -> None:
    assert statuses.OVERLAP >= 5 * 30_000
