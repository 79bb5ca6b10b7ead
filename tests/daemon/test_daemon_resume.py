"""The fix that is printed works while the daemon runs: mend the configuration, then `syncd resume NAME`, or `syncd reload`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.ledger import Ledger
from syncd.ledger.lanes import load_lane
from syncd.simulator import Options, Running, running
from tests.daemon.process import SHEET, Process


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=3, rate_limit=6000, api_keys=frozenset({"ctgo_x"}))) as it:
        yield it


@pytest.fixture
def daemon(tmp_path: Path, ctgo: Running) -> Iterator[Process]:
    process = Process(tmp_path, ctgo)
    yield process
    process.close()


@pytest.fixture
def syncd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = entry.run(["--config", str(tmp_path / "config.toml"), *arguments])
        return code, "".join(capsys.readouterr())

    return run


def change(daemon: Process, old: str, new: str) -> None:
    config = daemon.folder / "config.toml"
    config.write_text(config.read_text().replace(old, new))


def is_halted(daemon: Process, kind: str, name: str) -> bool:
    with Ledger.open_to_read(daemon.folder / "syncd.db") as ledger, ledger.read() as connection:
        return load_lane(connection, kind, name).status == "halted"


def test_a_refused_key_that_is_mended_works_after_a_resume_which_tells_the_outcome(
    daemon: Process, syncd: Callable[..., tuple[int, str]]
) -> None:
    change(daemon, "ctgo_x", "ctgo_revoked")
    daemon.start()
    daemon.until(lambda: is_halted(daemon, "pull", "main"), "CTGO refused the key")
    code, said = syncd("resume", "main")
    assert (code, "pull main is halted again: CTGO answered 401" in said) == (75, True)

    change(daemon, "ctgo_revoked", "ctgo_x")
    assert "changed after the engine read it; to apply it: syncd reload" in syncd("status")[1]
    code, said = syncd("resume", "main")
    assert (code, "pull main works again." in said) == (0, True)
    daemon.until(lambda: len(daemon.sheet()) == 3, "the leads arrive")
    assert "changed after" not in syncd("status")[1]


def test_a_file_that_is_not_ours_is_named_otherwise_and_the_lane_resumes(
    daemon: Process, syncd: Callable[..., tuple[int, str]]
) -> None:
    (daemon.folder / "notes.txt").write_text("mine")
    daemon.configure(connectors=SHEET.replace("leads.csv", "notes.txt"))
    daemon.start()
    daemon.until(lambda: is_halted(daemon, "deliver", "sheet"), "the lane halts")
    daemon.configure()
    code, said = syncd("resume", "sheet")
    assert (code, "deliver sheet works again." in said) == (0, True)
    daemon.until(lambda: len(daemon.sheet()) == 3, "the leads arrive")
    assert (daemon.folder / "notes.txt").read_text() == "mine"


def test_a_reload_says_what_runs_and_a_mistake_keeps_it(
    daemon: Process, syncd: Callable[..., tuple[int, str]]
) -> None:
    daemon.start()
    assert daemon.process is not None
    daemon.configure(connectors=SHEET.replace("leads.csv", "other.csv"))
    os.utime(daemon.folder / "config.toml")
    assert syncd("reload") == (
        0,
        f"The daemon (process {daemon.process.pid}) runs with the configuration as it is now.\n",
    )
    daemon.configure(connectors="[connectors.sheet]\ntype = 'csv'\n")
    code, said = syncd("reload")
    assert (code, "connectors.sheet.path" in said) == (78, True)
    assert len(daemon.events("reloaded")) == 1


def test_without_a_daemon_a_reload_says_so(daemon: Process, syncd: Callable[..., tuple[int, str]]) -> None:
    assert daemon.process is None
    assert syncd("reload") == (0, "No daemon is running: the next start reads the configuration.\n")
