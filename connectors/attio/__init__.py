"""Leads as people in Attio, each written under a unique attribute."""

from connectors.attio.connector import AttioConnector as AttioConnector
