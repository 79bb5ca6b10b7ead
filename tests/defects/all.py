"""All defects: importing an area fills the table."""

from tests.defects import (
    accounts,
    apollo,
    books,
    crms,
    deliveries,
    doubts,
    elsewhere,
    exports,
    hubspot,
    ledgers,
    listeners,
    lookups,
    pace,
    pulls,
    running,
    salesforce,
    secrecy,
    sheets,
    sides,
    strangers,
    texts,
    webhooks,
)
from tests.defects.planting import DEFECTS

AREAS = (
    apollo,
    books,
    salesforce,
    lookups,
    pace,
    ledgers,
    listeners,
    pulls,
    deliveries,
    doubts,
    exports,
    hubspot,
    sides,
    strangers,
    crms,
    sheets,
    running,
    secrecy,
    elsewhere,
    accounts,
    webhooks,
    texts,
)

__all__ = ["AREAS", "DEFECTS"]
