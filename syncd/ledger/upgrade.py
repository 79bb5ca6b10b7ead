"""Brings an older schema up to date with Alembic, after a backup copy. Imported only when the schema is behind."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from syncd.ledger import schema
from syncd.ledger.files import connect, sync_folder


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def migrate(path: Path, connection: Connection) -> Path:
    """Copy the ledger aside, then upgrade it in one transaction. Returns the copy's path.

    Killed at any moment, the ledger is as before or as after; the copy of an earlier try is replaced.
    """
    copy = path.with_name(f"{path.name}.before-{schema.SCHEMA}")
    _back_up(path, copy)
    with connection.begin():
        command.upgrade(configuration(connection), "head")
    return copy


def _back_up(path: Path, copy: Path) -> None:
    part = copy.with_name(copy.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    source, target = connect(str(path)), connect(str(part))
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    part.replace(copy)
    sync_folder(copy.parent)  # or a power cut might leave the new schema without the copy of the old
