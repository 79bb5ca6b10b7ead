"""A stranger's plugin: its class passes the contract, and installed as any package it is found and used."""

import functools
import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from syncd.testing import Bench, ConnectorContract
from tests.plugin.syncd_sqlite import SqliteConnector

PLUGIN = Path(__file__).parents[2] / "plugin"


class Shaky(sqlite3.Connection):
    """A connection whose commits can go wrong, before or after they are done."""

    table: "Table"

    def commit(self) -> None:
        if self.table.fails:
            self.table.fails = False
            raise sqlite3.OperationalError("disk I/O error")
        super().commit()
        if self.table.loses:
            self.table.loses = False
            raise sqlite3.OperationalError("disk I/O error")


class Table:
    """The file as another program sees it."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.fails = self.loses = False
        self._connect = sqlite3.connect
        patch.setattr(Shaky, "table", self, raising=False)
        patch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Shaky))

    def objects(self) -> Sequence[Mapping[str, object]]:
        return self._rows("select * from people") if self.schema() else []

    def schema(self) -> Sequence[Mapping[str, object]]:
        return self._rows("select name from pragma_table_info('people')") if self.path.is_file() else []

    def lose_next_answer(self) -> None:
        self.loses = True

    def fail_next(self) -> None:
        self.fails = True

    def poison(self, person: str) -> None:
        self._run(
            f"create trigger poison_{person} before insert on people when new.ctgo_person = '{person}' "
            "begin select raise(abort, 'not here'); end"
        )

    def slow_down(self, seconds: float) -> None:
        raise NotImplementedError

    def revoke(self) -> None:
        """The file is no database any more; the next look at it is at the copy."""
        kept = self.path.with_suffix(".kept")
        self.path.rename(kept)
        self.path.write_bytes(b"no database" * 100)
        self.path = kept

    def _rows(self, query: str) -> list[Mapping[str, object]]:
        with closing(self._connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def _run(self, statement: str) -> None:
        with closing(self._connect(self.path)) as connection:
            connection.execute(statement)
            connection.commit()


class TestSqlite(ConnectorContract):
    cannot: ClassVar = {"slow_down": "a file asks nobody to wait"}

    @pytest.fixture
    def bare(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
        path = tmp_path / "people.db"
        return Bench.open(SqliteConnector, {"path": path}, Table(path, monkeypatch))

    @pytest.fixture
    def bench(self, bare: Bench) -> Bench:
        assert isinstance(bare.connector, SqliteConnector)
        bare.connector.setup(True)  # noqa: FBT003 - the contract is positional
        return bare


def installed(folder: Path) -> Path:
    """What `pip install --target` makes of the plugin: building it would need the network."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())
    about, modules = project["project"], project["tool"]["setuptools"]["py-modules"]
    info = folder / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    (info / "METADATA").write_text(head)
    groups = about["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for module in modules:
        shutil.copy(PLUGIN / f"{module}.py", folder)
    return folder


def run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """A Python that has `folder` among its packages."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(PLUGIN.parents[1])])}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


PROGRAM = """
from pathlib import Path
from syncd.clock import SystemClock
from syncd.registry import codes, configure
from syncd.settings import load
from syncd.testing import Journal

configured = configure(load(Path("config.toml")))["table"]
connector = configured.open(SystemClock(), Journal())
print(type(connector).__module__, configured.gate, codes(["sqlite"])["sqlite_columns"])
print(len(connector.setup(True)), *[finding.level for finding in connector.check()])
"""
CONFIG = '[sources.main]\napi_key = "ctgo_made_up"\n[connectors.table]\ntype = "sqlite"\npath = "people.db"\n'


def test_an_installed_plugin_is_found_by_its_entry_point_and_works(tmp_path: Path) -> None:
    folder = installed(tmp_path / "packages")
    (folder / "config.toml").write_text(CONFIG)
    done = run(folder, PROGRAM)
    assert done.stdout.splitlines() == [
        "syncd_sqlite 200 The table lacks columns of the mapping. Run: syncd setup",
        "6 ok",
    ], done.stderr
    assert (folder / "people.db").exists()


def test_without_the_plugin_its_type_is_a_mistake_that_names_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    done = run(tmp_path, PROGRAM)
    assert "there is no connector type 'sqlite'" in done.stderr
