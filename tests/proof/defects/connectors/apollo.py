"""Defects of Apollo's connector: contacts that are gone, that are somebody else's, and what is sent for nothing."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

TESTS = "tests/connectors/apollo/test_apollo_"


@defect("poison alone", "connectors", f"{TESTS}known.py::test_contacts_that_are_gone_or_hidden_halt_nobody")
def apollo_halts_for_a_contact_that_is_gone() -> None:
    """A contact that is not there, or not to be viewed, is believed to be only when a 404 says so."""

    def make(plain: Any) -> Any:
        from syncd.connector import Halt  # noqa: PLC0415

        def of_one(said: Any, of: Any) -> Any:
            own = plain(said, of)
            return own if own is None or "deleted" in said else Halt("apollo_refused_call", "odd")

        return of_one

    around("connectors.apollo.errors:_of_one", make)


@defect(
    "halt on a refused key",
    "connectors",
    f"{TESTS}known.py::test_a_firewall_that_refuses_is_not_apollos_word_however_often",
)
def apollo_believes_a_proxy_that_refuses() -> None:
    """A firewall's page with a 403 is taken for Apollo's word on the key."""

    def make(_: Any) -> Any:
        from syncd.connector import Halt  # noqa: PLC0415

        return lambda of: Halt("apollo_forbidden", f"Apollo refuses api/v1/{of.endpoint.scope}")

    around("connectors.apollo.errors:_nobodys", make)


@defect(
    "one object a person",
    "connectors",
    f"{TESTS}shared.py::test_the_second_is_set_aside_where_no_contact_without_an_address_is_made",
)
def apollo_takes_an_address_for_a_person() -> None:
    """Whoever has the address of another person's contact is delivered to that contact."""

    def make(plain: Any) -> Any:
        def together(self: Any, batch: Any, form: Any) -> Any:
            outcomes = plain(self, batch, form)
            made = next((it for it in outcomes.values() if it), None)
            return {
                **dict.fromkeys(
                    [it.id for it in batch], made or self._delivered(batch[0], "c1", created=False)
                ),
                **outcomes,
            }

        return together

    around("connectors.apollo.write:Sender._together", make)


@defect(
    "no lead lost",
    "connectors",
    f"{TESTS}sending.py::test_a_match_by_name_and_company_is_set_aside_with_its_id_and_not_touched",
)
def apollo_delivers_a_lead_to_its_namesake() -> None:
    """A lead that Apollo takes for a contact of the same name and company counts as delivered there."""

    def make(plain: Any) -> Any:
        def settled(self: Any, delivery: Any, found: Any) -> Any:
            return plain(self, delivery, found and found._replace(linked=False))

        return settled

    around("connectors.apollo.write:Sender._outcome", make)


@defect(
    "as Apollo's reference has it",
    "connectors",
    f"{TESTS}contacts.py::test_an_item_holds_no_blank_no_stranger_and_always_the_lead_key",
)
def apollo_sends_numbers_where_texts_are_wanted() -> None:
    """Numbers of custom fields are sent as numbers, where Apollo wants texts."""

    def make(plain: Any) -> Any:
        return lambda value: value if isinstance(value, int) else plain(value)

    around("connectors.apollo.identity:_text", make)


@defect("liveness", "connectors", f"{TESTS}known.py::test_what_a_change_ignores_is_sent_once_and_said_once")
def apollo_sends_for_ever_what_a_change_ignores() -> None:
    """A field that Apollo leaves as it is, is sent again with every lead."""
    instead("connectors.apollo.write:Ignored.learn", lambda *_: None)


@defect(
    "no lead lost",
    "connectors",
    f"{TESTS}known.py::test_a_contact_that_a_person_deleted_is_not_made_again_unless_so_configured",
)
def apollo_delivers_to_a_contact_that_was_deleted() -> None:
    """A lead whose contact somebody deleted counts as delivered there."""

    def make(_: Any) -> Any:
        return lambda self, delivery, id_, *_: self._delivered(delivery, id_, created=False)

    around("connectors.apollo.write:Sender._gone", make)
