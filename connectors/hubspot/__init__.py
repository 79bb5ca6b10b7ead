"""The `hubspot` connector: see `connector.py`."""

from connectors.hubspot.connector import HubSpotConnector

__all__ = ["HubSpotConnector"]
