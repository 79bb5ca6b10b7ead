"""The other side of the client: WSGI apps in process, and a raw socket server for what no app can send."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.ctgo import Signals, Upstream

KEY = "ctgo_" + "Canary7" * 5 + "Canar"
BASE = "http://127.0.0.1/api/v2"


class Recorder:
    """Answers every request with one answer, and remembers the requests."""

    def __init__(
        self, status: int = 200, body: object = None, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = list(headers)
        self.seen: list[WSGIEnvironment] = []
        self.bodies: list[bytes] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.seen.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response(f"{self.status} Whatever", [("Content-Type", "application/json"), *self.headers])
        return [self.body]


def upstream(app: WSGIApplication, seen: list[Signals] | None = None, **options: Any) -> Upstream:
    """A client of an app; `seen` gets every observation."""
    observe = (lambda _: None) if seen is None else seen.append
    transport = httpx.WSGITransport(app)
    return Upstream(BASE, SecretStr(KEY), SystemClock(), observe=observe, transport=transport, **options)


def answering(status: int, body: object = None, headers: Iterable[tuple[str, str]] = ()) -> Upstream:
    """A client to which everything is answered alike."""
    return upstream(Recorder(status, body, headers))


def failure_of(call: Callable[[], object]) -> Failure:
    """What a call raises."""
    try:
        value = call()
    except Failure as failure:
        return failure
    raise AssertionError(f"it returned {value!r}")


Script = Callable[[socket.socket, threading.Event], None]


def _connection(connection: socket.socket, script: Script, over: threading.Event, end: bytes) -> None:
    with connection, suppress(OSError):
        while not over.is_set():
            request = b""
            while end not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            script(connection, over)


@contextmanager
def served(script: Script, end: bytes = b"\r\n\r\n") -> Iterator[str]:
    """Runs a raw server on loopback that plays `script` for each request, once its `end` is in; yields its base_url."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                thread = threading.Thread(target=_connection, args=(connection, script, over, end))
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v2"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


@contextmanager
def client_of(
    base_url: str, seen: list[Signals] | None = None, *, total_timeout: float = 5.0, **options: Any
) -> Iterator[Upstream]:
    """A client over real sockets."""
    observe = (lambda _: None) if seen is None else seen.append
    client = Upstream(
        base_url, SecretStr(KEY), SystemClock(), observe=observe, total_timeout=total_timeout, **options
    )
    try:
        yield client
    finally:
        client.close()


def reply(body: bytes, head: str = "HTTP/1.1 200 OK", *headers: str, length: int | None = None) -> bytes:
    """An HTTP response with a content length, true unless another is given."""
    lines = [head, f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
