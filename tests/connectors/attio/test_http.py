"""The HTTP client against servers that no app could be: endless, dripping, broken, redirecting."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors.attio import http
from connectors.attio.http import Http
from syncd.clock import SystemClock
from tests.connectors.scripted import Script, scripted


@contextmanager
def client(script: Script, total: float = 5.0) -> Iterator[tuple[Http, list[bytes]]]:
    with scripted(script) as (port, requests, _):
        made = Http(f"http://127.0.0.1:{port}", "t0ken", SystemClock(), total)
        try:
            yield made, requests
        finally:
            made.close()


def answer(text: str) -> Script:
    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(text.replace("\n", "\r\n").encode())
        connection.close()

    return script


def drip(head: str) -> Script:
    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode())
        while not over.wait(0.02):
            connection.sendall(b"x")

    return script


def test_a_request_carries_the_token_in_its_header_and_nowhere_else() -> None:
    with client(answer('HTTP/1.1 200 OK\nContent-Length: 9\nRetry-After: 3\n\n{"a": 1} ')) as (
        made,
        requests,
    ):
        found = made.call("POST", "/v2/x?a=b", b"{}")
    assert found == (200, "3", {"a": 1}, "")
    assert requests[0].startswith(b"POST /v2/x?a=b HTTP/1.1\r\n")
    assert requests[0].count(b"t0ken") == 1
    assert b"authorization: Bearer t0ken\r\n" in requests[0]


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\nX-Slow: ", "HTTP/1.1 200 OK\nContent-Length: 100000\n\n"])
def test_a_drip_ends_at_the_deadline(head: str) -> None:
    with client(drip(head), total=0.3) as (made, _):
        assert made.call("GET", "/").trouble == "late"


@pytest.mark.parametrize("text", ["", "HTTP/1.1 200 OK\nContent-Length: 10\n\n{", "SSH-2.0-OpenSSH\n"])
def test_an_answer_that_breaks_off_is_broken(text: str) -> None:
    with client(answer(text)) as (made, _):
        assert made.call("GET", "/").trouble == "broken"


def test_a_body_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_BODY", 1000)
    with client(drip("HTTP/1.1 200 OK\nContent-Length: 100000\n\n" + "x" * 2000)) as (made, _):
        assert made.call("GET", "/").trouble == "too large"


def test_a_redirect_is_not_followed() -> None:
    text = "HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\nContent-Length: 0\n\n"
    with client(answer(text)) as (made, requests):
        assert made.call("GET", "/").status == 302
        assert len(requests) == 1


@pytest.mark.parametrize("port", ["99999", ""])
def test_where_nobody_can_be_reached_nothing_was_sent(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # and no proxy is asked to reach this machine
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = port or str(listener.getsockname()[1])
    made = Http(f"http://127.0.0.1:{port}", "t0ken", SystemClock())
    assert made.call("GET", "/").trouble == "unsent"
    made.close()


def test_httpx_is_imported_when_a_connector_is_used_and_not_before() -> None:
    code = "import sys, connectors.attio; sys.exit('httpx' in sys.modules or 'httpcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
