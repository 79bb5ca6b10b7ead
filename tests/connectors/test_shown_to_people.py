"""What each connector shows to people without asking its remote: values as it writes them, and where a record is."""

from typing import Any

import pytest

from connectors.apollo.connector import ApolloConnector
from connectors.csv.connector import CsvConnector
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.setup import CUSTOM_FIELDS
from connectors.webhook.connector import WebhookConnector
from syncd.connector import Connector

ORG: dict[str, Any] = {"domain": "acme.my", "client_id": "id", "client_secret": "s3cret"}


@pytest.mark.parametrize(
    ("cls", "options", "url"),
    [
        (SalesforceConnector, ORG, "https://acme.my.salesforce.com/17"),
        (SalesforceConnector, {**ORG, "instance_url": "https://b.example"}, "https://b.example/17"),
        (HubSpotConnector, {"access_token": "pat", "portal_id": "4242"},
         "https://app.hubspot.com/contacts/4242/record/0-1/17"),
        (HubSpotConnector, {"access_token": "pat"}, None),
        (ApolloConnector, {"api_key": "key"}, "https://app.apollo.io/#/contacts/17"),
        (ApolloConnector, {"api_key": "key", "base_url": "http://127.0.0.1:9/api/v1"}, None),
        (CsvConnector, {"path": "leads.csv"}, None),
    ],
)  # fmt: skip
def test_a_record_has_an_address_for_a_browser(
    cls: type[Connector], options: dict[str, Any], url: str | None
) -> None:
    assert cls.record_url(cls.Options.model_validate(options), "17") == url


@pytest.mark.parametrize(
    ("cls", "fields", "written"),
    [
        (SalesforceConnector, {"LastName": "x" * 130}, {"LastName": "x" * 80}),
        (SalesforceConnector, {"lastname": "x" * 130}, {"lastname": "x" * 80}),
        (SalesforceConnector, {"CTGO_Handle__c": "x" * 65}, {"CTGO_Handle__c": "x" * 64}),
        (SalesforceConnector, {"Email": "a@b." + "x" * 80, "Other__c": "y" * 999}, {"Other__c": "y" * 999}),
        (HubSpotConnector, {"a": True, "b": [1, "x"], "c": 5}, {"a": "true", "b": "1;x", "c": "5"}),
        (ApolloConnector, {"email": "n/a", "bio": " x ", "linkedin_url": "https://de.linkedin.com/in/Mara/?x=1"},
         {"bio": "x", "linkedin_url": "http://www.linkedin.com/in/mara"}),
        (CsvConnector, {"handle": "@mara", "n": 5}, {"handle": "'@mara", "n": "5"}),
        (WebhookConnector, {"n": 5}, {"n": 5}),
    ],
)  # fmt: skip
def test_values_are_shown_as_they_are_written(
    cls: type[Connector], fields: dict[str, object], written: dict[str, object]
) -> None:
    assert cls.as_written(fields) == written


def test_every_field_that_setup_makes_in_salesforce_has_a_known_type() -> None:
    assert SalesforceConnector.as_written(dict.fromkeys(CUSTOM_FIELDS, "2026")).keys() == CUSTOM_FIELDS.keys()
