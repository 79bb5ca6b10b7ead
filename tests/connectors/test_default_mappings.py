"""The default mappings are whole: what is written, what may overwrite, and what is left to the salespeople."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.apollo.connector import ApolloConnector
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from syncd.connector import Field
from syncd.mapping import FieldMap, Labels, variables
from syncd.testing.samples import lead, raw_lead

OURS = "handle x_url bio latest_campaign segment source_account match source_type ref".split()  # noqa: SIM905
HUBSPOT = {
    "always": {"ctgo_x_user_id", "ctgo_email_unverified", "ctgo_email_status", "ctgo_follower_count",
               *(f"ctgo_{name}" for name in OURS)},
    "if_empty": {"firstname", "lastname", "twitterhandle", "email", "hs_linkedin_url"},
    "create_only": {"ctgo_first_campaign", "ctgo_first_seen", "ctgo_synced_at", "lifecyclestage"},
}  # fmt: skip
SALESFORCE = {
    "always": {"CTGO_X_User_Id__c", "CTGO_Handle__c", "CTGO_X_URL__c", "CTGO_Email_Unverified__c", "CTGO_Bio__c",
               "CTGO_Followers__c", "CTGO_Latest_Campaign__c", "CTGO_Segment__c", "CTGO_Source_Account__c",
               "CTGO_Match__c", "CTGO_Source_Type__c", "CTGO_Ref__c"},
    "if_empty": {"FirstName", "LastName", "Email", "CTGO_LinkedIn_URL__c"},
    "create_only": {"Company", "Description", "CTGO_First_Campaign__c", "CTGO_First_Seen__c", "CTGO_Synced_At__c",
                    "LeadSource"},
}  # fmt: skip
APOLLO = {
    "always": {
        "ctgo_x_user_id",
        "ctgo_email_status",
        "ctgo_follower_count",
        *(f"ctgo_{name}" for name in OURS),
    },
    "if_empty": {"first_name", "last_name", "email", "linkedin_url", "twitter_url"},
    "create_only": {"ctgo_first_campaign", "ctgo_first_seen", "ctgo_synced_at"},
}
NAMES = Labels(streams={7: "Founders"}, segments={3: "Makers"}, accounts={5: "northwind"})
EACH = [(HubSpotConnector, HUBSPOT), (SalesforceConnector, SALESFORCE), (ApolloConnector, APOLLO)]


def table(connector: Any) -> Mapping[str, Field]:
    return {k: Field(value=v) if isinstance(v, str) else v for k, v in connector.defaults.items()}


def written(connector: Any, email: object, **profile: object) -> dict[str, object]:
    raw = raw_lead(4)
    raw["profile"] = {**raw["profile"], **profile}
    return FieldMap.compile("it", table(connector)).evaluate(
        variables(lead(raw), NAMES, {"email": email} if email else None, now=0.0)
    )


@pytest.mark.parametrize(("connector", "policies"), EACH)
def test_every_field_is_there_with_its_policy_and_no_other(connector: Any, policies: Any) -> None:
    found: dict[str, set[str]] = {}
    for name, field in table(connector).items():
        found.setdefault(field.policy, set()).add(name)
    assert found == policies


@pytest.mark.parametrize(
    ("connector", "verified", "unverified"),
    [
        (HubSpotConnector, "email", "ctgo_email_unverified"),
        (SalesforceConnector, "Email", "CTGO_Email_Unverified__c"),
    ],
)
def test_only_a_verified_address_is_written_as_the_email(
    connector: Any, verified: str, unverified: str
) -> None:
    sure = written(connector, {"address": "a@b.example", "status": "verified"})
    assert (sure.get(verified), sure.get(unverified)) == ("a@b.example", None)
    for status in ("guessed", None):
        guess = written(connector, {"address": "a@b.example", "status": status})
        assert (guess.get(verified), guess.get(unverified)) == (None, "a@b.example")
    assert {verified, unverified}.isdisjoint(written(connector, None))


@pytest.mark.parametrize(
    ("connector", "ref"), [(HubSpotConnector, "ctgo_ref"), (SalesforceConnector, "CTGO_Ref__c")]
)
def test_a_lead_is_known_by_its_person_and_its_key(connector: Any, ref: str) -> None:
    key = next(iter(table(connector)))
    assert written(connector, None)[key] == "1400000000000000004"
    assert written(connector, None, xUserId=None)[key] == "lead-4"
    assert written(connector, None)[ref] == "4/7/3"


def test_somebody_without_a_name_is_called_by_the_handle() -> None:
    nameless = {"displayName": " "}
    assert written(HubSpotConnector, None, **nameless)["lastname"] == "@maker_4"
    assert written(SalesforceConnector, None, **nameless)["LastName"] == "maker_4"
    assert "lastname" not in written(HubSpotConnector, None, displayName="Cher")


def test_a_company_is_never_a_placeholder_that_many_share() -> None:
    company = {
        address: written(SalesforceConnector, {"address": address, "status": "verified"})["Company"]
        for address in ("ada@acme.example", "ada@gmail.com")
    }
    assert company == {"ada@acme.example": "acme.example", "ada@gmail.com": "@maker_4 (X)"}
