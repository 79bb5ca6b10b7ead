"""The shape of the code, as a test: see `[tool.importlinter]` in pyproject.toml for the arrows."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_import_follows_the_arrows() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_no_module_but_the_clock_reads_time() -> None:
    readers = [
        path
        for path in [*(ROOT / "syncd").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")]
        if any(
            call in path.read_text()
            for call in ("time.time(", "time.monotonic(", "time.sleep(", "datetime.now(")
        )
        and "simulator" not in path.parts
    ]
    assert [str(path.relative_to(ROOT)) for path in readers] == ["syncd/clock.py"]


def test_every_verb_gets_its_settings_where_root_becomes_the_ledgers_owner() -> None:
    readers = {
        path.stem
        for path in (ROOT / "syncd").rglob("*.py")
        if re.search(r"^from syncd.settings import .*\bload\b", path.read_text(), re.MULTILINE)
    }
    assert readers == {"privileges", "demo"}  # the demo's ledger is its own
