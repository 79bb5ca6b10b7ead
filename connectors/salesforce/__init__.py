"""Leads as Leads in Salesforce."""

from connectors.salesforce.connector import SalesforceConnector as SalesforceConnector
