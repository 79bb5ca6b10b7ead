"""What became of Leads, told by an org whose transactions end late and whose records move."""

from collections.abc import Iterator

import pytest

from connectors.salesforce.statuses import OVERLAP, PAGE, Place, place_of, query
from syncd.connector import Halt, Pause, Statuses, Watched
from syncd.simulator.crms.salesforce.lead_object import KEY
from tests.connectors.salesforce.salesforce_bench import Table, table

LATE = OVERLAP.total_seconds() / 2


@pytest.fixture
def it() -> Iterator[Table]:
    with table() as made:
        yield made


def add(it: Table, *numbers: int, status: str = "Closed - Not Converted") -> list[str]:
    return [it.fake.org.add_lead(Status=status, **{KEY: f"x{n}"}) for n in numbers]


def pages(it: Table, cursor: str = "") -> list[Statuses]:
    found = [it.salesforce.statuses_since(cursor)]
    while found[-1].more:
        found.append(it.salesforce.statuses_since(found[-1].cursor))
    return found


def told(found: list[Statuses]) -> list[str]:
    return [status.person for page in found for status in page.found]


def test_a_lead_is_told_with_its_value_its_person_its_id_and_its_time(it: Table) -> None:
    (lead_id,) = add(it, 1)
    (page,) = pages(it)
    (found,) = page.found
    assert (found.value, found.person, found.remote_id) == ("Closed - Not Converted", "x1", lead_id)
    assert found.changed_at == it.clock.now()


def test_leads_without_our_key_are_not_asked_for_and_converted_ones_are(it: Table) -> None:
    it.fake.org.add_lead(Status="Working")
    (lead_id,) = add(it, 1)
    it.fake.org.convert(lead_id)
    assert told(pages(it)) == ["x1"]


def test_more_than_a_page_is_told_whole_also_when_all_changed_at_one_instant(it: Table) -> None:
    add(it, *range(PAGE * 2 + 50))
    found = pages(it)
    assert told(found) == [f"x{n}" for n in range(PAGE * 2 + 50)]
    assert len(found) == 3


def test_a_server_that_gives_smaller_pages_is_followed(it: Table) -> None:
    it.fake.page_size = 7
    add(it, *range(20))
    assert len(told(pages(it))) == 20


def test_a_lead_that_moves_while_pages_are_read_takes_nobody_with_it(it: Table) -> None:
    ids = add(it, *range(PAGE + 10))
    first = it.salesforce.statuses_since("")
    it.clock.advance(1)
    it.fake.org.edit(ids[3], Status="Working")
    rest = pages(it, first.cursor)
    assert set(told([first, *rest])) == {f"x{n}" for n in range(PAGE + 10)}
    assert [s.value for page in rest for s in page.found if s.person == "x3"] == ["Working"]


@pytest.mark.parametrize("others", [1, PAGE + 10])
def test_what_a_long_transaction_changed_is_told_when_it_ends(it: Table, others: int) -> None:
    (late,) = add(it, 7, status="Working")
    it.clock.advance(3600)
    cursor = pages(it)[-1].cursor
    add(it, *range(1000, 1000 + others))
    cursor = pages(it, cursor)[-1].cursor
    it.fake.org.edit(late, ago=LATE, Status="Closed - Not Converted")
    found = [s for page in pages(it, cursor) for s in page.found if s.person == "x7"]
    assert [s.value for s in found] == ["Closed - Not Converted"]


def test_with_nothing_new_the_cursor_stands_and_a_look_costs_one_call(it: Table) -> None:
    add(it, *range(5))
    it.clock.advance(3600)
    cursor = pages(it)[-1].cursor
    asked = len(it.fake.calls)
    for _ in range(3):
        it.clock.advance(900)
        (page,) = pages(it, cursor)
        assert (page.cursor, len(page.found)) == (cursor, 5)
    assert len(it.fake.calls) - asked == 3


