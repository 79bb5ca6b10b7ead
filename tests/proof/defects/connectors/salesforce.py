"""Defects of Salesforce's connector: merges, other people of ours, shared addresses, and what is a row's own fault."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

TESTS = "tests/connectors/salesforce/test_salesforce_"
MERGES = f"{TESTS}merges.py::"
SHARED = f"{TESTS}shared_address.py::"


@defect("I-3", "connectors", f"{MERGES}test_a_merged_lead_is_written_as_the_one_that_was_kept")
def salesforce_takes_a_merged_lead_for_a_deleted_one() -> None:
    """A lead that sales merged into another is made again."""
    instead("connectors.salesforce.match:follow", lambda *_: None)


@defect("I-3", "connectors", f"{MERGES}test_merges_are_followed_one_after_the_other")
def salesforce_follows_one_merge_only() -> None:
    """A lead that was merged twice is made again."""

    def make(plain: Any) -> Any:
        def next_one(*given: Any) -> Any:
            plain(*given)
            return set()

        return next_one

    around("connectors.salesforce.match:_next", make)


@defect("I-3", "connectors", f"{MERGES}test_a_lead_that_left_an_emptied_bin_is_for_a_person_to_decide")
def salesforce_makes_a_lead_anew_of_which_nothing_tells() -> None:
    """A lead that a merge may have taken away unseen is made again."""
    instead("connectors.salesforce.identity:_gone", lambda *_: None)


@defect(
    "one object a person",
    "connectors",
    f"{MERGES}test_a_merge_into_another_person_of_ours_is_never_written_over",
)
def salesforce_writes_over_another_person_of_ours() -> None:
    """A merged lead is written as the one that was kept, whoever's key that bears."""

    def make(plain: Any) -> Any:
        def merged(delivery: Any, known: Any, mapped: Any) -> Any:
            from connectors.salesforce.identity import Known  # noqa: PLC0415

            person, key = delivery.person.casefold(), mapped.key.name
            bare = Known()
            bare.kept[person] += [{n: v for n, v in lead.items() if n != key} for lead in known.kept[person]]
            return plain(delivery, bare, mapped)

        return merged

    around("connectors.salesforce.identity:_merged", make)


@defect(
    "poison alone",
    "connectors",
    f"{TESTS}trouble.py::test_records_out_of_reach_halt_nobody_though_they_are_all_of_a_call",
)
def salesforce_halts_for_one_record_out_of_reach() -> None:
    """One record that the run-as user may not edit stops the lane."""

    def make(plain: Any) -> Any:
        from connectors.salesforce.errors import Meaning  # noqa: PLC0415

        halt = Meaning("halt", "salesforce_permission")
        return {**plain, "INSUFFICIENT_ACCESS": halt, "INSUFFICIENT_ACCESS_OR_READONLY": halt}

    around("connectors.salesforce.errors:ROWS", make)


@defect(
    "poison alone",
    "connectors",
    f"{TESTS}trouble.py::test_a_row_that_fails_is_what_the_table_says_and_its_neighbours_are_delivered",
)
def salesforce_waits_for_what_only_a_person_mends() -> None:
    """A record that waits for an approval, or a flow that fails, is sent eight times."""
    words = {"ENTITY_IS_LOCKED", "CANNOT_EXECUTE_FLOW_TRIGGER", "INVALID_CROSS_REFERENCE_KEY"}
    around(
        "connectors.salesforce.errors:ROWS",
        lambda plain: {word: meaning for word, meaning in plain.items() if word not in words},
    )


@defect(
    "I-1",
    "connectors",
    f"{SHARED}test_the_second_is_set_aside_where_a_rule_refuses_the_lead",
)
def salesforce_takes_a_contact_for_everybody_with_its_address() -> None:
    """A person is delivered silently to a Contact that sales made of another person of ours."""
    instead("connectors.salesforce.identity:Known.theirs", lambda *_: False)


@defect(
    "I-1",
    "connectors",
    f"{SHARED}test_a_contact_is_its_leads_whatever_address_that_lead_had_and_costs_one_call",
)
def salesforce_sees_whose_a_contact_is_by_the_address_alone() -> None:
    """A Contact whose lead had no address, or another, passes for whoever comes with it."""
    instead("connectors.salesforce.match:ask_whose", lambda *_: None)


@defect("I-1", "connectors", f"{SHARED}test_a_reported_contact_of_another_person_is_not_taken_for_this_one")
def salesforce_believes_a_duplicate_rule_whose_a_contact_is() -> None:
    """A Contact that a duplicate rule reports passes for the person whom it reports it for."""
    instead("connectors.salesforce.match:unowned", lambda *_: [])
