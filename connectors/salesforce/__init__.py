"""The `salesforce` connector: see `connector.py`."""

from connectors.salesforce.connector import SalesforceConnector

__all__ = ["SalesforceConnector"]
