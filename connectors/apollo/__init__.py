"""Leads as contacts in Apollo."""

from connectors.apollo.connector import ApolloConnector as ApolloConnector
