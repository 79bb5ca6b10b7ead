"""All defects: importing an area fills the table."""

from tests.proof.defects import (
    books,
    deliveries,
    doubts,
    elsewhere,
    exports,
    ledgers,
    pace,
    pulls,
    running,
    sides,
    unasked,
)
from tests.proof.defects.connectors import apollo, crms, hubspot, lookups, salesforce, sheets, webhooks
from tests.proof.defects.edges import accounts, listeners, secrecy, strangers, texts
from tests.proof.defects.planting import DEFECTS

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
    unasked,
)

__all__ = ["AREAS", "DEFECTS"]
