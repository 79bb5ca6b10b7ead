"""`syncd demo` touches an empty folder, or the folder of an earlier demo, and nothing else."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from syncd.cli import entry
from syncd.cli.exits import Exit
from syncd.cli.run import demo
from syncd.ledger.database import EngineLock
from syncd.simulator.crms.vendors import CRMS
from tests.cli.conftest import log_put_back


def fill(folder: Path, config: str) -> dict[str, bytes]:
    folder.mkdir()
    for name, text in {"config.toml": config, "syncd.db": "a ledger", "leads.csv": "rows"}.items():
        (folder / name).write_text(text)
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_folder_with_somebodys_files_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = fill(tmp_path / "mine", "[sources.main]\n")
    assert demo.show_demo(Console(), tmp_path / "mine") == Exit.HELD
    assert contents(tmp_path / "mine") == before
    assert "no demo made" in capsys.readouterr().err


def test_a_link_to_a_demos_configuration_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / "mark").write_text(demo._MARK)
    before = fill(tmp_path / "mine", "")
    (tmp_path / "mine/config.toml").unlink()
    (tmp_path / "mine/config.toml").symlink_to(tmp_path / "mark")
    assert demo.show_demo(Console(), tmp_path / "mine") == Exit.HELD
    assert contents(tmp_path / "mine").keys() == before.keys()


def test_the_folder_of_a_running_demo_stays_as_it_is(tmp_path: Path) -> None:
    before = fill(tmp_path / "demo", demo._MARK)
    with EngineLock(tmp_path / "demo/syncd.db"):
        assert demo.show_demo(Console(), tmp_path / "demo") == Exit.HELD
        assert before.items() <= contents(tmp_path / "demo").items()


def test_an_earlier_demo_is_cleared_and_what_lies_beside_it_stays(tmp_path: Path) -> None:
    fill(tmp_path / "demo", demo._MARK)
    (tmp_path / "demo/notes.txt").write_text("mine")
    assert demo._prepare(tmp_path / "demo") == ""
    assert contents(tmp_path / "demo").keys() == {"config.toml", "notes.txt", "syncd.db.lock"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("a file"),
        lambda path: (path / "leads.csv").mkdir(parents=True) or (path / "config.toml").write_text(demo._MARK),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], object]
) -> None:
    spoil(tmp_path / "demo")
    assert demo.show_demo(Console(), tmp_path / "demo") == Exit.HELD
    assert "cannot be used" in capsys.readouterr().err


def test_the_bars_are_seen_while_the_summary_of_the_run_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    console = demo._console()
    with demo._quiet_stdout():
        sys.stdout.write("a summary")
        console.print("a bar")
    assert capsys.readouterr().out == "a bar\n"


@pytest.mark.parametrize("path", ["/usr/bin:/bin", None])
def test_the_command_to_type_next_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path or str(Path(sys.executable).parent))
    assert (demo.command() == "syncd") == (path is None)
    assert subprocess.check_output([*shlex.split(demo.command()), "--version"]).startswith(b"syncd ")


@pytest.mark.parametrize("crm", ["hubspot", "salesforce", "apollo"])
def test_a_crm_beside_the_file_has_everybody_once_although_the_run_was_killed(
    crm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "LEADS", 12)
    monkeypatch.setattr(demo, "KILL_AT", 4)
    monkeypatch.setattr(demo, "SPEED", 60.0)
    with log_put_back():
        assert demo.show_demo(Console(width=200), tmp_path / "demo", crm) == Exit.DONE
    out = capsys.readouterr().out
    title = CRMS[crm].title
    assert re.search(rf"^ +12  people in {title}\n +0  of them twice$", out, re.MULTILINE), out
    assert f"[connectors.{CRMS[crm].table}]" in (tmp_path / "demo/config.toml").read_text()
    assert re.search(rf"makes [1-9]\d* fields and the like in {title}", out)


def test_a_crm_that_the_demo_does_not_have_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(["demo", "--folder", str(tmp_path / "demo"), "--crm", "hubsot"]) == Exit.USAGE
    assert "hubspot" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
