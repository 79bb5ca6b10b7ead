"""Salesforce's leads: the API, the org behind it, and the query language."""

from syncd.simulator.crms.salesforce.app import CLIENT_ID, CLIENT_SECRET, SalesforceFake

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "SalesforceFake"]
