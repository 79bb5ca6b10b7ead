"""HubSpot's connector keeps the contract of HTTP, over the vendor's library."""

from collections.abc import Mapping

from connectors.hubspot.connector import HubSpotConnector
from syncd.testing import HttpContract


class TestHubSpotHttp(HttpContract):
    """With the token in a header."""

    connector = HubSpotConnector

    def options(self, url: str) -> Mapping[str, object]:
        return {"access_token": "pat-x", "base_url": url}
