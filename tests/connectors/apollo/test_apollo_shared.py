"""Two people with one address: neither is written to, or taken for, the other's contact."""

from collections.abc import Sequence
from typing import Any

import pytest

from syncd.connector import Delivered, Delivery, Reject
from syncd.testing import LaneHarness
from tests.connectors.apollo.apollo_bench import Table, one, sent, table

MAIL = "maker1@studio1.example.com"
FIRST, SECOND = 1, 3
LATER = "2026-06-12T08:00:00Z"


def lead(bench: Table, n: int, **more: Any) -> Delivery:
    """A lead of one of the two, who share the first one's address."""
    return bench.delivery(n, in_place_of={f"maker{n}@studio{n}.example.com": MAIL}, **more)


def both(bench: Table, *, turned: bool) -> list[Delivery]:
    found = [lead(bench, FIRST), lead(bench, SECOND)]
    return found[::-1] if turned else found


def contacts(bench: Table, person: str) -> Sequence[Any]:
    return [each for each in bench.remote.objects() if each.get("ctgo_x_user_id") == person]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_the_second_is_set_aside_where_no_contact_without_an_address_is_made(
    *, turned: bool, together: bool
) -> None:
    with table() as bench:
        batch = both(bench, turned=turned)
        calls = [batch] if together else [[each] for each in batch]
        outcomes = [outcome for call in calls for outcome in sent(bench, *call)]  # type: ignore[union-attr]
        assert isinstance(outcomes[0], Delivered)
        assert isinstance(outcomes[1], Reject)
        assert (outcomes[1].code, bench.seen()) == ("apollo_address_taken", 1)
        (contact,) = bench.remote.objects()
        assert (contact["ctgo_x_user_id"], contact["ctgo_handle"]) == (
            batch[0].person,
            batch[0].fields["ctgo_handle"],
        )


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("fills", ["never", "if_empty"])
def test_the_second_has_a_contact_of_its_own_without_the_address(
    fills: str, *, turned: bool, lost: bool
) -> None:
    with table(without_email="create", update_existing=fills) as bench:
        first, second = both(bench, turned=turned)
        if lost:
            bench.fake.lose_next_answer()
        harness = LaneHarness(bench, first, second).settle()
        assert sorted(harness.ids("delivered")) == [FIRST, SECOND]
        owner, other = (contacts(bench, each.person)[0] for each in (first, second))
        assert (owner["email"], other["email"], bench.seen()) == (MAIL, None, 2)
        assert other["ctgo_handle"] == second.fields["ctgo_handle"]


def test_its_answer_may_be_lost_and_it_is_found_again() -> None:
    with table(without_email="create") as bench:
        one(bench, lead(bench, FIRST))
        harness = LaneHarness(bench, lead(bench, SECOND))
        bench.fake.answer_next(429, {"message": "600 times per minute"}, at="contacts/search")
        bench.fake.lose_next_answer()  # of asking by the address, which changes nothing
        bench.fake.lose_next_answer()  # of the contact without it
        assert harness.settle().ids("delivered") == [SECOND]
        assert bench.seen() == 2


@pytest.mark.parametrize("create", [False, True])
def test_later_leads_of_either_go_to_their_own(*, create: bool) -> None:
    with table(without_email="create" if create else "skip") as bench:
        mine = one(bench, lead(bench, FIRST))
        assert isinstance(mine, Delivered)
        theirs = one(bench, lead(bench, SECOND))
        if create:
            bench.clock.advance(300.0)
            theirs = one(bench, lead(bench, SECOND, attempt=2))
        remote = theirs.remote_id if isinstance(theirs, Delivered) else None
        for _ in range(2):
            new = lead(bench, FIRST, remote_id=mine.remote_id, bio="mine", discovered_at=LATER)
            assert one(bench, new) == Delivered(mine.remote_id, created=False)
            other = one(bench, lead(bench, SECOND, remote_id=remote, bio="theirs", discovered_at=LATER))
            assert isinstance(other, Delivered if create else Reject)
        held = {each["ctgo_x_user_id"]: (each["ctgo_bio"], each["email"]) for each in bench.remote.objects()}
        expected = {new.person: ("mine", MAIL)}
        assert held == (expected | {lead(bench, SECOND).person: ("theirs", None)} if create else expected)


@pytest.mark.parametrize("create", [False, True])
def test_who_was_delivered_to_anothers_contact_is_delivered_there_no_more(*, create: bool) -> None:
    with table(without_email="create" if create else "skip", update_existing="if_empty") as bench:
        mine = one(bench, lead(bench, FIRST))
        assert isinstance(mine, Delivered)
        before = repr(contacts(bench, lead(bench, FIRST).person))
        old = lead(bench, SECOND, remote_id=mine.remote_id, bio="theirs", discovered_at=LATER)
        harness = LaneHarness(bench, old).settle()
        assert (harness.ids("delivered"), harness.ids("rejected")) == (
            ([SECOND], []) if create else ([], [SECOND])
        )
        assert repr(contacts(bench, lead(bench, FIRST).person)) == before
        assert len(contacts(bench, old.person)) == int(create)


def test_who_has_another_address_by_now_has_a_contact_with_it() -> None:
    with table() as bench:
        mine = one(bench, lead(bench, FIRST))
        assert isinstance(mine, Delivered)
        found = one(bench, bench.delivery(SECOND, remote_id=mine.remote_id))
        assert isinstance(found, Delivered)
        assert found.created
        assert contacts(bench, bench.delivery(SECOND).person)[0]["email"] == "maker3@studio3.example.com"


def test_a_contact_that_syncd_did_not_make_is_shared_as_before() -> None:
    with table() as bench:
        bench.fake.book.create([{"email": MAIL}], [], dedupe=False)
        assert all(isinstance(one(bench, each), Delivered) for each in both(bench, turned=False))
        assert bench.seen() == 1
