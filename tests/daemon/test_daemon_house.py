"""A daemon on a real disk: somebody is forgotten beside it, and its disk is full for a while."""

import os
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncd.cli import entry
from syncd.ledger import Ledger
from syncd.simulator import Options, Running, running
from tests.daemon.process import SHEET, Process
from tests.support import assert_books
from tests.support.disk import fill, small_disk
from tests.support.patience import patience

PERSON = {
    "handle": "zq_canary",
    "displayName": "Zephyrina Quillfeather",
    "xUserId": "990011223344",
    "bio": "Tames quills in Ypsilanti",
}
Make = Callable[..., Process]


@pytest.fixture
def ctgo() -> Iterator[Running]:
    with running(Options(leads=20, rate_limit=60000)) as it:
        yield it


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def make(tmp_path: Path, ctgo: Running, port: int) -> Iterator[Make]:
    made: list[Process] = []

    def process(ledger: Path) -> Process:
        it = Process(tmp_path, ctgo)
        config = tmp_path / "config.toml"
        config.write_text(
            f'[state]\nurl = "sqlite:///{ledger}"\n[sources.main]\napi_key = "ctgo_x"\nbase_url = "{ctgo.url}/api/v2"\n'
            f'poll = "1s"\nrequests_per_minute = 60000\n{SHEET}[health]\nlisten = "127.0.0.1:{port}"\n[log]\nlevel = "debug"\n'
        )
        config.chmod(0o600)
        made.append(it)
        return it.start()

    yield process
    for it in made:
        it.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=patience(5)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def test_whoever_is_forgotten_beside_a_daemon_is_gone_and_does_not_come_back(
    make: Make, ctgo: Running, tmp_path: Path, port: int
) -> None:
    state = tmp_path / "state"
    number = ctgo.world.add_leads(1)[0]
    ctgo.world.amend_lead(number, {"profile": PERSON})
    daemon = make(state / "syncd.db")
    daemon.until(lambda: len(ctgo.world.exported) == 21, "all are exported")
    assert entry.run(["--config", str(tmp_path / "config.toml"), "backup", str(state / "copy.db")]) == 0
    assert (
        entry.run(["--config", str(tmp_path / "config.toml"), "forget", "--handle", "zq_canary", "--yes"])
        == 0
    )
    again = ctgo.world.add_leads(1)[0]
    ctgo.world.amend_lead(again, {"profile": PERSON})
    other = ctgo.world.add_leads(1)[0]
    daemon.until(lambda: other in ctgo.world.exported, "a lead that came after it is exported")
    assert again not in ctgo.world.exported
    said = get(port, "/metrics")[1] + get(port, "/readyz")[1] + (tmp_path / "log.jsonl").read_text()
    assert "syncd_" in said
    held = b"".join(file.read_bytes() for file in state.iterdir()) + said.encode()
    assert [value for value in PERSON.values() if value.encode() in held] == []
    assert daemon.end()[0] == 0
    with Ledger.open(state / "syncd.db") as ledger:
        assert_books(ledger)
    modes = {oct(file.stat().st_mode & 0o777) for file in state.iterdir()}
    assert modes == {"0o600"}


def test_a_disk_that_is_full_under_load_turns_health_red_and_is_waited_out(
    make: Make, ctgo: Running, tmp_path: Path, port: int
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        daemon = make(disk / "syncd.db")
        daemon.until(lambda: len(ctgo.world.exported) == 20, "all are exported")
        daemon.until(lambda: get(port, "/readyz")[0] == 200, "it is ready")
        filler = fill(disk)
        ctgo.world.add_leads(300)
        daemon.until(lambda: get(port, "/readyz")[0] == 503, "health is red")
        assert "full" in get(port, "/readyz")[1]
        assert get(port, "/healthz")[0] == 200
        rows, requests = len(daemon.sheet()), len(ctgo.world.requests)
        exported = len(ctgo.world.exported)
        daemon.until(lambda: get(port, "/metrics")[0] == 200, "a moment passes")
        assert (len(daemon.sheet()), len(ctgo.world.requests), len(ctgo.world.exported)) == (
            rows,
            requests,
            exported,
        )
        filler.unlink()
        daemon.until(lambda: len(ctgo.world.exported) == 320, "it goes on by itself")
        daemon.until(lambda: get(port, "/readyz")[0] == 200, "health is green again")
        assert Counter(Counter(daemon.sheet()).values()) == {1: 320}
        assert daemon.end()[0] == 0
        with closing(Ledger.open(disk / "syncd.db")) as ledger:
            assert_books(ledger)
        assert os.path.ismount(disk)
