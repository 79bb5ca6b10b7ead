"""The client as Apollo has it against servers that no app could be: endless, dripping, broken, redirecting."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from connectors.apollo import http
from syncd.clock import SystemClock
from syncd.http.client import Client

Script = Callable[[socket.socket, threading.Event], None]


@contextmanager
def scripted(script: Script, total: float = 5.0) -> Iterator[tuple[Client, list[bytes]]]:
    """A server that plays `script` once a request's head is in, and a client of it."""
    over, requests = threading.Event(), list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        requests.append(connection.recv(65536))
                        script(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
        client = http.client(url, "k3y", SystemClock(), total)
        try:
            yield client, requests
        finally:
            client.close()
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer(text: str) -> Script:
    return lambda connection, _: connection.sendall(text.replace("\n", "\r\n").encode())


def drip(head: str) -> Script:
    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode())
        while not over.wait(0.02):
            connection.sendall(b"x")

    return script


def test_a_request_carries_the_key_in_its_header_and_nowhere_else() -> None:
    with scripted(answer("HTTP/1.1 200 OK\nContent-Length: 2\nX-Minute-Usage: 3\n\n{}")) as (
        client,
        requests,
    ):
        found = client.send("POST", "/contacts/search", json={"page": 1}, query={"a": "b"})
    assert (found.status, found.body, found.headers["x-minute-usage"], found.trouble) == (200, b"{}", "3", "")
    assert requests[0].startswith(b"POST /api/v1/contacts/search?a=b HTTP/1.1\r\n")
    assert requests[0].count(b"k3y") == 1
    assert b"x-api-key: k3y\r\n" in requests[0]


@pytest.mark.parametrize("head", ["HTTP/1.1 200 OK\nX-Slow: ", "HTTP/1.1 200 OK\nContent-Length: 100000\n\n"])
def test_a_drip_ends_at_the_deadline(head: str) -> None:
    clock = SystemClock()
    with scripted(drip(head), total=0.3) as (client, _):
        began = clock.monotonic()
        assert client.send("GET", "/fields").trouble == "late"
        assert clock.monotonic() - began < 3.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HTTP/1.1 200 OK\nContent-Length: 10\n\n{",
        "SSH-2.0-OpenSSH\n",
        "HTTP/1.1 200 OK\nContent-Length: x\n\n",
    ],
)
def test_what_breaks_off_is_broken(text: str) -> None:
    with scripted(answer(text)) as (client, _):
        assert client.send("GET", "/fields").trouble == "broken"


def test_a_body_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_BODY", 1000)
    with scripted(drip("HTTP/1.1 200 OK\nContent-Length: 100000\n\n" + "x" * 2000)) as (client, _):
        assert client.send("GET", "/fields").unread == "too_large"


def test_what_was_compressed_unasked_is_not_read() -> None:
    text = "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 2\n\n{}"
    with scripted(answer(text)) as (client, requests):
        found = client.send("GET", "/fields")
        assert (found.status, found.body, found.unread) == (200, b"", "encoded")
        assert b"accept-encoding: identity" in requests[0].lower()


def test_a_redirect_is_not_followed() -> None:
    text = "HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\nContent-Length: 0\n\n"
    with scripted(answer(text)) as (client, requests):
        assert client.send("GET", "/fields").status == 302
        assert len(requests) == 1


def test_where_nobody_listens_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # and no proxy is asked to reach this machine
    client = http.client(f"http://127.0.0.1:{port}", "k3y", SystemClock())
    assert client.send("GET", "/fields").trouble == "unsent"
    client.close()


def test_httpx_is_imported_when_a_connector_is_opened_and_not_before() -> None:
    code = "import sys, connectors.apollo; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
