"""The pages for authors of connectors: their examples are run, their lists are held against the code."""

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
PAGES = [ROOT / "connectors" / "README.md", ROOT / "docs" / "writing-connectors.md"]
PAGE = "\n".join(page.read_text() for page in PAGES)
FAKE = "from tests.connectors.kit.acme_fake import Acme\nfrom syncd.simulator.wsgi import served\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def write(folder: Path) -> list[str]:
    """The blocks that begin with a file's name, as files."""
    names = []
    for block in blocks("python"):
        name = block.partition("\n")[0].removeprefix("# ")
        (folder / name).write_text(block)
        names.append(name)
    (folder / "acme_fake.py").write_text(FAKE)
    return names


def suite(folder: Path, claim: str = "") -> subprocess.CompletedProcess[str]:
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
        "test_syncd_acme.py" + claim,
    ]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_example_passes_its_own_suite(tmp_path: Path) -> None:
    assert write(tmp_path) == [
        "syncd_acme.py",
        "test_syncd_acme.py",
        "syncd_smallest.py",
        "defaults.py",
        "statuses.py",
    ]
    done = suite(tmp_path)
    found = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert found, done.stdout + done.stderr
    assert int(found[1]) >= 50
    assert "failed" not in done.stdout


BROKEN = {
    "TestAcme::test_sending_again_creates_nothing_new": ("{delivery.person}", "{id(delivery)}"),
    "TestAcme::test_credentials_revoked_in_mid_batch_lose_no_outcome": (
        "        for delivery in batch:",
        "        return list(self._each(batch))\n\n    def _each(self, batch):\n        for delivery in batch:",
    ),
    "TestAcme::test_too_many_requests_pauses_as_long_as_it_was_asked_to": ("raise FAILURES.failure(", "raise Reject('acme_refused', 'no') if answer else ("),
    "TestAcmeHttp::test_a_redirect_is_not_followed": ("raise FAILURES.failure(", "raise Reject('acme_refused', 'no') if answer else ("),
    "TestAcmeHttp::test_a_success_with_something_else_in_it_is_no_delivery": (
        'if answer.ok and isinstance(found.get("id"), str):\n            return found',
        'if answer.ok:\n            return {"id": "x", **found}',
    ),
}  # fmt: skip
"""By the claim that notices it, a fault: a part of the example, and what is written in its place."""


@pytest.mark.parametrize("claim", BROKEN)
def test_the_example_fails_its_suite_once_it_is_broken(tmp_path: Path, claim: str) -> None:
    write(tmp_path)
    broken, (whole, fault) = tmp_path / "syncd_acme.py", BROKEN[claim]
    assert whole in broken.read_text()
    broken.write_text(broken.read_text().replace(whole, fault))
    done = suite(tmp_path, f"::{claim}")
    assert f"FAILED test_syncd_acme.py::{claim}" in done.stdout, done.stdout


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
    points = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]["syncd.connectors"]
    assert points == {"acme": "syncd_acme:AcmeConnector"}
    assert "class AcmeConnector(Connector):" in blocks("python")[0]


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
    assert not set(re.findall(r'"(acme_\w+)"', PAGE)) & set(CODES)


def test_the_first_page_is_one_page() -> None:
    assert len(PAGES[0].read_text().splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_links_to_what_is_there(page: Path) -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text())]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
