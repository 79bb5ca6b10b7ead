"""The daemon has the daily backup among its chores where the configuration asks for it, and nothing of it elsewhere."""

from pathlib import Path

import pytest
import structlog

from syncd.app.engine import make_engine
from syncd.cli.run.daemon import backup_chores
from syncd.clock import SystemClock
from syncd.ledger import Ledger
from syncd.settings import load

CONFIG = """
[state]
url = "sqlite:///syncd.db"
backup = "{backup}"
backup_folder = "copies"
[sources.main]
api_key = "ctgo_backups_5d1e"
base_url = "http://127.0.0.1:9/api/v2"
[connectors.sheet]
type = "csv"
path = "leads.csv"
"""


@pytest.mark.parametrize(("backup", "made"), [("off", 0), ("daily", 1)])
def test_the_chore_makes_a_backup_in_the_folder_beside_the_configuration(
    tmp_path: Path, backup: str, made: int
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(backup=backup))
    settings = load(tmp_path / "config.toml", {}, docker_secrets=tmp_path)
    log = structlog.get_logger("test")
    with Ledger.open(tmp_path / "syncd.db") as ledger:
        engine = make_engine(settings, ledger, log, lambda *_: None, clock=SystemClock())
        chores = list(backup_chores(engine, log))
        for chore in chores:
            assert not chore.brief, "a copy takes a while"
            chore.act()
        engine.close()
    assert len(chores) == made
    assert len(list(tmp_path.glob("copies/syncd-*.db"))) == made
