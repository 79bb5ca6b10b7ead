"""The end of a whole run: counted by layer, over what an earlier run has left."""

from pathlib import Path
from typing import Any

import pytest

from tests.proof.figures import read, record
from tests.proof.longer import go_on
from tests.proof.telling import Telling


class Report:
    """As much of pytest's as is looked at."""

    def __init__(self, nodeid: str, outcome: str, when: str = "call") -> None:
        self.nodeid, self.when = nodeid, when
        self.passed, self.failed, self.skipped = (outcome == it for it in ("passed", "failed", "skipped"))


class Terminal:
    def __init__(self) -> None:
        self.told = ""

    def section(self, title: str) -> None:
        self.told += title

    def write_line(self, line: str) -> None:
        self.told += line


def test_a_run_counts_its_tests_by_layer_and_forgets_an_earlier_one(tmp_path: Path) -> None:
    record("kills", {"killed": 99}, tmp_path)
    telling: Any = Telling(tmp_path)
    assert read(tmp_path) == {}
    for when in ("setup", "call", "teardown"):
        telling.pytest_runtest_logreport(
            Report("tests/proof/crash/test_kill_sweep.py::test_x", "passed", when)
        )
    telling.pytest_runtest_logreport(Report("tests/proof/crash/test_kill.py::test_x", "failed", "setup"))
    telling.pytest_runtest_logreport(
        Report("tests/proof/simulation/test_simulation.py::test_x", "skipped", "setup")
    )
    telling.pytest_runtest_logreport(Report("tests/core/test_gate.py::test_x", "failed"))
    terminal: Any = Terminal()
    telling.pytest_terminal_summary(terminal)
    run = read(tmp_path)["run"]
    assert (run["kills passed"], run["kills failed"], run["simulation skipped"]) == (1, 1, 1)
    assert run["commit"]
    assert "| Kill sweep | | **FAILED**: 1 of 2 |" in terminal.told


def test_a_run_that_met_no_layer_tells_nothing(tmp_path: Path) -> None:
    telling: Any = Telling(tmp_path)
    terminal: Any = Terminal()
    telling.pytest_terminal_summary(terminal)
    assert terminal.told == ""
    assert read(tmp_path) == {}


def test_time_that_is_left_is_filled_with_worlds_and_a_bad_one_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    met: list[int] = []
    authors: list[str] = []

    def world(seed: int, _: float, author: str) -> Any:
        authors.append(author)
        met.append(seed)
        raise AssertionError("lost")

    assert not go_on(5, 2, until=3.0, now=lambda: float(len(met)), world=world, folder=tmp_path)
    assert met == [5, 7, 9]
    assert sorted(authors) == ["first", "mixed", "second"]
    assert read(tmp_path) == {"run": {"simulation failed": 3}}
    assert "seed 9" in capsys.readouterr().err
