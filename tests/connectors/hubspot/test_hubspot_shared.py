"""Two people with one verified mailbox are two contacts; the address stays with whoever had it first."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.connector import Delivered, Delivery, Field, Pause, Refused
from tests.connectors.hubspot.hubspot_bench import ALWAYS, VERIFIED, Hub, hub

EMAIL = "maker3@studio3.example.com"
OTHER = "777"
Fields = dict[str, str | Field] | None


@pytest.fixture(params=[None, ALWAYS], ids=["careful", "always"])
def it(request: pytest.FixtureRequest) -> Iterator[Hub]:
    fields: Fields = request.param
    with hub(fields) as it:
        yield it


def one(it: Hub, **changes: Any) -> Delivery:
    return it.lead(VERIFIED, **changes)


def two(it: Hub, **changes: Any) -> Delivery:
    """Of another person, with another bio, and with the same address."""
    return it.lead(VERIFIED, x_user_id=OTHER, in_place_of={"Workshop": "Atelier"}, **changes)


def sent(it: Hub, delivery: Delivery) -> str:
    id_ = it.deliver(delivery).remote_id
    assert id_ is not None
    return id_


def apart(it: Hub, owner: str) -> None:
    """Each of the two has a contact with their own key and bio, and only the owner's has the address."""
    found = {each["ctgo_x_user_id"]: each for each in it.fake.portal.contacts.values()}
    assert found.keys() == {one(it).person, OTHER}
    assert {key for key, each in found.items() if each.get("email") == EMAIL} == {owner}
    assert "Atelier" in found[OTHER]["ctgo_bio"]
    assert "Workshop" in found[one(it).person]["ctgo_bio"]
    assert it.size == 2


def test_the_second_of_two_people_with_one_address_has_a_contact_of_their_own(it: Hub) -> None:
    first, second = sent(it, one(it)), sent(it, two(it))
    assert first != second
    apart(it, one(it).person)


def test_so_has_the_first_if_they_come_second(it: Hub) -> None:
    assert it.deliver(two(it)).created
    assert it.deliver(one(it)).created
    apart(it, OTHER)


@pytest.mark.parametrize("swapped", [False, True])
def test_both_in_one_batch_are_two_contacts(it: Hub, *, swapped: bool) -> None:
    batch = [one(it), two(it), it.lead(6)]
    outcomes = it.send(*(reversed(batch) if swapped else batch))
    assert all(isinstance(each, Delivered) and each.created for each in outcomes)
    assert it.size == 3


def test_a_lost_answer_makes_no_third(it: Hub) -> None:
    for lead in (one(it), two(it)):
        it.fake.lose_next_answer()
        with pytest.raises(Pause):
            it.send(lead)
        assert not it.deliver(lead).created
    apart(it, one(it).person)


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_later_leads_of_either_stay_with_their_own(
    it: Hub, *, forgotten: bool, named: bool, whole: bool
) -> None:
    """`forgotten`: by the ledger."""
    it.fake.batches.whole_conflicts, it.fake.portal.names_holder = whole, named
    known = {person: sent(it, lead(it)) for person, lead in (("1", one), ("2", two))}
    for _ in range(2):
        for person, lead in (("2", two), ("1", one)):
            remote = None if forgotten else known[person]
            assert it.deliver(lead(it, remote_id=remote)) == Delivered(known[person], created=False)
    apart(it, one(it).person)


@pytest.mark.parametrize("whole", [True, False])
def test_an_address_that_turns_out_to_be_shared_is_left_out(it: Hub, *, whole: bool) -> None:
    second, first = sent(it, two(it, emailed=False)), sent(it, one(it))
    it.fake.batches.whole_conflicts = whole
    assert sent(it, two(it, remote_id=second)) == second
    assert sent(it, one(it, remote_id=first)) == first
    apart(it, one(it).person)


@pytest.mark.parametrize("order", list(itertools.permutations([one, two])))
@pytest.mark.parametrize("together", [True, False])
def test_two_who_were_one_contact_part_with_their_next_leads(it: Hub, order: Any, *, together: bool) -> None:
    chimera = sent(it, one(it))
    it.fake.portal.edit(chimera, ctgo_bio="of the other")
    known = [lead(it, remote_id=chimera) for lead in order]
    outcomes = it.send(*known) if together else [it.deliver(each) for each in known]
    ids = {each.remote_id for each in outcomes if isinstance(each, Delivered)}
    assert len(ids) == 2
    assert chimera in ids
    apart(it, one(it).person)


def test_a_contact_that_sales_merged_is_still_met_by_its_address(it: Hub) -> None:
    """By one of its own people; another with the address is another."""
    first = it.fake.portal.merge(sent(it, one(it)), it.fake.portal.add(lastname="Double"))
    assert sent(it, one(it)) == first
    assert sent(it, two(it)) != first
    apart(it, one(it).person)


def test_the_log_says_whose_contact_has_the_address(it: Hub) -> None:
    first = sent(it, one(it))
    sent(it, two(it))
    said = [ids for event, ids in it.bench.journal.events if event == "hubspot_mailbox_shared"]
    assert said == [{"lead": two(it).lead.id, "contact": first}]


def test_a_batch_with_a_shared_address_that_is_refused_whole_is_sorted_out_alone() -> None:
    with hub() as it:
        second = sent(it, two(it, emailed=False))
        sent(it, one(it))
        it.fake.batches.whole_conflicts = True
        with pytest.raises(Refused):
            it.send(two(it, remote_id=second), it.lead(6, remote_id=sent(it, it.lead(6))))
        assert sent(it, two(it, remote_id=second)) == second
