"""All defects: importing an area fills the table."""

from tests.defects import (
    apollo,
    crms,
    deliveries,
    elsewhere,
    exports,
    ledgers,
    pace,
    pulls,
    running,
    salesforce,
    secrecy,
    sheets,
    sides,
)
from tests.defects.planting import DEFECTS

AREAS = (
    apollo,
    salesforce,
    pace,
    ledgers,
    pulls,
    deliveries,
    exports,
    sides,
    crms,
    sheets,
    running,
    secrecy,
    elsewhere,
)

__all__ = ["AREAS", "DEFECTS"]
