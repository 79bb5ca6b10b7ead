"""Leads at hand spare reading their payloads again; nothing hangs on them, and they are few."""

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.lane_state import LaneState
from syncd.core.lead import Lead, parse_lead, read_lead
from syncd.ledger import Ledger
from syncd.ledger.deliveries.due import Due, due
from syncd.ledger.leads.recent import LARGEST_PAGE, MOST, Fresh
from tests.ledger.rows import NOW, admission, lead, put


def chosen(ledger: Ledger, limit: int = 10, *, fresh: Fresh | None = None) -> list[Due]:
    with ledger.read() as connection:
        return due(connection, LaneState("deliver", "crm"), NOW, 3600.0, limit, fresh=fresh)


def test_a_lead_at_hand_is_the_one_that_its_payload_says(ledger: Ledger) -> None:
    ledger.fresh.keep(put(ledger, admission(1), admission(2)).admitted)
    put(ledger, admission(3))
    at_hand = chosen(ledger, fresh=ledger.fresh)
    assert [one.payload is None for one in at_hand] == [True, True, False]
    for one, read in zip(at_hand, chosen(ledger), strict=True):
        assert (one.lead or read_lead("main", one.payload or "")) == read_lead("main", read.payload or "")


def test_they_go_when_they_are_taken_and_the_older_ones_with_them(ledger: Ledger) -> None:
    admitted = put(ledger, *map(admission, range(1, 5))).admitted
    fresh = Fresh()
    fresh.keep(admitted)
    assert fresh.take("crm", [3]).keys() == {3}
    assert fresh.take("crm", [1, 2, 3, 4]).keys() == {4}
    assert fresh.take("crm", [4]) == {}


def test_each_connector_has_its_own_and_a_lane_that_rests_none(ledger: Ledger) -> None:
    fresh = Fresh()
    fresh.keep(put(ledger, admission(1, "crm", "sheet"), admission(2, "sheet")).admitted)
    assert fresh.take("crm", [1, 2]).keys() == {1}
    fresh.drop("sheet")
    assert fresh.take("sheet", [1, 2]) == {}


def test_no_more_are_kept_than_a_few_pages_and_the_first_stay(ledger: Ledger) -> None:
    admitted = put(ledger, *map(admission, range(1, 101))).admitted
    fresh = Fresh()
    pages = [[(1000 * page + n, it) for n, it in admitted] for page in range(MOST // 100 + 1)]
    for page in pages:
        fresh.keep(page)
    assert fresh.is_full(["crm"])
    assert not fresh.is_full(["sheet"])
    kept = fresh.take("crm", [seq for page in pages for seq, _ in page])
    assert len(kept) == MOST
    assert kept.keys() >= {seq for seq, _ in pages[0]}
    assert not fresh.is_full(["crm"])


def test_a_page_of_large_leads_is_not_kept(ledger: Ledger) -> None:
    fresh = Fresh()
    (seq, one), *_ = put(ledger, admission(1)).admitted
    fresh.keep([(seq, one._replace(payload="x" * (LARGEST_PAGE + 1)))])
    assert fresh.take("crm", [seq]) == {}


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5),
        max_size=5,
    )
)  # fmt: skip
def test_a_lead_reads_the_same_from_its_page_and_from_its_payload(more: dict[str, object]) -> None:
    raw = {**more, **lead(7)[0].raw}
    match parse_lead("main", raw):
        case Lead() as found, str(payload):
            assert read_lead("main", payload) == found
