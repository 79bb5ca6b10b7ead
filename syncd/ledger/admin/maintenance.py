"""Maintenance of the ledger: it drops old payloads, gives space back, keeps the WAL small, and looks for damage.

Nothing is blanked where it stands. SQLite joins the pages of a table when rows are deleted, not when they shrink: blanked
rows would leave a file of nearly empty pages that nothing ever fills again. So a payload is a row of its own, which is
deleted, and a lead that holds more is taken out and put back without it.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, func, select

from syncd.ledger.database import Ledger
from syncd.ledger.errors import LedgerError
from syncd.ledger.history import note_done
from syncd.ledger.schema import Delivery, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import among, array, execute_many, quoted

_lead, _payload, _delivery = table(LeadRow), table(Payload), table(Delivery)


Change = Callable[[Mapping[str, Any]], dict[str, Any]]

FIRST = 0
"""The beginning of a sweep: before every lead."""

_NEXT = (
    select(_payload.c.seq)
    .where(_payload.c.seq > bindparam("after"))
    .order_by(_payload.c.seq)
    .limit(bindparam("most"))
    .subquery()
)
_PENDING = exists().where(_delivery.c.lead_seq == _lead.c.seq, _delivery.c.state == quoted("pending"))
_EXPIRED = (
    (_lead.c.settled_at < bindparam("before"))
    & (func.coalesce(_payload.c.refilled_at, 0.0) < bindparam("before"))
    & ~_PENDING
)
_LOOKED_AT = (
    select(_NEXT.c.seq, _EXPIRED, _lead.c.enrichment.is_not(None))
    .join(_lead, _lead.c.seq == _NEXT.c.seq)
    .join(_payload, _payload.c.seq == _NEXT.c.seq)
)
_DROP = delete(_payload).where(among(_payload.c.seq, "seqs"))
_ROWS = select(_lead).where(among(_lead.c.seq, "seqs"))
_TAKE_OUT = delete(_lead).where(among(_lead.c.seq, "seqs"))


def drop_payloads(connection: Connection, before: float, after: int, most: int) -> tuple[int, int | None]:
    """Look at the next payloads behind a sequence number, and drop those of leads that settled before an instant.

    With them goes what enriching found. Kept are payloads that a delivery still waits for, and those that a window gave
    back after that instant. Returns how many were dropped, and where to go on; None when there is nothing left.
    """
    found = connection.execute(_LOOKED_AT, {"before": before, "after": after, "most": most}).all()
    if not found:
        return 0, None
    expired = [seq for seq, is_expired, _ in found if is_expired]
    if expired:
        connection.execute(_DROP, {"seqs": array(expired)})
    enriched = [seq for seq, is_expired, has_document in found if is_expired and has_document]
    rewrite(connection, enriched, lambda row: {**row, "enrichment": None})
    return len(expired), max(seq for seq, _, _ in found)


def rewrite(connection: Connection, seqs: Sequence[int], change: Change) -> None:
    """Take leads out and put them back changed: see the opening. `change` makes the new row of the old one."""
    if not seqs:
        return
    # Their deliveries are without a lead for a moment
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    parameters = {"seqs": array(seqs)}
    rows = [change(dict(row)) for row in connection.execute(_ROWS, parameters).mappings()]
    connection.execute(_TAKE_OUT, parameters)
    execute_many(connection, _lead.insert(), rows)


class Space(NamedTuple):
    """Bytes: the file's, and those of it that nothing uses."""

    size: int
    free: int


def space(ledger: Ledger) -> Space:
    """Return the size of the file and how much of it is free."""
    with ledger.bare() as connection:
        page, pages, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
    return Space(page * pages, page * free)


def give_back(ledger: Ledger, pages: int) -> None:
    """Give up to so many free pages back to the file system, in one short transaction."""
    with ledger.bare() as connection:
        # A script: `execute` would step once, and each step gives back one page
        connection.executescript(f"PRAGMA incremental_vacuum({pages:d})")


def vacuum(ledger: Ledger) -> None:
    """Write the whole file anew: nothing of what was deleted is left in it, not even in the unused part of a page.

    Writers wait meanwhile, some seconds for each 100 MB; the file is on the disk twice, and never in memory.
    """
    with ledger.bare() as connection, _temporary_files_beside(ledger.path):
        connection.execute("PRAGMA temp_store = FILE").close()
        try:
            connection.execute("VACUUM").close()
        finally:
            connection.execute("PRAGMA temp_store = MEMORY").close()


@contextmanager
def _temporary_files_beside(ledger: Path) -> Iterator[None]:
    """SQLite's temporary files go where the ledger may be written; there may be no other place. It unlinks them at once."""
    before = os.environ.get("SQLITE_TMPDIR")
    os.environ["SQLITE_TMPDIR"] = str(ledger.parent)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SQLITE_TMPDIR"]
        else:
            os.environ["SQLITE_TMPDIR"] = before


def empty_wal(ledger: Ledger) -> bool:
    """Fold the WAL into the file and cut it to nothing; False when a reader is in the way, and it stays for now."""
    with ledger.bare() as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def leave_no_trace(ledger: Ledger, now: float) -> bool:
    """Write the file anew and empty the WAL, so that what was forgotten is in neither; False when a reader is in the way."""
    vacuum(ledger)
    if not empty_wal(ledger):
        return False
    with ledger.write() as connection:
        note_done(connection, "vacuum", now)
    return True


def damage(path: Path) -> str:
    """Run SQLite's quick check; return its finding, empty if all is well. Nobody waits for it.

    It reads the whole file on a connection of its own. Raises LedgerError when the file cannot be read at all.
    """
    try:
        with Ledger.open_to_read(path) as ledger, ledger.read() as connection:
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check(3)")]
    except LedgerError as error:
        if error.code != "ledger_damaged":
            raise
        return error.detail
    return "" if found == ["ok"] else "; ".join(" ".join(line.split()) for line in found)
