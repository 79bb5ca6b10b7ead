"""Salesforce's connector keeps the contract of HTTP, over the vendor's library."""

from collections.abc import Mapping

from connectors.salesforce.connector import SalesforceConnector
from syncd.testing import HttpContract


class TestSalesforceHttp(HttpContract):
    """With a session that something else obtained."""

    connector = SalesforceConnector

    def options(self, url: str) -> Mapping[str, object]:
        return {"session_id": "00D!x", "instance_url": url}
