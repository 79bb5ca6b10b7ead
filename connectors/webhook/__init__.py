"""Leads as POSTs to any address."""

from connectors.webhook.connector import WebhookConnector as WebhookConnector
