"""A merge gives the contact a new id: it is found there, is written to there, and is remembered under it.

Of two people of ours whom sales made one, neither is written over, and no second contact is made.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.connector import Delivered, Delivery, Field, Reject
from tests.connectors.hubspot.hubspot_bench import ALWAYS, NONE, VERIFIED, Hub, hub

Fields = dict[str, str | Field] | None


@pytest.fixture(params=[None, ALWAYS], ids=["careful", "always"])
def it(request: pytest.FixtureRequest) -> Iterator[Hub]:
    fields: Fields = request.param
    with hub(fields) as it:
        yield it


def sent(it: Hub, n: int, **changes: Any) -> str:
    """Deliver a lead: the id of its contact."""
    id_ = it.deliver(it.lead(n, **changes)).remote_id
    assert id_ is not None
    return id_


def ids(it: Hub, *deliveries: Delivery) -> list[str | None]:
    outcomes = it.send(*deliveries)
    assert all(isinstance(each, Delivered) and not each.created for each in outcomes), outcomes
    return [each.remote_id for each in outcomes if isinstance(each, Delivered)]


@pytest.mark.parametrize("primary", [True, False])
def test_a_merged_contact_is_written_to_under_its_new_id(it: Hub, *, primary: bool) -> None:
    ours, other = sent(it, NONE), it.fake.portal.add(lastname="Other", phone="5")
    merged = it.fake.portal.merge(*((ours, other) if primary else (other, ours)))
    later = it.lead(NONE, remote_id=ours, in_place_of={"Workshop": "Atelier"})
    assert ids(it, later) == [merged]
    assert [each["id"] for body in it.fake.calls("update") for each in body["inputs"]] == [merged]
    assert "Atelier" in it.contact(merged)["ctgo_bio"]
    assert ids(it, it.lead(NONE, remote_id=merged)) == [merged]
    assert it.size == 1


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("how_many", [1, 2])
def test_some_merged_ones_among_others_are_found(it: Hub, how_many: int, *, told: bool) -> None:
    """`told`: HubSpot says which ids were merged into a contact."""
    before = [sent(it, n) for n in (NONE, 4, 5)]
    after = list(before)
    for n in range(how_many):
        after[n] = it.fake.portal.merge(before[n], it.fake.portal.add(lastname="Other"))
        if not told:
            it.fake.portal.edit(after[n], hs_merged_object_ids="")
    known = [it.lead(n, remote_id=id_) for n, id_ in zip((NONE, 4, 5), before, strict=True)]
    assert ids(it, *known) == after
    assert it.size == 3


def test_a_chain_of_merges_beside_a_deleted_contact_is_followed(it: Hub) -> None:
    ours, gone = sent(it, NONE), sent(it, 5)
    once = it.fake.portal.merge(it.fake.portal.add(lastname="One"), ours)
    twice = it.fake.portal.merge(it.fake.portal.add(lastname="Two"), once)
    it.fake.portal.delete(gone)
    outcomes = it.send(it.lead(NONE, remote_id=ours), it.lead(5, remote_id=gone))
    assert outcomes[0] == Delivered(twice, created=False)
    assert isinstance(outcomes[1], Delivered)
    assert outcomes[1].created
    assert it.size == 2


def test_two_of_our_people_whom_sales_made_one_stay_one(it: Hub) -> None:
    one, two = sent(it, NONE), sent(it, 5)
    merged = it.fake.portal.merge(one, two)
    before = dict(it.contact(merged))
    for id_ in (two, merged):
        assert ids(it, it.lead(5, remote_id=id_, bio="Of the second")) == [merged]
        assert it.contact(merged) == before
    both = it.lead(5, remote_id=merged, bio="Of the second"), it.lead(NONE, remote_id=one, bio="New")
    assert ids(it, *both) == [merged, merged]
    assert it.contact(merged) == before | {"ctgo_bio": "New"}
    assert it.size == 1


def test_the_log_says_whose_contact_stands_for_two(it: Hub) -> None:
    one, two = sent(it, NONE), sent(it, 5)
    merged = it.fake.portal.merge(one, two)
    sent(it, 5, remote_id=two)
    said = [told for event, told in it.bench.journal.events if event == "hubspot_contact_merged"]
    assert said == [{"lead": it.lead(5).lead.id, "contact": merged}]


@pytest.mark.parametrize("n", [5, VERIFIED])
def test_a_contact_that_bears_anothers_key_is_for_a_person_to_decide(it: Hub, n: int) -> None:
    one, two = sent(it, NONE), sent(it, n, emailed=False)
    merged = it.fake.portal.merge(one, two)
    it.fake.portal.edit(merged, hs_merged_object_ids="")
    before = dict(it.contact(merged))
    other, other_id = it.lead(4), sent(it, 4)
    why, neighbour = it.send(it.lead(n, remote_id=merged), other._replace(remote_id=other_id))
    assert isinstance(why, Reject)
    assert (why.code, merged in why.detail) == ("hubspot_merged", True)
    assert neighbour == Delivered(other_id, created=False)
    assert it.contact(merged) == before
    assert it.size == 2
    it.fake.portal.edit(merged, ctgo_x_user_id=it.lead(n).person)  # as the fix advises
    assert ids(it, it.lead(n, remote_id=merged)) == [merged]


@pytest.mark.parametrize("n", [5, VERIFIED])
def test_a_person_who_has_a_contact_after_all_is_found_by_the_key(it: Hub, n: int) -> None:
    wrong, right = sent(it, NONE), sent(it, n, emailed=False)
    assert ids(it, it.lead(n, remote_id=wrong)) == [right]
    assert it.size == 2


def before_each(it: Hub, kind: str, act: Callable[[Any], None]) -> None:
    """Do something between the connector's request and the portal's answer."""
    original = it.fake.batches.run

    def run(operation: str, body: Any) -> tuple[int, dict[str, Any]]:
        if operation == kind:
            act(body)
        return original(operation, body)

    it.fake.batches.run = run  # type: ignore[method-assign]


def test_a_merge_between_the_look_and_the_update_is_noticed(it: Hub) -> None:
    ours, others = sent(it, NONE), [sent(it, 5)]
    merged: list[str] = []

    def merge(_: Any) -> None:
        if not merged:
            merged.append(it.fake.portal.merge(ours, it.fake.portal.add(lastname="Other")))

    before_each(it, "update", merge)
    assert ids(it, it.lead(NONE, remote_id=ours), it.lead(5, remote_id=others[0])) == [*merged, *others]
    assert it.size == 2


@pytest.mark.parametrize("n", [NONE, VERIFIED])
def test_an_id_that_updates_leave_out_twice_is_given_up(it: Hub, n: int) -> None:
    ours = sent(it, n)

    def forget(_: Any) -> None:
        it.fake.batches.forget = 1

    before_each(it, "update", forget)
    assert ids(it, it.lead(n, remote_id=ours)) == [ours]
    assert len(it.fake.calls("update")) == 2
    assert it.size == 1
