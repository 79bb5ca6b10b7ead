"""What push adds to a daemon, and that it adds nothing where no source has it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
[sources.main]
api_key = "ctgo_x"
base_url = "http://127.0.0.1:9/api/v2"
{push}
[connectors.sheet]
type = "csv"
path = "leads.csv"
[health]
listen = ""
"""
PUSH = '[sources.main.push]\npublic_url = "http://127.0.0.1:9"\nlisten = "127.0.0.1:0"\n'
PROGRAM = """
import json, sys, time
from pathlib import Path
from syncd.cli.run.daemon import _daemon, _settings
from syncd.app.services import Services
from syncd.clock import SystemClock
from syncd.ledger import Ledger
from syncd.log import logger
config, clock = Path(sys.argv[1]), SystemClock()
start = _settings(config)
with Ledger.open(start[0].state.path) as ledger:
    services = Services(logger())
    daemon = _daemon(config, start, ledger, clock, services)
    with services.beside(daemon):
        brought = [name for name in sys.modules if name.startswith("syncd.")]
        listens = services.running.push is not None
    daemon.engine.close()
print(json.dumps({"brought": brought, "listens": listens}))
"""
OF_PUSH = {
    "syncd.push",
    "syncd.engine.push",
    "syncd.ledger.subscriptions",
    "syncd.app.push_late",
}


@pytest.mark.parametrize(
    ("push", "expected"), [("", set()), (PUSH, OF_PUSH)], ids=["without push", "with push"]
)
def test_a_daemon_imports_and_listens_only_for_what_it_has(
    tmp_path: Path, push: str, expected: set[str]
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(push=push))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "config.toml")],
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    assert OF_PUSH & set(said["brought"]) == expected
    assert said["listens"] == bool(expected)
