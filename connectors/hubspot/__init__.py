"""Leads as contacts in HubSpot."""

from connectors.hubspot.connector import HubSpotConnector as HubSpotConnector
