"""A folder with a configuration, a simulator to pull from, and the command line run in this process."""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import structlog

from syncd import log
from syncd.cli import entry
from syncd.simulator import Options, Running, running

KEY = "ctgo_canary_51f2"


class Ran(NamedTuple):
    """What one command came to."""

    code: int
    out: str
    err: str


@dataclass
class Home:
    """`syncd(...)` runs a command with this folder's configuration; `sim` is the CTGO it is about."""

    folder: Path
    sim: Running
    capsys: pytest.CaptureFixture[str]
    source: str = ""
    connectors: dict[str, str] = field(default_factory=lambda: {"sheet": 'type = "csv"\npath = "leads.csv"'})

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def ledger(self) -> Path:
        return self.folder / "syncd.db"

    def configure(self, url: str = "") -> None:
        """Write the configuration, its owner's alone."""
        address = url or f"{self.sim.url}/api/v2"
        tables = [f'[sources.main]\napi_key = "{KEY}"\nbase_url = "{address}"\n{self.source}']
        tables += [f"[connectors.{name}]\n{table}" for name, table in self.connectors.items()]
        self.config.write_text("\n".join(tables))
        self.config.chmod(0o600)

    def syncd(self, *arguments: str) -> Ran:
        self.capsys.readouterr()
        code = entry.run(["--config", str(self.config), *arguments])
        return Ran(code, *self.capsys.readouterr())


def findings(home: Home, *options: str) -> tuple[int, dict[tuple[str, str], list[str]]]:
    """The exit code, and the details by level and what they are about."""
    ran = home.syncd("check", "--json", *options)
    report = json.loads(ran.out)
    assert (report["exit"], report["ok"]) == (ran.code, ran.code == 0)
    found: dict[tuple[str, str], list[str]] = {}
    for it in report["findings"]:
        assert it["fix"] or it["level"] != "error" or it["about"] == "configuration", it
        found.setdefault((it["level"], it["about"]), []).append(f"{it['detail']} {it['code']}".strip())
    return ran.code, found


HANDLES = (
    "SELECT json_extract(text, '$.profile.handle'), json_extract(text, '$.profile.displayName') FROM payload"
)


def rows(home: Home, query: str, *parameters: Any) -> list[Any]:
    """What the ledger's file holds."""
    connection = sqlite3.connect(home.ledger)
    try:
        found = connection.execute(query, parameters).fetchall()
        connection.commit()
    finally:
        connection.close()
    return found


def content(home: Home) -> dict[str, list[Any]]:
    """Everything in the ledger but what is known of the budget."""
    tables = [name for (name,) in rows(home, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: rows(home, f"SELECT * FROM {name}") for name in tables if name not in {"budget", "slot"}}  # noqa: S608


def told(home: Home, *arguments: str) -> Any:
    ran = home.syncd(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def order(home: Home, verb: str, **body: Any) -> None:
    """An order to the simulator."""
    answer = httpx.post(f"{home.sim.url}/_sim/{verb}", json=body)
    assert answer.status_code < 300, answer.text


def requests_of(home: Home) -> list[str]:
    """What CTGO was asked, as `METHOD /path`, in this order."""
    return [f"{it.method} {it.path.removeprefix('/api/v2')}" for it in home.sim.world.requests]


MakeHome = Callable[..., Home]


@contextmanager
def log_put_back() -> Iterator[None]:
    """What the command line does to logging is undone."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    known, pattern = set(log._known), list(log._known_pattern)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    log._known.clear()
    log._known.update(known)
    log._known_pattern[:] = pattern
    structlog.reset_defaults()


@pytest.fixture
def make_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeHome]:
    """A factory of one home: the simulator's options by name. Logging is put back as it was."""
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    with ExitStack() as stack:
        stack.enter_context(log_put_back())

        def home(**options: Any) -> Home:
            sim = stack.enter_context(running(Options(**{"rate_limit": 10_000, "leads": 3, **options})))
            made = Home(tmp_path, sim, capsys)
            made.configure()
            return made

        yield home


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Three leads, a CSV connector, and no ledger yet."""
    return make_home()
