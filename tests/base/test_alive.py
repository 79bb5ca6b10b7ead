"""The container's question: is it alive? Asked of a real server, by a process that has the standard library only."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from syncd import healthcheck

ROOT = Path(__file__).parents[2]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        pass


@contextmanager
def serving(status: str) -> Iterator[tuple[int, list[str]]]:
    """A server that answers everything with one status; its port, and the paths it was asked for."""
    asked: list[str] = []

    def app(environ, start_response):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        asked.append(environ["PATH_INFO"])
        start_response(status, [("Content-Type", "text/plain")])
        return [b"so it is\n"]

    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def silent() -> Iterator[int]:
    """A port on which nobody answers HTTP: what connects is hung up on."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("status", "code"), [("200 OK", 0), ("503 Service Unavailable", 1), ("404 Not Found", 1)]
)
def test_only_an_ok_is_a_sign_of_life(status: str, code: int) -> None:
    with serving(status) as (port, asked):
        assert healthcheck.main([f"127.0.0.1:{port}"], {}) == code
    assert asked == ["/healthz"]


def test_nobody_there_is_no_sign_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert healthcheck.main([f"127.0.0.1:{port}"], {}) == 1
    assert f"no answer from 127.0.0.1 port {port}" in capsys.readouterr().out


def test_a_hung_up_call_is_no_sign_of_life(silent: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert healthcheck.main([f"127.0.0.1:{silent}"], {}) == 1
    assert "no answer" in capsys.readouterr().out


def test_it_needs_the_standard_library_alone_and_no_proxy() -> None:
    with serving("200 OK") as (port, _):
        ran = subprocess.run(
            [sys.executable, "-S", "-m", "syncd.healthcheck", f"http://127.0.0.1:{port}/healthz"],
            cwd=ROOT,
            env={**os.environ, "http_proxy": "http://127.0.0.1:9", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_it_asks_where_the_daemon_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert healthcheck.listening({}) == "127.0.0.1:8377"
    Path("config.toml").write_text('[health]\nlisten = "127.0.0.1:9000"\n')
    assert healthcheck.listening({}) == "127.0.0.1:9000"
    assert healthcheck.listening({"SYNCD_HEALTH__LISTEN": "0.0.0.0:7000"}) == "0.0.0.0:7000"
    Path("other.toml").write_text('[health]\nlisten = ""\n')
    assert healthcheck.main([], {"SYNCD_CONFIG": "other.toml"}) == 0
    Path("other.toml").write_text("health = 3 oh")
    assert healthcheck.listening({"SYNCD_CONFIG": "other.toml"}) == "127.0.0.1:8377"


@pytest.mark.parametrize(
    ("where", "parts"),
    [
        ("127.0.0.1:8377", ("127.0.0.1", 8377, "/healthz")),
        ("0.0.0.0:8377", ("127.0.0.1", 8377, "/healthz")),
        ("[::]:8377", ("::1", 8377, "/healthz")),
        ("http://[::1]:80/readyz", ("::1", 80, "/readyz")),
        ("http://127.0.0.1:80/", ("127.0.0.1", 80, "/healthz")),
    ],
)
def test_addresses_are_read(where: str, parts: tuple[str, int, str]) -> None:
    assert healthcheck.parted(where) == parts
