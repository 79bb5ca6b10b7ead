"""Leads that sales merged: the person's next lead goes to the one that was kept, and never over another person of ours."""

from collections.abc import Mapping
from itertools import pairwise

import pytest

from connectors.salesforce.match import LONGEST_CHAIN
from syncd.connector import Delivered, Field, Reject, Retry
from syncd.simulator.crms.salesforce.lead_object import KEY
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, lead_of, one, sent, table

FIRST, SECOND = 2, 5
"""Of the made-up people, two without an email."""


def made(bench: Table, n: int) -> str:
    """A lead of ours; its id."""
    outcome = one(bench, bench.delivery(n))
    assert isinstance(outcome, Delivered)
    return outcome.remote_id or ""


def later(bench: Table, n: int, remote_id: str | None) -> object:
    """What a later lead of a person comes to."""
    return one(bench, bench.delivery(n, remote_id=remote_id, bio="New bio"))


@pytest.mark.parametrize(("fields", "remembered"), [(None, True), (None, False), (PLAIN, True)])
def test_a_merged_lead_is_written_as_the_one_that_was_kept(
    fields: Mapping[str, str | Field] | None, *, remembered: bool
) -> None:
    """A mapping that only writes looks for nobody who is new to the ledger, so it finds a merge by the id alone."""
    with table(fields=fields) as bench:
        ours, kept = made(bench, FIRST), bench.fake.org.add_lead(LastName="Typed")
        bench.fake.org.merge(kept, ours)
        assert later(bench, FIRST, ours if remembered else None) == Delivered(kept, created=False)
        lead = lead_of(bench, bench.delivery(FIRST))
        assert (lead["Id"], lead["LastName"], lead["CTGO_Bio__c"]) == (kept, "Typed", "New bio")
        assert later(bench, FIRST, kept) == Delivered(kept, created=False)
        assert list(bench.fake.org.leads) == [kept]


def test_merges_are_followed_one_after_the_other() -> None:
    with table() as bench:
        ours = made(bench, FIRST)
        chain = [ours, *(bench.fake.org.add_lead(LastName=f"Kept {n}") for n in range(4))]
        for lost, kept in pairwise(chain):
            bench.fake.org.merge(kept, lost)
        before = len(bench.fake.calls)
        assert later(bench, FIRST, ours) == Delivered(chain[-1], created=False)
        assert len(bench.fake.calls) - before == 2 + 4
        assert list(bench.fake.org.leads) == [chain[-1]]


def test_a_merge_into_a_lead_that_was_converted_has_the_person() -> None:
    with table() as bench:
        ours, kept = made(bench, FIRST), bench.fake.org.add_lead()
        bench.fake.org.merge(kept, ours)
        contact = bench.fake.org.convert(kept)
        assert later(bench, FIRST, ours) == Delivered(contact, created=False)


def test_a_merge_into_a_lead_that_was_deleted_is_a_deletion() -> None:
    with table() as bench:
        ours, kept = made(bench, FIRST), bench.fake.org.add_lead()
        bench.fake.org.merge(kept, ours)
        bench.fake.org.delete(kept)
        again = later(bench, FIRST, ours)
        assert isinstance(again, Delivered)
        assert again.created


@pytest.mark.parametrize("remembered", [True, False])
def test_a_merge_into_another_person_of_ours_is_never_written_over(*, remembered: bool) -> None:
    with table() as bench:
        lost, kept = made(bench, FIRST), made(bench, SECOND)
        bench.fake.org.merge(kept, lost)
        before = dict(bench.fake.org.leads[kept])
        why = later(bench, FIRST, lost if remembered else None)
        assert isinstance(why, Reject)
        assert (why.code, kept in why.detail) == ("salesforce_merged", True)
        assert bench.fake.org.leads == {kept: before}
        assert later(bench, SECOND, kept) == Delivered(kept, created=False)


def test_a_lead_that_took_another_persons_key_in_a_merge_is_theirs() -> None:
    with table() as bench:
        kept, lost = made(bench, FIRST), made(bench, SECOND)
        bench.fake.org.merge(kept, lost, **{KEY: bench.delivery(SECOND).person})
        assert isinstance(later(bench, FIRST, kept), Reject)
        assert later(bench, SECOND, lost) == Delivered(kept, created=False)


