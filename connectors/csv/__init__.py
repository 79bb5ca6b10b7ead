"""Leads as rows of CSV files."""

from connectors.csv.connector import CsvConnector as CsvConnector
