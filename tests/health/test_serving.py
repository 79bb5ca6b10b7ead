"""The health server on a real socket: it listens, gives way to whoever has the port, and tries again."""

import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus

import httpx
import pytest

from syncd.clock import SystemClock
from syncd.health.server import Answer, App, Request, Serving
from tests.support.patience import patience
from tests.support.virtual import Log


def app(_: Request) -> Answer:
    return HTTPStatus.OK, "text/plain", b"ok\n"


def serve(host: str, port: int, log: Log, app: App = app) -> Serving:
    return Serving(app, host, port, SystemClock(), log)


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port that somebody else listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_answers_on_the_address_it_was_given(host: str) -> None:
    log = Log()
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with serve(host, 0, log) as serving:
        assert serving.ensure()
        assert not serving.ensure(), "asked again it opens nothing"
        shown = f"[{host}]" if ":" in host else host
        answer = httpx.get(f"http://{shown}:{serving.port}/")
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert "server" not in answer.headers
        assert answer.headers["connection"] == "close"
    assert serving.port is None
    assert len(log.named("health_served")) == 1


def test_a_port_in_use_is_one_sentence_and_is_tried_again(taken: socket.socket) -> None:
    log, port = Log(), taken.getsockname()[1]
    with serve("127.0.0.1", port, log) as serving:
        assert [serving.ensure(), serving.ensure()] == [False, False]
        (said,) = log.named("health_unserved")
        assert str(port) in str(said["detail"])
        assert "in use" in str(said["detail"])
        taken.close()
        assert serving.ensure()
        assert httpx.get(f"http://127.0.0.1:{port}/").text == "ok\n"


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_ours_is_one_sentence(host: str) -> None:
    log = Log()
    with serve(host, 0, log) as serving:
        assert not serving.ensure()
        assert host in str(log.named("health_unserved")[0]["detail"])


@contextmanager
def descriptors(left: int) -> Iterator[list[int]]:
    """So many are left; those in the list keep the others from being had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers: list[int] = []
    null = os.open(os.devnull, os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (null + 50, hard))
    try:
        with suppress(OSError):
            while True:
                fillers.append(os.dup(null))
        for _ in range(left):
            os.close(fillers.pop())
        yield fillers
    finally:
        for each in (*fillers, null):
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_without_descriptors_it_does_not_listen_and_is_tried_again(left: int) -> None:
    log = Log()
    with serve("127.0.0.1", 0, log) as serving:
        with descriptors(left) as fillers:
            assert not serving.ensure()
            for _ in range(left):
                fillers.append(os.dup(0))
            assert "Too many open files" in str(log.named("health_unserved")[0]["detail"])
            assert fillers
        assert serving.ensure()
        assert httpx.get(f"http://127.0.0.1:{serving.port}/").text == "ok\n"


def test_without_descriptors_for_a_connection_it_rests_rather_than_spins() -> None:
    log = Log()
    with serve("127.0.0.1", 0, log) as serving, closing(socket.socket()) as visitor:
        assert serving.ensure()
        visitor.settimeout(patience(10.0))
        with descriptors(0) as fillers:
            visitor.connect(("127.0.0.1", serving.port or 0))
            visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
            until = time.monotonic() + patience(10.0)
            while not log.named("health_short") and time.monotonic() < until:
                threading.Event().wait(0.01)
            for _ in range(5):
                os.close(fillers.pop())
            assert visitor.recv(100).startswith(b"HTTP/1.1 200 OK"), "it is answered all the same"
        assert len(log.named("health_short")) == 1
        assert not [it for it in log.events if "accept" in str(it)]


def test_one_that_reads_slowly_does_not_keep_the_others_waiting() -> None:
    with serve("127.0.0.1", 0, Log()) as serving:
        assert serving.ensure()
        address = ("127.0.0.1", serving.port or 0)
        with closing(socket.create_connection(address)) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x")
            assert httpx.get(f"http://127.0.0.1:{address[1]}/").text == "ok\n"


def test_a_bug_costs_one_answer_and_is_logged() -> None:
    bugs = [ValueError("a bug")]

    def buggy(request: Request) -> Answer:
        if bugs:
            raise bugs.pop()
        return app(request)

    log = Log()
    with serve("127.0.0.1", 0, log, buggy) as serving:
        assert serving.ensure()
        said = [httpx.get(f"http://127.0.0.1:{serving.port}/").status_code for _ in range(2)]
    assert said == [500, 200]
    assert len(log.named("health_failed")) == 1


def test_one_that_says_no_more_is_still_answered_whole_and_then_hung_up_on() -> None:
    size = 8 << 20
    with serve("127.0.0.1", 0, Log(), lambda _: (HTTPStatus.OK, "text/plain", b"x" * size)) as serving:
        assert serving.ensure()
        with closing(socket.create_connection(("127.0.0.1", serving.port or 0), 10)) as it:
            it.sendall(b"GET / HTTP/1.0\n\n")
            it.shutdown(socket.SHUT_WR)
            read = bytearray()
            while piece := it.recv(1 << 16):
                read += piece
    assert len(read.partition(b"\r\n\r\n")[2]) == size
