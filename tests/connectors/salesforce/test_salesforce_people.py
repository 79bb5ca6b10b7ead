"""Who is in the org already: by our key, by a verified email, converted, or reported by a duplicate rule."""

import pytest

from syncd.connector import Delivered, Halt, Reject, Retry
from syncd.simulator.crms.salesforce.lead_object import KEY
from syncd.testing import LaneHarness
from tests.connectors.salesforce.salesforce_bench import PLAIN, Table, lead_of, one, raised, sent, table

VERIFIED, GUESSED, NONE = 3, 1, 2
"""Of the made-up people, by the number's remainder by three."""
EMAIL = "maker3@studio3.example.com"


def test_a_contact_with_the_verified_email_has_the_person() -> None:
    with table() as bench:
        contact = bench.fake.org.add_contact(Email=EMAIL.upper(), LastName="Maker")
        assert one(bench, bench.delivery(VERIFIED)) == Delivered(contact, created=False)
        shouted = bench.delivery(VERIFIED, in_place_of={EMAIL: EMAIL.title()})
        assert one(bench, shouted) == Delivered(contact, created=False)
        assert not bench.fake.org.leads


def test_what_was_settled_as_a_contact_costs_no_call_ever_after() -> None:
    with table() as bench:
        contact = bench.fake.org.add_contact(Email=EMAIL)
        one(bench, bench.delivery(VERIFIED))
        before = len(bench.fake.calls)
        assert one(bench, bench.delivery(VERIFIED, remote_id=contact)) == Delivered(contact, created=False)
        assert len(bench.fake.calls) == before


def test_a_guessed_email_finds_nobody() -> None:
    with table() as bench:
        bench.fake.org.add_contact(Email="maker1@studio1.example.com")
        delivered = one(bench, bench.delivery(GUESSED))
        assert isinstance(delivered, Delivered)
        assert delivered.created
        assert "Email" not in lead_of(bench, bench.delivery(GUESSED))


def test_an_email_of_a_mapping_that_asks_for_no_proof_finds_nobody() -> None:
    with table(fields={**PLAIN, "Email": "{{ email }}"}) as bench:
        bench.fake.org.rule = "off"
        bench.fake.org.add_contact(Email=EMAIL)
        delivered = one(bench, bench.delivery(VERIFIED))
        assert isinstance(delivered, Delivered)
        assert delivered.created


def test_our_own_lead_is_updated_though_a_contact_has_the_email_too() -> None:
    with table() as bench:
        first = one(bench, bench.delivery(VERIFIED))
        bench.fake.org.add_contact(Email=EMAIL)
        second = one(bench, bench.delivery(VERIFIED, bio="new"))
        assert isinstance(first, Delivered)
        assert second == Delivered(first.remote_id, created=False)
        assert lead_of(bench, bench.delivery(VERIFIED))["CTGO_Bio__c"] == "new"


def test_a_converted_lead_of_ours_is_done_and_its_contact_is_remembered() -> None:
    with table() as bench:
        made = one(bench, bench.delivery(NONE))
        assert isinstance(made, Delivered)
        contact = bench.fake.org.convert(made.remote_id or "")
        before = [dict(lead) for lead in bench.fake.org.leads.values()]
        assert one(bench, bench.delivery(NONE, bio="new")) == Delivered(contact, created=False)
        assert list(bench.fake.org.leads.values()) == before
        assert bench.fake.calls[-1].method == "GET"


def test_a_converted_lead_that_only_the_write_shows_is_done_too() -> None:
    with table(fields=PLAIN) as bench:
        made = one(bench, bench.delivery(NONE))
        assert isinstance(made, Delivered)
        contact = bench.fake.org.convert(made.remote_id or "")
        outcomes = sent(bench, bench.delivery(NONE, remote_id=made.remote_id), bench.delivery(5))
        assert outcomes[0] == Delivered(contact, created=False)
        assert isinstance(outcomes[1], Delivered)


