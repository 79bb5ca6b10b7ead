"""The health listener meets hostile peers: it answers the next honest one in time, and keeps nothing of them."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import httpx
import pytest

from syncd.health.serving import CONNECTIONS, Serving
from syncd.testing import Journal
from tests.hostile.watching import nothing_left, peak, within

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
SENT = {
    "nothing": b"",
    "binary": bytes(range(256)) * 8,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half a line": b"GET /heal",
    "half a head": GET + b"X: y",
    "a line of a megabyte": b"GET /" + b"x" * 2**20 + b" HTTP/1.1\r\n\r\n",
    "a header of a megabyte": GET + b"X: " + b"y" * 2**20 + b"\r\n\r\n",
    "a hundred thousand headers": GET + b"X: y\r\n" * 100_000 + b"\r\n",
    "a length below zero": GET + b"Content-Length: -1\r\n\r\n",
    "a length of terabytes": GET + b"Content-Length: 9999999999999\r\n\r\nx",
    "two lengths": GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "a length and chunks": GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunks of no size": GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a hundred requests at once": (GET + b"\r\n") * 100,
    "a path of escapes": b"GET /%00%ff%2e%2e/..;/ HTTP/1.1\r\n\r\n",
    "another address": b"GET http://169.254.169.254/ HTTP/1.1\r\n\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n",
    "an odd method": b"\x00\x01 / HTTP/1.1\r\n\r\n",
    "an odd version": b"GET / HTTP/9.9.9\r\n\r\n",
}


def app(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1")[:4]]


@pytest.fixture
def port() -> Iterator[int]:
    with nothing_left():
        serving = Serving(app, "127.0.0.1", 0, Journal())
        assert serving.ensure()
        yield serving.port or 0
        serving.close()


def honest(port: int) -> int:
    return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5.0).status_code


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_whatever_is_sent_the_next_one_is_answered(port: int, sent: bytes) -> None:
    honest(port)
    before = peak()
    for _ in range(3):
        with closing(socket.create_connection(("127.0.0.1", port), 5)) as it, suppress(OSError):
            it.sendall(sent)
            it.shutdown(socket.SHUT_WR)
    with within():
        assert honest(port) == 200
    assert peak() - before < 32 << 20


def test_a_thousand_that_come_and_go_leave_nothing(port: int) -> None:
    for n in range(1000):
        with closing(socket.create_connection(("127.0.0.1", port), 5)) as it, suppress(OSError):
            it.sendall(GET[: n % len(GET)])
    with within():
        assert honest(port) == 200


def test_slow_ones_short_of_the_limit_keep_nobody_out(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS // 2):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), 5))).sendall(GET)
        with within():
            assert honest(port) == 200
