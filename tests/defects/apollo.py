"""Defects of Apollo's connector: contacts that are gone, that are somebody else's, and what is sent for nothing."""

from typing import Any

from tests.defects.planting import around, defect

TESTS = "tests/connectors/test_apollo_"


@defect("poison alone", "connectors", f"{TESTS}known.py::test_contacts_that_are_gone_or_hidden_halt_nobody")
def apollo_halts_for_a_contact_that_is_gone() -> None:
    """A contact that is not there, or not to be viewed, is believed to be only when a 404 says so."""

    def make(plain: Any) -> Any:
        from connectors.apollo_codes import halt  # noqa: PLC0415

        def of_one(said: Any, of: Any) -> Any:
            own = plain(said, of)
            return own if own is None or "deleted" in said else halt("apollo_refused_call", "odd")

        return of_one

    around("connectors.apollo_answers:_of_one", make)


@defect(
    "halt on a refused key",
    "connectors",
    f"{TESTS}known.py::test_a_firewall_that_refuses_is_not_apollos_word_however_often",
)
def apollo_believes_a_proxy_that_refuses() -> None:
    """A firewall's page with a 403 is taken for Apollo's word on the key."""

    def make(_: Any) -> Any:
        from connectors.apollo_codes import halt  # noqa: PLC0415

        return lambda of: halt("apollo_forbidden", f"Apollo refuses api/v1/{of.endpoint.scope}")

    around("connectors.apollo_answers:_nobodys", make)
