"""The page for plugin authors: its example is run, its lists are held against the code."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from syncd.connector import Failure, Field, Statuses, Watched
from syncd.core.failure import CODES
from syncd.mapping import FieldMap
from syncd.testing import Bench, LaneHarness, Remote
from syncd.testing.base import Trouble
from syncd.testing.bench import as_fields

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "connectors" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def write(folder: Path) -> list[str]:
    """The blocks that begin with a file's name, as files."""
    names = []
    for block in blocks("python"):
        name = block.partition("\n")[0].removeprefix("# ")
        (folder / name).write_text(block)
        names.append(name)
    return names


def suite(folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "test_syncd_folder.py",
    ]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_example_passes_its_own_suite(tmp_path: Path) -> None:
    assert write(tmp_path) == [
        "syncd_smallest.py",
        "syncd_folder.py",
        "defaults.py",
        "asking.py",
        "test_syncd_folder.py",
        "statuses.py",
    ]
    done = suite(tmp_path)
    found = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert found, done.stdout + done.stderr
    assert int(found[1]) >= 15
    assert "failed" not in done.stdout


def test_the_example_fails_its_suite_once_it_is_broken(tmp_path: Path) -> None:
    write(tmp_path)
    broken = tmp_path / "syncd_folder.py"
    broken.write_text(
        broken.read_text().replace("str(delivery.lead.key).replace", "str(id(delivery)).replace")
    )
    done = suite(tmp_path)
    assert "FAILED test_syncd_folder.py::TestFolder::test_sending_again_creates_nothing_new" in done.stdout


def test_the_example_fails_its_suite_once_it_loses_what_it_wrote_before_a_failure(tmp_path: Path) -> None:
    write(tmp_path)
    broken = tmp_path / "syncd_folder.py"
    yields = broken.read_text()
    a = yields.index("        for delivery in batch:")
    b = yields.index("    def _write")
    broken.write_text(f"""{yields[:a]}        try:
            return [self._write(delivery) for delivery in batch]
        except OSError as error:
            raise Halt("folder_unwritable", "The folder cannot be written.") from None

{yields[b:]}""")
    done = suite(tmp_path)
    claim = "test_credentials_revoked_in_mid_batch_lose_no_outcome"
    assert f"FAILED test_syncd_folder.py::TestFolder::{claim}" in done.stdout, done.stdout
    assert "3 deliveries were written and 0 reported" in done.stdout


def test_the_smallest_example_delivers(tmp_path: Path) -> None:
    write(tmp_path)
    scope: dict[str, Any] = {}
    exec((tmp_path / "syncd_smallest.py").read_text(), scope)  # noqa: S102 - our own page
    (tmp_path / "leads").mkdir()
    far = SimpleNamespace(objects=lambda: list((tmp_path / "leads").iterdir()))
    bench = Bench.open(scope["SmallestConnector"], {"path": tmp_path / "leads"}, far)
    people = bench.deliveries(3)
    assert LaneHarness(bench, *people).settle().ids("delivered") == [1, 2, 3]
    assert bench.seen() == 3


def test_the_entry_point_line_names_the_class_of_the_example() -> None:
    tables = [tomllib.loads(block) for block in blocks("toml")]
    points = next(t["project"]["entry-points"]["syncd.connectors"] for t in tables if "project" in t)
    configured = next(t["connectors"] for t in tables if "connectors" in t)
    assert points == {"folder": "syncd_folder:FolderConnector"}
    assert {each["type"] for each in configured.values()} == set(points)
    assert "class FolderConnector(Connector):" in blocks("python")[1]


def test_the_default_mapping_of_the_page_compiles(tmp_path: Path) -> None:
    write(tmp_path)
    scope: dict[str, dict[str, str | Field]] = {}
    exec((tmp_path / "defaults.py").read_text(), scope)  # noqa: S102 - our own page
    FieldMap.compile("the page", as_fields(scope["defaults"]))


class RemoteThatTells:
    """What the page's `statuses_since` asks: rows by the time of their change and then by id, some seconds late."""

    def __init__(self) -> None:
        self.now, self.rows = 1000.0, list[Any]()

    def time(self) -> float:
        return self.now

    def changed_since(self, at: float, after: str, _: str, limit: int) -> list[Any]:
        found = sorted(
            (row for row in self.rows if row.shows <= self.now), key=lambda it: (it.changed_at, it.id)
        )
        return [row for row in found if (row.changed_at, row.id) > (at, after or "")][:limit]

    def change(self, n: int, shows: float = 0.0) -> None:
        row = SimpleNamespace(
            value="won", changed_at=self.now, id=f"{n:05}", our_key=f"x{n}", shows=self.now + shows
        )
        self.rows.append(row)


def test_the_statuses_of_the_page_pass_nobody_over(tmp_path: Path) -> None:
    write(tmp_path)
    scope: dict[str, Any] = {}
    exec((tmp_path / "statuses.py").read_text(), scope)  # noqa: S102 - our own page
    far = RemoteThatTells()
    connector = SimpleNamespace(_remote=far, context=SimpleNamespace(watched=Watched("status")))
    for n in range(450):
        far.change(n, shows=30.0 if n == 7 else 0.0)
    told, cursor = set(), ""
    for _ in range(2):
        page = Statuses((), cursor, more=True)
        while page.more:
            page = scope["statuses_since"](connector, page.cursor)
            told |= {status.person for status in page.found}
        cursor = page.cursor
        far.now += 60
    assert told == {f"x{n}" for n in range(450)}
    far.now += 3600
    assert scope["statuses_since"](connector, "no cursor of yours").more


@pytest.mark.parametrize(
    "word",
    [
        *(name for name in vars(Remote) if not name.startswith("_")),
        *get_args(Trouble),
        *(kind.__name__ for kind in Failure.__subclasses__()),
        "Refused",
        "statuses_since",
        "mark",
        *("always", "create_only", "if_empty"),
    ],
)
def test_the_page_explains(word: str) -> None:
    assert f"`{word}" in PAGE


def test_the_codes_of_the_example_are_not_the_cores() -> None:
    assert not set(re.findall(r'"(folder_\w+)"', PAGE)) & set(CODES)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_the_page_links_to_what_is_there(link: str) -> None:
    assert (ROOT / "connectors" / link).exists()