@pytest.mark.parametrize("name", ["Stattus", "Status; DELETE", "a' OR Id != '", "Owner.Name"])
def test_a_field_that_is_not_there_halts_and_nothing_but_a_name_gets_into_a_query(name: str) -> None:
    with table(watched=Watched(name)) as it:
        with pytest.raises(Halt) as why:
            it.salesforce.statuses_since("")
        assert why.value.code in {"salesforce_feedback_refused", "salesforce_field_missing"}
        assert all(name not in seen.query for seen in it.fake.calls if name != "Stattus")


def test_a_field_that_cannot_be_filtered_by_halts(it: Table) -> None:
    said = [{"errorCode": "MALFORMED_QUERY", "message": "field 'Description' can not be filtered"}]
    it.fake.answer_next(400, said)
    with pytest.raises(Halt) as why:
        it.salesforce.statuses_since("")
    assert (why.value.code, "MALFORMED_QUERY" in why.value.detail) == ("salesforce_feedback_refused", True)


@pytest.mark.parametrize("time", [None, "soon", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_record_without_its_time_is_no_answer(it: Table, time: str | None) -> None:
    records = [{"Id": "00Q000000000001AAA", KEY: "x1", "Status": "Working", "SystemModstamp": time}]
    it.fake.answer_next(200, {"totalSize": 1, "done": True, "records": records})
    with pytest.raises(Pause) as why:
        it.salesforce.statuses_since("")
    assert why.value.code == "salesforce_unexpected_answer"


def test_a_checkbox_and_a_number_are_told_as_json_writes_them(it: Table) -> None:
    record = {"Id": "00Q000000000001AAA", KEY: "x1", "SystemModstamp": "2026-06-11T12:00:00.000+0000"}
    for value, said in ((True, "true"), (3, "3"), (False, "false")):
        it.fake.answer_next(200, {"totalSize": 1, "done": True, "records": [{**record, "Status": value}]})
        assert [s.value for s in it.salesforce.statuses_since("").found] == [said]


def test_the_orgs_daily_share_is_kept(it: Table) -> None:
    it.fake.limit, it.fake.used = 100, 96
    it.salesforce.statuses_since("")
    with pytest.raises(Pause):
        it.salesforce.statuses_since("")


def test_without_feedback_in_the_configuration_nothing_is_asked() -> None:
    with table(watched=None) as it:
        assert it.salesforce.statuses_since("5") == Statuses((), "5")
        assert it.fake.calls == []


def test_check_finds_a_field_that_is_missing_and_values_that_it_does_not_have() -> None:
    with table(watched=Watched("Stattus")) as it:
        assert ("error", "salesforce_feedback_refused") in [(f.level, f.code) for f in it.salesforce.check()]
    with table(watched=Watched("Status", frozenset({"working", "No budget"}))) as it:
        (found,) = [f for f in it.salesforce.check() if f.code == "salesforce_feedback_value"]
        assert found.level == "warning"
        assert '"No budget"' in found.detail
        assert '"working"' not in found.detail


@pytest.mark.parametrize(
    "place",
    [Place(), Place("2026-06-11T12:00:00.000Z"), Place("2026-06-11T12:00:00.000Z", "00Q000000000001AAA")],
)
def test_a_place_survives_as_a_cursor(place: Place) -> None:
    assert place_of(place.text) == place


def test_a_query_is_ordered_by_time_and_then_by_id() -> None:
    text = query("Status", KEY, Place("2026-06-11T12:00:00.000Z", "00Q000000000001AAA"))
    assert text.partition(" AND Status != null AND ")[2] == (
        "(SystemModstamp > 2026-06-11T12:00:00.000Z OR (SystemModstamp = 2026-06-11T12:00:00.000Z"
        " AND Id > '00Q000000000001AAA')) ORDER BY SystemModstamp ASC, Id ASC LIMIT 500"
    )
