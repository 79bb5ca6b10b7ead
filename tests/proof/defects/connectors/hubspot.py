"""Defects of the connector for HubSpot: merges, shared mailboxes, locks, and whom it believes."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

SHARED = "tests/connectors/hubspot/test_hubspot_shared.py::test_"
LOCKS = "tests/connectors/hubspot/test_hubspot_locks.py::test_"
MERGES = "tests/connectors/hubspot/test_hubspot_merges.py::test_"


@defect("requests", "connectors", f"{MERGES}a_merged_contact_is_written_to_under_its_new_id")
def hubspot_keeps_an_id_that_a_merge_killed() -> None:
    """A contact that is read under a new id is still written to under its old one."""
    instead(
        "connectors.hubspot.identity:Target.at",
        lambda self, contact: self._replace(contact=contact, looked=True),
    )


@defect("I-3", "connectors", f"{MERGES}two_of_our_people_whom_sales_made_one_stay_one")
def hubspot_takes_no_notice_of_a_merge() -> None:
    """A contact that answers under another id than the one that was asked for counts as gone."""

    def make(plain: Any) -> Any:
        def found_for(aims: Any, contacts: Any) -> Any:
            found = plain(aims, contacts)
            asked = {aim.row.place: aim for aim in aims}
            return {
                place: it
                for place, it in found.items()
                if asked[place].kind != "id" or it.id == asked[place].id
            }

        return found_for

    around("connectors.hubspot.identity:found_for", make)


@defect("one object a person", "connectors", f"{MERGES}two_of_our_people_whom_sales_made_one_stay_one")
def hubspot_writes_one_person_over_another() -> None:
    """A contact that sales made of two of our people gets the fields of whoever has the next lead."""
    instead("connectors.hubspot.identity:Target.misses", lambda *_: False)


@defect("I-3", "connectors", f"{MERGES}a_contact_that_bears_anothers_key_is_for_a_person_to_decide")
def hubspot_makes_a_person_anew_whose_contact_bears_anothers_key() -> None:
    """A contact that may stand for two of our people is left aside, and one of the two gets a second one."""
    around(
        "connectors.hubspot.match:Lookup._without",
        lambda plain: lambda *given: [aim._replace(taken="") for aim in plain(*given)],
    )


@defect("liveness", "connectors", f"{MERGES}an_id_that_updates_leave_out_twice_is_given_up")
def hubspot_never_gives_up_an_id() -> None:
    """A contact that updates by its id leave out is sent by that id until its attempts are used up."""
    around(
        "connectors.hubspot.write:Sending._left_out",
        lambda plain: lambda self, aims: plain(self, [aim._replace(kind="key") for aim in aims]),
    )


@defect("one object a person", "connectors", f"{SHARED}later_leads_of_either_stay_with_their_own")
def hubspot_makes_one_contact_of_two_people() -> None:
    """Somebody with another's mailbox is written to the other's contact."""
    instead("connectors.hubspot.identity:Contact.of_another", lambda *_: False)


@defect("liveness", "connectors", f"{LOCKS}a_contact_that_stays_locked_holds_nobody_else_up")
def hubspot_takes_one_contacts_lock_for_the_lanes() -> None:
    """A lock is waited out every two seconds for as long as it lasts, by all who share a call with it."""
    instead("connectors.hubspot.write:narrow_lock", lambda why, _: why)


@defect(
    "I-10",
    "connectors",
    "tests/connectors/hubspot/test_hubspot_trouble.py::test_a_firewall_that_dislikes_one_lead_holds_no_other_up",
)
def hubspot_believes_a_firewall() -> None:
    """A 403 halts the lane whoever says it."""
    instead("connectors.hubspot.errors:_is_its_own", lambda _: True)


@defect(
    "requests",
    "connectors",
    "tests/connectors/hubspot/test_hubspot_identity.py::test_it_does_so_when_the_ledger_forgot_the_contact",
)
def hubspot_reads_the_holder_in_the_message_alone() -> None:
    """The contact that an error names in its context is looked for all the same."""
    around(
        "connectors.hubspot.errors:_existing",
        lambda plain: lambda error, message: plain({**error, "context": None}, message),
    )