def test_a_converted_lead_is_done_even_if_its_contact_cannot_be_asked_for() -> None:
    with table(fields=PLAIN) as bench:
        made = one(bench, bench.delivery(NONE))
        assert isinstance(made, Delivered)
        bench.fake.org.errors[bench.delivery(NONE).person] = {"statusCode": "CANNOT_UPDATE_CONVERTED_LEAD"}
        bench.fake.org.delete(made.remote_id or "")
        assert one(bench, bench.delivery(NONE, remote_id="00Q1")) == Delivered("00Q1", created=False)


def test_somebody_elses_converted_lead_with_the_verified_email_has_the_person() -> None:
    with table() as bench:
        other = bench.fake.org.add_lead(Email=EMAIL)
        contact = bench.fake.org.convert(other)
        bench.fake.org.contacts.clear()
        assert one(bench, bench.delivery(VERIFIED)) == Delivered(contact, created=False)


def test_a_deleted_lead_is_made_again_and_handed_out_by_no_rule() -> None:
    with table() as bench:
        made = one(bench, bench.delivery(NONE))
        assert isinstance(made, Delivered)
        bench.fake.org.delete(made.remote_id or "")
        again = one(bench, bench.delivery(NONE, remote_id=made.remote_id))
        assert isinstance(again, Delivered)
        assert again.created
        assert lead_of(bench, bench.delivery(NONE))["Company"] == "@maker_2 (X)"
        assert bench.fake.org.assignments[again.remote_id or ""] == 0


# A lead that somebody made by hand


def test_by_default_somebody_elses_lead_with_the_email_is_rejected_with_its_id() -> None:
    with table() as bench:
        bench.fake.org.rule = "off"
        other = bench.fake.org.add_lead(Email=EMAIL)
        why = one(bench, bench.delivery(VERIFIED))
        assert isinstance(why, Reject)
        assert (why.code, other in why.detail) == ("salesforce_duplicate", True)
        assert len(bench.fake.org.leads) == 1


def test_linking_writes_our_key_and_what_is_empty_there_and_nothing_else() -> None:
    with table(duplicates="link") as bench:
        other = bench.fake.org.add_lead(
            Email=EMAIL, LastName="Typed", Company="Acme", Description="", CTGO_Bio__c="kept"
        )
        assert one(bench, bench.delivery(VERIFIED)) == Delivered(other, created=False)
        lead = lead_of(bench, bench.delivery(VERIFIED))
        assert (lead["LastName"], lead["Company"], lead["CTGO_Bio__c"]) == ("Typed", "Acme", "kept")
        assert lead["Description"].startswith("Found on X")
        assert lead["CTGO_Handle__c"] == "maker_3"
        assert not bench.fake.org.assignments


def test_two_leads_with_the_email_are_linked_to_neither() -> None:
    with table(duplicates="link") as bench:
        ids = [bench.fake.org.add_lead(Email=EMAIL, LastName=name) for name in ("One", "Two")]
        why = one(bench, bench.delivery(VERIFIED))
        assert isinstance(why, Reject)
        assert all(each in why.detail for each in ids)


def test_a_record_is_linked_to_one_person_of_a_batch_only() -> None:
    with table(duplicates="link") as bench:
        bench.fake.org.rule = "off"
        other = bench.fake.org.add_lead(Email=EMAIL)
        mine = bench.delivery(VERIFIED)
        twin = bench.delivery(6, in_place_of={"maker6@studio6": "maker3@studio3"})
        first, second = sent(bench, mine, twin)
        assert first == Delivered(other, created=False)
        assert isinstance(second, Retry)
        later = one(bench, twin)
        assert isinstance(later, Delivered)
        assert later.created


def test_saving_makes_another_lead_in_spite_of_a_rule_that_only_warns() -> None:
    with table(duplicates="save") as bench:
        bench.fake.org.add_lead(Email=EMAIL)
        delivered = one(bench, bench.delivery(VERIFIED))
        assert isinstance(delivered, Delivered)
        assert delivered.created


