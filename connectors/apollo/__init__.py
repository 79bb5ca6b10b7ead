"""The `apollo` connector: see `connector.py`."""

from connectors.apollo.connector import ApolloConnector

__all__ = ["ApolloConnector"]
