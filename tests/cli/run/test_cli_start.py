"""What a command imports before it does its work: no more than it needs, for that is what a start costs."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Home

ROOT = Path(__file__).parents[3]
HEAVY = ("httpx", "sqlmodel", "sqlalchemy", "rich", "structlog", "flask", "connectors")
NEEDLESS = (
    "typer", "click", "rich.console", "pygments", "alembic", "flask", "waitress", "prometheus_client", "nameparser", "hubspot",
    "simple_salesforce", "apscheduler.schedulers", "jinja2", "syncd.cli.main", "syncd.app.services_late", "syncd.simulator",
    "syncd.cli.campaigns.session", "syncd.ctgo.campaigns.api",
)  # fmt: skip
"""What a daemon with a CSV connector can ask for its leads without."""
CONFIG = """\
[sources.main]
api_key = "ctgo_x"
base_url = "http://127.0.0.1:{port}/api/v2"

[connectors.sheet]
type = "csv"
path = "leads.csv"
"""


def python(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """An interpreter that finds syncd, in a folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )


def imported(report: str) -> set[str]:
    """The modules in what `-X importtime` writes."""
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", report, re.MULTILINE))


def test_the_version_imports_nothing_but_itself(tmp_path: Path) -> None:
    code = """
import sys
before = set(sys.modules)
from syncd.__main__ import main
sys.argv = ["syncd", "--version"]
try:
    main()
finally:
    print(*sorted(set(sys.modules) - before))
"""
    assert python("-c", code, folder=tmp_path).stdout.splitlines()[-1] == "gc syncd syncd.__main__"


@pytest.mark.parametrize("arguments", [("explain", "key_refused"), ("init", "new.toml")])
def test_verbs_without_a_ledger_import_neither_a_client_nor_a_database(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    report = python("-X", "importtime", "-m", "syncd", *arguments, folder=tmp_path).stderr
    assert "typer" in imported(report)
    assert sorted(imported(report) & set(HEAVY)) == []


WIDE = {
    "syncd.ctgo.campaigns.api",
    "syncd.ctgo.campaigns.drafts",
    "syncd.ctgo.campaigns.requests",
    "syncd.cli.campaigns.session",
}
"""What asks CTGO for people."""


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        ("--help", set()),
        ("explain", set()),
        ("status", set()),
        ("--once", set()),
        ("streams", {"syncd.cli.campaigns.session"}),
    ],
)
def test_what_asks_ctgo_for_people_is_imported_by_their_verbs_alone(
    home: Home, arguments: str, needs: set[str]
) -> None:
    home.syncd("--once")
    more = ["--help"] if needs else []
    command = ["-X", "importtime", "-m", "syncd", "--config", str(home.config), arguments, *more]
    assert imported(python(*command, folder=home.folder).stderr) & WIDE == needs


def test_a_daemon_asks_for_leads_before_it_imports_what_it_needs_later_or_never(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ctgo, (tmp_path / "report").open("w+") as report:
        (tmp_path / "config.toml").write_text(CONFIG.format(port=ctgo.getsockname()[1]))
        ctgo.settimeout(60)
        daemon = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "syncd"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=report,
        )
        try:
            ctgo.accept()[0].close()
        finally:
            daemon.kill()
            daemon.wait()
        report.seek(0)
        found = imported(report.read())
    assert "syncd.engine.pull.lane" in found
    assert sorted(found & set(NEEDLESS)) == []


def test_without_a_terminal_a_reload_does_not_end_who_is_only_starting() -> None:
    """The daemon's own handler comes after its imports; until then a SIGHUP would be the end of it."""
    code = (
        "import signal, sys; from syncd.__main__ import main; sys.argv = ['syncd', 'explain', 'halted']\n"
        "try: main()\nexcept SystemExit: print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\nTrue\n")
