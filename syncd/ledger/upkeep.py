"""What house-keeping does to the ledger: drops old payloads, gives space back, keeps the WAL small, and looks for damage.

Retention does not blank a payload where it stands. SQLite joins the pages of a table when rows are deleted, not when they
shrink: blanked rows would leave a file of nearly empty pages that nothing ever fills again. So a batch of rows is taken
out and put back without what is dropped, and the pages that it stood on are free.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, select, tuple_

from syncd.ledger.database import Ledger
from syncd.ledger.errors import LedgerError
from syncd.ledger.statements import Bulk, among, array, quoted, upsert
from syncd.ledger.tables import Delivery, Upkeep, table
from syncd.ledger.tables import Lead as LeadRow

_lead, _delivery, _upkeep = table(LeadRow), table(Delivery), table(Upkeep)


class Done(NamedTuple):
    """When something was last done to the ledger as a whole, in wall time; `detail` is empty when all was well."""

    at: float
    detail: str = ""


def done(connection: Connection) -> dict[str, Done]:
    """What was done and when, by name: `retention`, `check`, `vacuum`, `backup`, `restore`."""
    return {row.name: Done(row.done_at, row.detail) for row in connection.execute(select(_upkeep))}


def note_done(connection: Connection, name: str, now: float, detail: str = "") -> None:
    """Write down that it was done, or with a detail, what came of it."""
    new = upsert(_upkeep).values(name=name, done_at=now, detail=detail)
    connection.execute(
        new.on_conflict_do_update(index_elements=["name"], set_={"done_at": now, "detail": detail})
    )


Change = Callable[[Mapping[str, Any], float], dict[str, Any]]


class Place(NamedTuple):
    """How far a sweep has come, in the order of settling."""

    settled_at: float
    seq: int


FIRST = Place(0.0, 0)

_KEPT = (
    _lead.c.payload.is_not(None),
    _lead.c.settled_at < bindparam("before"),
    tuple_(_lead.c.settled_at, _lead.c.seq) > tuple_(bindparam("at"), bindparam("seq")),
    _lead.c.settled_at >= bindparam("at"),  # the same again, as a bound that the index understands
)
_PENDING = exists().where(_delivery.c.lead_seq == _lead.c.seq, _delivery.c.state == quoted("pending"))
_EXPIRED = (
    select(_lead.c.settled_at, _lead.c.seq, (_lead.c.refilled_at >= bindparam("before")) | _PENDING)
    .where(*_KEPT)
    .order_by(_lead.c.settled_at, _lead.c.seq)
    .limit(bindparam("most"))
)
_COLUMNS = [column.name for column in _lead.c]
_ROWS = select(_lead).where(among(_lead.c.seq, "seqs"))
_TAKE_OUT = delete(_lead).where(among(_lead.c.seq, "seqs"))
_PUT_BACK = Bulk(_lead.insert(), _COLUMNS)


def drop_payloads(connection: Connection, before: float, after: Place, most: int) -> tuple[int, Place | None]:
    """Drop the personal data of up to `most` leads that settled before an instant, looking on from a place.

    Kept are payloads that a delivery still waits for, and those that a window gave back after that instant. Returns
    how many were dropped, and where to go on; None when there is nothing left.
    """
    found = connection.execute(
        _EXPIRED, {"before": before, "at": after.settled_at, "seq": after.seq, "most": most}
    )
    looked_at = found.all()
    if not looked_at:
        return 0, None
    rewrite(connection, [seq for _, seq, kept in looked_at if not kept], _without_payload, before)
    last = looked_at[-1]
    return sum(not kept for _, _, kept in looked_at), Place(last[0], last[1])


def rewrite(connection: Connection, seqs: Sequence[int], change: Change, now: float) -> None:
    """Take leads out and put them back changed: see the opening. `change` is given a row and the time."""
    if not seqs:
        return
    connection.exec_driver_sql(
        "PRAGMA defer_foreign_keys = ON"
    )  # their deliveries are without a lead for a moment
    parameters = {"seqs": array(seqs)}
    rows = [change(dict(row), now) for row in connection.execute(_ROWS, parameters).mappings()]
    connection.execute(_TAKE_OUT, parameters)
    _PUT_BACK(connection, rows)


def _without_payload(row: Mapping[str, Any], _: float) -> dict[str, Any]:
    return {**row, "payload": None, "enrichment": None, "refilled_at": None}


class Space(NamedTuple):
    """Bytes: the file's, and those of it that nothing uses."""

    size: int
    free: int


def space(ledger: Ledger) -> Space:
    """How large the file is and how much of it is free."""
    with ledger.bare() as connection:
        page, pages, free = (
            _pragma(connection, name) for name in ("page_size", "page_count", "freelist_count")
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


OWED = "owed"
"""The detail of `vacuum` while the file may still hold traces of forgotten people in bytes that it does not use."""


def leave_no_trace(ledger: Ledger, now: float) -> bool:
    """Write the file anew and empty the WAL, so that what was forgotten is in neither; False when a reader is in the way."""
    vacuum(ledger)
    if not empty_wal(ledger):
        return False
    with ledger.write() as connection:
        note_done(connection, "vacuum", now)
    return True


def damage(path: Path) -> str:
    """What SQLite's quick check finds wrong with the file; empty: nothing. Nobody waits for it.

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


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