def test_saving_cannot_get_past_a_rule_that_blocks() -> None:
    with table(duplicates="save") as bench:
        bench.fake.org.rule = "block"
        bench.fake.org.add_lead(Email=EMAIL)
        assert isinstance(one(bench, bench.delivery(VERIFIED)), Reject)


# What only a duplicate rule finds: an equal name at an equal company


def _namesake(bench: Table) -> str:
    return bench.fake.org.add_lead(LastName="van der Berg", Company="studio4.example.com")


@pytest.mark.parametrize("spelt", ["duplicateResult", "duplicateResut"])
def test_a_fuzzy_duplicate_is_rejected_with_the_ids_however_they_are_spelt(spelt: str) -> None:
    with table() as bench:
        bench.fake.org.rule_tells = spelt
        other = _namesake(bench)
        why = one(bench, bench.delivery(4))
        assert isinstance(why, Reject)
        assert (why.code, other in why.detail) == ("salesforce_duplicate", True)


def test_a_fuzzy_duplicate_is_rejected_without_ids_where_the_org_tells_none() -> None:
    with table() as bench:
        bench.fake.org.rule_tells = None
        _namesake(bench)
        assert isinstance(one(bench, bench.delivery(4)), Reject)


def test_a_fuzzy_duplicate_is_linked_where_the_options_say_so() -> None:
    with table(duplicates="link") as bench:
        other = _namesake(bench)
        outcomes = sent(bench, bench.delivery(4), bench.delivery(5))
        assert outcomes[0] == Delivered(other, created=False)
        assert lead_of(bench, bench.delivery(4))["Id"] == other


def test_a_fuzzy_duplicate_that_is_a_contact_has_the_person() -> None:
    with table(duplicates="link") as bench:
        contact = bench.fake.org.add_contact(LastName="van der Berg", Company="studio4.example.com")
        assert one(bench, bench.delivery(4)) == Delivered(contact, created=False)


def test_a_fuzzy_duplicate_with_another_persons_key_is_not_taken_from_them() -> None:
    with table(duplicates="link") as bench:
        bench.fake.org.add_lead(**{"LastName": "van der Berg", "Company": "studio4.example.com", KEY: "77"})
        assert isinstance(one(bench, bench.delivery(4)), Reject)
        assert len(bench.fake.org.by_key("77")) == 1


def test_a_link_that_breaks_is_tried_again() -> None:
    with table(duplicates="link") as bench:
        one(bench, bench.delivery(5))
        _namesake(bench)
        harness = LaneHarness(bench, bench.delivery(4))
        bench.fake.org.rule_tells = "duplicateResult"
        bench.fake.lose_next_answer()
        assert harness.settle().ids("delivered") == [4]
        assert len(bench.fake.org.leads) == 2


def test_a_key_that_does_not_fit_is_rejected_and_never_cut() -> None:
    with table() as bench:
        why = one(bench, bench.delivery(1, x_user_id="9" * 33))
        assert isinstance(why, Reject)
        assert why.code == "salesforce_bad_key"


def test_contacts_that_cannot_be_read_stop_the_lane() -> None:
    with table() as bench:
        bench.fake.org.hidden_objects.add("contact")
        why = raised(bench, bench.delivery(VERIFIED))
        assert isinstance(why, Halt)
        assert why.code == "salesforce_object_hidden"


@pytest.mark.parametrize("hidden", ["IsConverted", "ConvertedContactId"])
def test_a_standard_field_that_is_hidden_is_not_asked_for(hidden: str) -> None:
    with table() as bench:
        made = one(bench, bench.delivery(NONE))
        assert isinstance(made, Delivered)
        bench.fake.org.convert(made.remote_id or "")
        bench.fake.org.fields[hidden.lower()].granted = False
        bench.clock.advance(3600)
        again = one(bench, bench.delivery(NONE))
        assert isinstance(again, Delivered)
        assert not again.created
