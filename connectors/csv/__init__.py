"""The `csv` connector: see `connector.py`."""

from connectors.csv.connector import CsvConnector

__all__ = ["CsvConnector"]
