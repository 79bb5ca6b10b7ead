"""The one place where SQLite opens a file: any may be another's work, and is trusted with nothing."""

import sqlite3
from pathlib import Path
from typing import Any

BUSY_SECONDS = 15.0
"""Seconds that a write waits for another process's. Ours take milliseconds; a backup's last step may take seconds."""

_DISTRUST = ("trusted_schema=OFF", "cell_size_check=ON")
"""Functions that a file's schema calls may only compute, and its pages are checked closely."""


def connect(address: str, **options: Any) -> sqlite3.Connection:
    """As `sqlite3.connect`, with its options; waits `BUSY_SECONDS` for others."""
    connection: sqlite3.Connection = sqlite3.connect(address, timeout=BUSY_SECONDS, **options)
    for pragma in _DISTRUST:  # the file is not read yet, so neither can fail
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


def connect_to_read(file: Path, mode: str = "mode=ro") -> sqlite3.Connection:
    """A connection to a file that is there. `mode`: parameters of SQLite's address."""
    return connect(f"{file.resolve().as_uri()}?{mode}", uri=True)
