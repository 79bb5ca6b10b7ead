"""The ledger: the database, the only shared state.

`database` opens it and owns every transaction; `schema` holds its tables; the other modules are its queries, each
a set-based statement or a few inside one transaction that the caller opened. SQLModel and SQL live only here.

Costs follow what is pending: partial indexes cover what is unsettled, and counts of what is settled are kept in the
tally, moved in the same transactions.
"""

from sqlalchemy import Connection as Transaction

from syncd.ledger.database import Ledger
from syncd.ledger.errors import LedgerError

__all__ = ["Ledger", "LedgerError", "Transaction"]
