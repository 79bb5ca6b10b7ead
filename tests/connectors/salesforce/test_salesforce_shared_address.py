"""Two people of ours with one verified address: a Contact that sales made of one of them is not the other."""

import pytest

from syncd.connector import Delivered, Delivery, Halt, Outcome, Reject
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, lead_of, one, sent, table

EMAIL = "maker3@studio3.example.com"
BOTH = pytest.mark.parametrize("order", [(3, 6), (6, 3)])
NONE, NAMED = 2, 4
"""Of the made-up people, one without an email, and one whom only a duplicate rule finds elsewhere."""


def person(bench: Table, n: int) -> Delivery:
    """The third, or the sixth with the address of the third."""
    return bench.delivery(n, in_place_of={"maker6@studio6": "maker3@studio3"})


def made(bench: Table, delivery: Delivery) -> str:
    """A lead of their own; its id."""
    outcome = one(bench, delivery)
    assert isinstance(outcome, Delivered)
    assert outcome.created
    assert lead_of(bench, delivery)["Id"] == outcome.remote_id
    return outcome.remote_id or ""


def converted(bench: Table, delivery: Delivery, into: str | None = None) -> str:
    """Somebody of ours who is a Contact by now; its id."""
    return bench.fake.org.convert(made(bench, delivery), into)


def set_aside(outcome: Outcome, record_id: str) -> bool:
    """Whether it is visible, with the record in the way."""
    return (
        isinstance(outcome, Reject) and outcome.code == "salesforce_duplicate" and record_id in outcome.detail
    )


@BOTH
@pytest.mark.parametrize("duplicates", ["reject", "link", "save"])
def test_the_second_gets_a_lead_of_their_own(order: tuple[int, int], duplicates: str) -> None:
    with table(duplicates=duplicates) as bench:
        bench.fake.org.rule = "off"
        first, second = (person(bench, n) for n in order)
        contact = converted(bench, first)
        lead_id = made(bench, second)
        assert one(bench, first) == Delivered(contact, created=False)
        assert one(bench, second._replace(remote_id=lead_id)) == Delivered(lead_id, created=False)


@BOTH
@pytest.mark.parametrize("duplicates", ["reject", "link"])
def test_the_second_is_set_aside_where_a_rule_refuses_the_lead(
    order: tuple[int, int], duplicates: str
) -> None:
    with table(duplicates=duplicates) as bench:
        first, second = (person(bench, n) for n in order)
        contact = converted(bench, first)
        assert set_aside(one(bench, second), contact)
        assert one(bench, first) == Delivered(contact, created=False)


@BOTH
@pytest.mark.parametrize("remembered", [True, False])
def test_of_one_batch_each_goes_their_own_way(order: tuple[int, int], *, remembered: bool) -> None:
    with table(duplicates="link") as bench:
        bench.fake.org.rule = "off"
        first, second = person(bench, 3), person(bench, 6)
        contact = converted(bench, first)
        each = {3: first._replace(remote_id=contact if remembered else None), 6: second}
        outcomes = dict(zip(order, sent(bench, *(each[n] for n in order)), strict=True))
        own = lead_of(bench, second)["Id"]
        assert outcomes == {3: Delivered(contact, created=False), 6: Delivered(own)}


def test_two_whom_sales_made_one_contact_of_share_it() -> None:
    with table() as bench:
        bench.fake.org.rule = "off"
        first, second = person(bench, 3), person(bench, 6)
        ids = [made(bench, first), made(bench, second)]
        contact = bench.fake.org.convert(ids[0])
        bench.fake.org.convert(ids[1], contact)
        assert sent(bench, first, second) == [Delivered(contact, created=False)] * 2
        bench.fake.org.delete(ids[1])
        assert one(bench, second) == Delivered(contact, created=False)


def test_a_contact_is_its_leads_whatever_address_that_lead_had_and_costs_one_call() -> None:
    with table() as bench:
        contact = bench.fake.org.add_contact(Email=EMAIL)
        converted(bench, bench.delivery(NONE), contact)
        before = len(bench.fake.calls)
        assert set_aside(one(bench, person(bench, 3)), contact)
        assert len(bench.fake.calls) - before == 3
        bench.fake.org.rule = "off"
        made(bench, person(bench, 3))


def test_a_contact_is_its_leads_though_somebody_elses_lead_became_it_too() -> None:
    with table() as bench:
        bench.fake.org.rule = "off"
        contact = converted(bench, bench.delivery(NONE))
        bench.fake.org.convert(bench.fake.org.add_lead(Email=EMAIL), contact)
        made(bench, person(bench, 3))


def test_a_contact_is_its_leads_though_that_lead_was_deleted() -> None:
    with table() as bench:
        bench.fake.org.rule = "off"
        lead_id = made(bench, person(bench, 6))
        bench.fake.org.convert(lead_id)
        bench.fake.org.delete(lead_id)
        made(bench, person(bench, 3))


def test_of_two_contacts_the_one_that_is_nobodys_of_ours_has_the_person() -> None:
    with table() as bench:
        bench.fake.org.rule = "off"
        converted(bench, person(bench, 6))
        free = bench.fake.org.add_contact(Email=EMAIL)
        assert one(bench, person(bench, 3)) == Delivered(free, created=False)


@pytest.mark.parametrize("hidden", [["ConvertedContactId"], ["ConvertedContactId", "IsConverted"]])
def test_where_it_is_hidden_what_leads_became_an_equal_address_tells(hidden: list[str]) -> None:
    with table() as bench:
        for name in hidden:
            bench.fake.org.fields[name.lower()].granted = False
        contact = converted(bench, person(bench, 6))
        assert set_aside(one(bench, person(bench, 3)), contact)


# What only a duplicate rule finds


def _reported(bench: Table) -> str:
    """A Contact with the name and company of somebody of ours; its id."""
    return bench.fake.org.add_contact(LastName="van der Berg", Company="studio4.example.com")


def test_a_reported_contact_of_another_person_is_not_taken_for_this_one() -> None:
    with table(duplicates="link") as bench:
        contact = _reported(bench)
        converted(bench, bench.delivery(NONE), contact)
        outcomes = sent(bench, bench.delivery(NAMED), bench.delivery(5))
        assert set_aside(outcomes[0], contact)
        assert isinstance(outcomes[1], Delivered)


def test_a_reported_contact_that_cannot_be_asked_about_is_nobodys_yet() -> None:
    with table(fields=PLAIN, duplicates="link") as bench:
        bench.fake.org.add_contact(LastName="maker_4", Company="@maker_4 (X)")
        bench.fake.org.hidden_objects.add("lead")
        why = one(bench, bench.delivery(NAMED))
        assert isinstance(why, Halt)
        assert why.code == "salesforce_object_hidden"