def test_saving_makes_a_lead_of_its_own_beside_the_one_it_was_merged_into() -> None:
    with table(duplicates="save") as bench:
        lost, kept = made(bench, FIRST), made(bench, SECOND)
        bench.fake.org.merge(kept, lost)
        again = later(bench, FIRST, lost)
        assert isinstance(again, Delivered)
        assert again.created


def test_two_people_who_were_merged_into_a_lead_of_sales_do_not_share_it() -> None:
    with table() as bench:
        ids, kept = [made(bench, FIRST), made(bench, SECOND)], bench.fake.org.add_lead()
        bench.fake.org.merge(kept, *ids)
        batch = [bench.delivery(n, remote_id=id_) for n, id_ in zip((FIRST, SECOND), ids, strict=True)]
        first, second = sent(bench, *batch)
        assert (first, type(second)) == (Delivered(kept, created=False), Retry)
        assert isinstance(one(bench, batch[1]), Reject)


def test_a_key_that_somebody_cleared_is_written_again() -> None:
    with table() as bench:
        ours = made(bench, FIRST)
        bench.fake.org.edit(ours, CTGO_X_User_Id__c=None)
        assert later(bench, FIRST, ours) == Delivered(ours, created=False)
        assert lead_of(bench, bench.delivery(FIRST))["Id"] == ours


def unknown(bench: Table, n: int, remote_id: str) -> None:
    """A later lead of a person is set aside, and nothing is made; with `save` it is made."""
    before = dict(bench.fake.org.leads)
    why = later(bench, n, remote_id)
    assert isinstance(why, Reject)
    assert (why.code, "00Q" in why.detail) == ("salesforce_lead_gone", True)
    assert bench.fake.org.leads == before


def asked_for_deleted(bench: Table) -> int:
    return sum("queryAll" in call.path for call in bench.fake.calls)


@pytest.mark.parametrize("fields", [None, PLAIN])
def test_merges_are_followed_also_where_the_org_does_not_describe_them(
    fields: Mapping[str, str | Field] | None,
) -> None:
    with table(fields=fields) as bench:
        for name in ("masterrecordid", "isdeleted"):
            bench.fake.org.fields[name].listed = False
        ours = made(bench, FIRST)
        assert later(bench, FIRST, ours) == Delivered(ours, created=False)
        assert asked_for_deleted(bench) == 0
        kept = bench.fake.org.add_lead()
        bench.fake.org.merge(kept, ours)
        assert later(bench, FIRST, ours) == Delivered(kept, created=False)
        assert list(bench.fake.org.leads) == [kept]


def test_an_org_that_tells_nothing_of_merges_has_no_second_lead() -> None:
    with table() as bench:
        bench.fake.org.fields["masterrecordid"].granted = False
        ours, kept = made(bench, FIRST), bench.fake.org.add_lead()
        bench.fake.org.merge(kept, ours)
        unknown(bench, FIRST, ours)
        assert asked_for_deleted(bench) == 1
        first, second = sent(bench, bench.delivery(FIRST, remote_id=ours), bench.delivery(SECOND))
        assert isinstance(first, Reject)
        assert isinstance(second, Delivered)


@pytest.mark.parametrize("merges", [0, 1, 2])
def test_a_lead_that_left_an_emptied_bin_is_for_a_person_to_decide(merges: int) -> None:
    """`merges`: of which the bin still tells."""
    with table() as bench:
        ours = made(bench, FIRST)
        chain = [ours, *(bench.fake.org.add_lead(LastName=f"Kept {n}") for n in range(3))]
        for lost, kept in pairwise(chain):
            bench.fake.org.merge(kept, lost)
        del bench.fake.org.bin[chain[merges]]
        unknown(bench, FIRST, ours)


def test_a_chain_without_an_end_is_given_up() -> None:
    with table() as bench:
        ours = made(bench, FIRST)
        chain = [ours, *(bench.fake.org.add_lead() for _ in range(LONGEST_CHAIN + 1))]
        for lost, kept in pairwise(chain):
            bench.fake.org.merge(kept, lost)
        unknown(bench, FIRST, ours)


def test_saving_makes_a_lead_of_its_own_where_nothing_tells_of_the_first() -> None:
    with table(duplicates="save") as bench:
        ours = made(bench, FIRST)
        bench.fake.org.delete(ours)
        bench.fake.org.bin.clear()
        again = later(bench, FIRST, ours)
        assert isinstance(again, Delivered)
        assert again.created
