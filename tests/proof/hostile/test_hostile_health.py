"""The health listener meets hostile peers: it answers the next honest one in time, and keeps nothing of them."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from syncd.clock import SystemClock
from syncd.health.server import CONNECTIONS, PATIENCE, Answer, Request, Serving
from syncd.testing import Journal
from tests.proof.hostile.watching import nothing_left, peak, within
from tests.support.patience import patience

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


METRICS = b"x" * (16 << 20)  # more than a kernel holds for a connection


def app(request: Request) -> Answer:
    return HTTPStatus.OK, "text/plain", METRICS if request.path == "/metrics" else b"/hea"


@contextmanager
def served(patience: float = PATIENCE) -> Iterator[int]:
    with (
        nothing_left(),
        Serving(app, "127.0.0.1", 0, SystemClock(), Journal(), patience=patience) as serving,
    ):
        assert serving.ensure()
        yield serving.port or 0


@pytest.fixture
def port() -> Iterator[int]:
    with served() as it:
        yield it


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), patience(5))


def honest(port: int) -> int:
    """The status of an answer; 0 when there is none in time."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=patience(5.0)).status_code
    except httpx.HTTPError:
        return 0


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_whatever_is_sent_the_next_one_is_answered(port: int, sent: bytes) -> None:
    honest(port)
    before = peak()
    for _ in range(3):
        with closing(socket.create_connection(("127.0.0.1", port), patience(5))) as it, suppress(OSError):
            it.sendall(sent)
            it.shutdown(socket.SHUT_WR)
    with within():
        assert honest(port) == 200
    assert peak() - before < 32 << 20


def test_a_thousand_that_come_and_go_leave_nothing(port: int) -> None:
    for n in range(1000):
        with closing(socket.create_connection(("127.0.0.1", port), patience(5))) as it, suppress(OSError):
            it.sendall(GET[: n % len(GET)])
    with within():
        assert honest(port) == 200


def test_slow_ones_that_take_every_connection_keep_nobody_out() -> None:
    with served(patience=600.0) as port, ExitStack() as stack:
        for _ in range(CONNECTIONS * 2):
            stack.enter_context(closing(call(port))).sendall(GET)
        for _ in range(5):
            with within():
                assert honest(port) == 200


def test_one_that_drips_is_cut_when_patience_is_over() -> None:
    with served(patience=0.3) as port, closing(call(port)) as it, within(), suppress(OSError):
        for _ in range(1_000):  # until it is reset, or a broken pipe
            it.sendall(b"G")
            select.select([], [], [], 0.01)
        pytest.fail("it was not cut")


def test_one_that_does_not_read_is_cut_when_patience_is_over() -> None:
    with served(patience=0.3) as port, closing(socket.socket()) as it:
        it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        it.settimeout(patience(5))
        it.connect(("127.0.0.1", port))
        it.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        with within():
            select.select([], [], [], 0.6)
            assert cut_short(it)


def cut_short(it: socket.socket) -> bool:
    """Whether less than the whole answer can be read."""
    read = 0
    with suppress(ConnectionResetError):
        while n := len(it.recv(1 << 16)):
            read += n
    return read < len(METRICS)


def test_a_body_is_refused_before_it_has_come_and_is_kept_nowhere(port: int) -> None:
    before, already = peak(), set(opened())
    spooled: set[str] = set()
    with closing(call(port)) as it:
        it.sendall(GET + b"Content-Length: 300000000\r\n\r\n")
        assert it.recv(100).startswith(b"HTTP/1.1 200")
        with suppress(OSError):
            for _ in range(300):
                it.sendall(b"x" * 2**20)
                spooled |= {name for name in opened() if "(deleted)" in name}
            pytest.fail("all of it was taken")
    assert not spooled - already
    assert peak() - before < 8 << 20
    assert honest(port) == 200


def opened() -> Iterator[str]:
    """What this process has open, by name."""
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield str(each.readlink())


def test_of_requests_that_come_at_once_one_is_answered(port: int) -> None:
    with closing(call(port)) as it:
        it.sendall((GET + b"\r\n") * 315)
        read = b""
        while piece := it.recv(1 << 16):
            read += piece
    assert read.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close\r\n" in read
