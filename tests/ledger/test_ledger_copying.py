"""Copies of the ledger, whatever the umask."""

import os
from pathlib import Path

from syncd.ledger import Ledger
from syncd.ledger.admin.backups import back_up


def test_a_copy_is_for_its_owner_alone(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "syncd.db").close()
    old = os.umask(0)
    try:
        assert back_up(tmp_path / "syncd.db", tmp_path / "copy.db", force=False) > 0
    finally:
        os.umask(old)
    assert oct((tmp_path / "copy.db").stat().st_mode & 0o777) == "0o600"
