"""The `webhook` connector: see `connector.py`."""

from connectors.webhook.connector import WebhookConnector

__all__ = ["WebhookConnector"]
