"""`syncd --once` over hostile answers: an exit code, one clear sentence, and nothing in the ledger that CTGO does not list."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.simulator import Options, World, create_app
from tests.cli.conftest import log_put_back
from tests.proof.depth import deep
from tests.proof.figures import record
from tests.proof.hostile import bodies
from tests.proof.hostile.ctgo import KEY
from tests.proof.hostile.server import Hostile, Script, hostile
from tests.proof.hostile.watching import within
from tests.proof.hostile.wire import EVERYTHING

CONFIG = """\
[sources.main]
api_key = "{key}"
base_url = "{url}/api/v2"
requests_per_minute = 60000
[connectors.sheet]
type = "csv"
path = "leads.csv"
"""
EXITS = {0, 1, 69, 75, 77, 78}
"""Well, rows set aside, CTGO unreachable, work left, the key refused, an address that leads elsewhere."""


@dataclass
class Home:
    """A folder for each run, one CTGO."""

    server: Hostile
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def once(self, n: int) -> tuple[int, str, Path]:
        """Exit code, what was said, and the folder."""
        folder = self.folder / str(n)
        folder.mkdir(exist_ok=True)
        config = folder / "config.toml"
        config.write_text(CONFIG.format(key=KEY, url=self.server.url))
        config.chmod(0o600)
        self.capsys.readouterr()
        code = entry.run(["--config", str(config), "--once", "--max-wait", "0s"])
        said = self.capsys.readouterr()
        return code, said.out + said.err, folder


def asked(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "syncd.db")) as connection:
        return connection.execute(query).fetchall()


@contextmanager
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Home, World]]:
    world = World(Options(leads=2, rate_limit=10_000_000))
    with log_put_back(), hostile(create_app(world.options, world=world)) as server:
        yield Home(server, tmp_path, capsys), world


SOME = [*list(EVERYTHING.items())[:: max(1, round(13 / deep(1)))]]
ODD = {
    "hasMore for ever": bodies.changed(hasMore=True),
    "a total that lies": bodies.changed(total=2**63),
    "a total below zero": bodies.changed(total=-1),
    "hasMore in words": bodies.changed(hasMore="yes"),
    "no list": bodies.changed(leads={}),
    "rows of nothing": bodies.changed(leads=[None, 1, "a", [], {}, {"id": {}}]),
    "ids that are none": bodies.changed(
        leads=[{"id": it} for it in (0, -1, 2**63, 1.5, "x", True, None, [1])]
    ),
}
QUARANTINED = ("rows of nothing", "ids that are none")
"""A page that can be read, of rows that cannot: it is not refused, and they are kept aside."""


def test_a_hostile_ctgo_is_a_sentence_and_nothing_is_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with home(tmp_path, capsys) as (it, world):
        ids = {row.id for row in world.listed()}
        answers: list[tuple[str, Script, bool]] = [(name, bad.script, bad.fair) for name, bad in SOME]
        answers += [(name, script, name in QUARANTINED or "lies" in name) for name, script in ODD.items()]
        for n, (name, script, fair) in enumerate(answers):
            world.exported.clear()
            it.server.expect(script)
            with within(10, name):
                code, said, folder = it.once(n)
            assert code in EXITS, f"{name}: {code} {said}"
            assert "Traceback" not in said, f"{name}: {said}"
            assert KEY not in said
            known = {row[0] for row in asked(folder, "SELECT lead_id FROM lead WHERE state <> 'quarantined'")}
            assert known <= ids, f"{name}: {known}"
            assert set(world.exported) <= known, f"{name}: exported without being known"
            assert name not in QUARANTINED or known == set(), f"{name}: {known}"
            if fair:
                continue
            assert world.exported == {}, f"{name}: nobody was told that anything is done"
            assert code != 0, f"{name}: {said}"
            assert known == set(), f"{name}: {known}"
            assert len([line for line in said.splitlines() if line.startswith("syncd: ")]) == 1, (
                f"{name}: {said}"
            )
            marks = [row[0] for row in asked(folder, "SELECT watermark FROM source")]
            assert marks in ([], [None]), f"{name}: the watermark moved: {marks}"
            assert not (folder / "leads.csv").exists() or (folder / "leads.csv").stat().st_size == 0, name
        record("hostile", {"answers": len(answers)})


def test_after_all_of_it_an_honest_answer_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One ledger, one bad answer after the other, in turn at the listing and at the exports."""
    with home(tmp_path, capsys) as (it, world):
        for turn, (name, bad) in enumerate(SOME[:: max(1, round(3 / deep(1)))]):
            it.server.expect(bad.script, lambda n, turn=turn: n == turn % 3)  # type: ignore[misc]
            code, said, _ = it.once(0)
            assert code in EXITS, f"{name}: {said}"
        it.server.expect(None)
        codes = [it.once(0)[0]]
        if codes != [0]:  # what was halted or paused is lifted by a start
            codes.append(it.once(0)[0])
        assert codes[-1] == 0
        assert set(world.exported) == {row.id for row in world.listed()}
        rows = (tmp_path / "0" / "leads.csv").read_text().splitlines()
        assert len(rows) == 1 + len(world.exported)
