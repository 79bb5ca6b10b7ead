"""All defects: importing an area fills the table."""

from tests.defects import (
    apollo,
    crms,
    deliveries,
    elsewhere,
    exports,
    ledgers,
    lookups,
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
    lookups,
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
