"""The real daemon that is told of new leads: polled once an hour, and yet they are exported within seconds."""

import http.client
import json
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from syncd.cli import entry
from syncd.simulator import Options, Running, running
from tests.cli.conftest import log_put_back
from tests.daemon.process import Process


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as it:
        port: int = it.getsockname()[1]
        return port


class Pushed(Process):
    """A daemon that polls once an hour, with push at a port of its own."""

    def __init__(self, folder: Path, ctgo: Running) -> None:
        self.port = free_port()
        super().__init__(folder, ctgo, poll="1h")
        self.push()

    def push(self, path: str = "ctgo", *, on: bool = True) -> None:
        table = f'[sources.main.push]\npublic_url = "http://127.0.0.1:{self.port}/{path}"\nlisten = "127.0.0.1:{self.port}"\n'
        self.configure(poll="1h", more=table if on else "")

    def targets(self) -> list[str]:
        return [it.target for it in self.ctgo.world.subscriptions.all()]

    def subscribed(self) -> None:
        self.until(lambda: self.targets() and self.row()["remote_id"], "it subscribed")

    def row(self) -> dict[str, Any]:
        with closing(sqlite3.connect(self.folder / "syncd.db")) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM subscription").fetchone()
            return dict(found) if found else {"remote_id": None}

    def syncd(self, *arguments: str) -> int:
        with log_put_back():
            return entry.run(["--config", str(self.folder / "config.toml"), *arguments])

    def asked(self, route: str) -> int:
        answers: dict[str, int] = self.ctgo.world.stats()["requests"].get(route, {})
        return sum(answers.values())


@contextmanager
def daemon(folder: Path, **options: Any) -> Iterator[Pushed]:
    with running(Options(**{"leads": 3, "rate_limit": 6000, **options})) as ctgo:
        made = Pushed(folder, ctgo)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Pushed]:
    with daemon(tmp_path) as made:
        yield made


def test_what_is_found_between_two_polls_is_in_the_sheet_and_exported_within_seconds(it: Pushed) -> None:
    it.start()
    it.until(lambda: len(it.ctgo.world.exported) == 3, "the first pull")
    it.subscribed()
    for so_far in (3, 5):
        control = urllib.request.Request(f"{it.ctgo.url}/_sim/leads", json.dumps({"count": 2}).encode())  # noqa: S310
        urllib.request.urlopen(control).close()  # noqa: S310
        it.until(lambda so_far=so_far: len(it.sheet()) == so_far + 2, "they are in the sheet")  # type: ignore[misc]
        it.until(lambda so_far=so_far: len(it.ctgo.world.exported) == so_far + 2, "and exported")  # type: ignore[misc]
    assert len(it.targets()) == 1
    assert it.row()["heard_at"]
    token = it.row()["token"]
    assert it.end()[0] == 0
    assert token not in (it.folder / "log.jsonl").read_text()


def test_a_restart_finds_its_subscription_and_asks_for_none(it: Pushed) -> None:
    it.start()
    it.subscribed()
    before = it.targets()
    assert it.end()[0] == 0
    it.heard.clear()
    it.start()
    it.until(lambda: len(it.ctgo.world.exported) == 3, "it works")
    it.ctgo.world.add_leads(1)
    it.until(lambda: len(it.ctgo.world.exported) == 4, "the same address is heard")
    assert it.targets() == before
    assert it.asked("POST /api/v2/webhooks/subscribe") == 1


def test_a_reload_moves_the_subscription_and_one_without_the_table_ends_it(it: Pushed) -> None:
    it.start()
    it.subscribed()
    (old,) = it.targets()
    it.push("elsewhere")
    it.send(signal.SIGHUP)
    it.until(lambda: len(it.targets()) == 1 and it.targets() != [old], "the new one has replaced the old one")
    assert it.targets()[0].startswith(f"http://127.0.0.1:{it.port}/elsewhere/")
    assert urlsplit(it.targets()[0]).path.split("/")[-1] == old.split("/")[-1], "the token stays"
    it.push(on=False)
    it.send(signal.SIGHUP)
    it.until(lambda: not it.targets(), "there is none")
    it.until(lambda: not listens(it.port), "nobody listens")
    it.until(lambda: "token" not in it.row(), "nothing is kept of it")


def post(target: str) -> int:
    """What a push to an address is answered."""
    parts = urlsplit(target)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port)) as line:
        line.request("POST", parts.path, body=b"{}")
        return line.getresponse().status


def listens(port: int) -> bool:
    """Whether somebody listens."""
    with closing(socket.socket()) as it:
        return it.connect_ex(("127.0.0.1", port)) == 0


def test_off_unsubscribes_beside_the_daemon_and_holds_through_a_restart_until_on(
    it: Pushed, capsys: pytest.CaptureFixture[str]
) -> None:
    it.start()
    it.subscribed()
    (target,) = it.targets()
    assert post(target) == 202
    assert it.syncd("push", "off", "main") == 0
    assert it.targets() == []
    it.until(lambda: post(target) == 404, "nor is one taken that comes late")
    assert "syncd push on main" in capsys.readouterr().out
    it.end()
    it.heard.clear()
    it.start()
    it.until(lambda: len(it.ctgo.world.exported) == 3, "it works")
    assert it.targets() == []
    assert it.syncd("push", "on") == 0
    it.until(lambda: len(it.targets()) == 1, "it subscribes again")


def test_a_port_in_use_and_a_refusal_stop_nothing(tmp_path: Path) -> None:
    with daemon(tmp_path) as it, closing(socket.create_server(("127.0.0.1", it.port))):
        from syncd.simulator import Fault  # noqa: PLC0415

        it.ctgo.world.fail(
            Fault("subscribe", times=99, status=403, body=b'{"error": "subscription_required"}')
        )
        it.start()
        it.until(lambda: len(it.ctgo.world.exported) == 3, "leads come by polling")
        it.until(lambda: it.events("push_failed"), "it is said")
        assert len(it.events("push_unserved")) == 1
        (said,) = it.events("push_failed")
        assert "403" in said["detail"]
        assert said["fix"]
        assert it.end()[0] == 0


def test_once_subscribes_to_nothing(it: Pushed) -> None:
    assert it.syncd("--once") == 0
    assert len(it.ctgo.world.exported) == 3
    assert it.asked("POST /api/v2/webhooks/subscribe") == 0
    assert it.row() == {"remote_id": None}


def test_forged_pushes_cause_no_pull(it: Pushed) -> None:
    it.start()
    it.subscribed()
    it.until(lambda: it.row()["subscribed_at"] and len(it.ctgo.world.exported) == 3, "it is at rest")
    pulls = it.asked("GET /api/v2/leads")
    for path in ("/", "/ctgo/", "/ctgo/" + "x" * 43, "/metrics", "/healthz", "/readyz"):
        with closing(http.client.HTTPConnection("127.0.0.1", it.port)) as line:
            line.request("POST", path, body=b"{}")
            assert line.getresponse().status == 404
    assert it.row()["heard_at"] is None
    assert it.asked("GET /api/v2/leads") <= pulls + 1  # what follows the subscription
