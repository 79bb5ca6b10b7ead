"""A ledger as an earlier version of syncd left it, with a row to be kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from syncd.ledger import schema, upgrade

SCHEMA = "0003"
COPY = f"state/syncd.db.before-{schema.SCHEMA}"
"""Where the copy of it is, once it is upgraded."""
KEPT = "SELECT name FROM action"
KEEPSAKE = [("keepsake",)]


def old_ledger(path: Path) -> None:
    """Make it, and its folder."""
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as opened:
        command.upgrade(upgrade.configuration(opened), SCHEMA)
        opened.exec_driver_sql(
            "INSERT INTO action (at, who, verb, name, detail) VALUES (1, 'ana', 'pause', 'keepsake', '')"
        )
    engine.dispose()


def asked(path: Path, question: str) -> list[tuple[object, ...]]:
    """What a database answers, which must be sound; nothing if it is not there."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute(question).fetchall()
