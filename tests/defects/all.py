"""All defects: importing an area fills the table."""

from tests.defects import (
    crms,
    deliveries,
    elsewhere,
    exports,
    ledgers,
    pace,
    pulls,
    running,
    secrecy,
    sheets,
    sides,
)
from tests.defects.planting import DEFECTS

AREAS = (
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
