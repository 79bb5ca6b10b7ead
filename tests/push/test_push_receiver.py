"""The listener over real sockets, and what hostile peers may send: none of it holds a thread, memory or anybody up."""

import errno
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from itertools import count
from typing import Any

import httpx
import pytest

from syncd.clock import SystemClock
from syncd.http import listener
from syncd.push import CONNECTIONS, LONGEST, MOST, MOST_OF_STRANGERS, Answer, Receiver, judge
from tests.support.patience import patience
from tests.support.virtual import Log

TOKEN = "8vJ1q6h5xYbC0aQ2rT9uW3eZ4kL7mN_pO-sDfGhXcVw"
PUSH = f"POST /ctgo/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
STRANGE = b"POST /ctgo/nobody HTTP/1.1\r\nHost: x\r\n"
SHORT = 0.4
"""Seconds of patience where a test waits for its end."""


class Place:
    """A listener, and what it made of who came."""

    def __init__(self, patience: float = 30.0) -> None:
        self.log = Log()
        self.came: list[str] = []
        self.lines: list[bytes] = []
        self.receiver = Receiver("127.0.0.1", 0, self.judge, SystemClock(), self.log, patience=patience)
        assert self.receiver.ensure()

    def judge(self, line: bytes) -> Answer:
        self.lines.append(line)
        answer = judge(line, {"main": TOKEN})
        if answer.source:
            self.came.append(answer.source)
        return answer

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.receiver.port or 0

    def call(self) -> socket.socket:
        it = socket.create_connection(self.address)
        it.settimeout(patience(20))
        return it

    def honest(self) -> int:
        return httpx.post(f"http://127.0.0.1:{self.address[1]}/ctgo/{TOKEN}", json={"leads": []}).status_code


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.receiver.close()


@pytest.fixture
def hasty() -> Iterator[Place]:
    made = Place(SHORT)
    yield made
    made.receiver.close()


def answer(it: socket.socket) -> bytes:
    """The status line's number; empty if it was cut without one."""
    read = b""
    try:
        while b"\r\n\r\n" not in read:
            piece = it.recv(4096)
            if not piece:
                break
            read += piece
    except ConnectionResetError:
        pass
    return read[9:12]


def is_over(it: socket.socket) -> bool:
    """Whether the other side hangs up, within the test's patience."""
    try:
        while it.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def memory() -> int:
    """KiB, at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_push_is_answered_before_its_body_has_come(place: Place) -> None:
    with closing(place.call()) as it:
        it.sendall(PUSH + b"Content-Length: 1000000\r\n\r\n")
        assert answer(it) == b"202"
    assert place.came == ["main"]


def test_a_client_of_the_real_world_is_content(place: Place) -> None:
    leads = [{"id": n, "profile": {"handle": "x" * 500}} for n in range(5000)]
    bodies: tuple[Any, ...] = ({"leads": []}, leads)
    with httpx.Client() as client:
        for body in bodies:
            said = client.post(f"http://127.0.0.1:{place.address[1]}/ctgo/{TOKEN}?a=b", json=body)
            assert (said.status_code, said.content) == (202, b"")
            assert {"date", "connection"} <= set(said.headers)
            assert "server" not in said.headers
        chunked = client.post(
            f"http://127.0.0.1:{place.address[1]}/{TOKEN}", content=iter([b"x" * 70_000] * 20)
        )
        assert chunked.status_code == 202
        assert client.get(f"http://127.0.0.1:{place.address[1]}/{TOKEN}").headers["allow"] == "POST"
        assert client.post(f"http://127.0.0.1:{place.address[1]}/metrics", json=leads[:10]).status_code == 404
    assert place.came == ["main"] * 3


def pour(it: socket.socket, piece: bytes, most: int) -> None:
    """Send until it is cut; what the kernel holds apart, nobody may read more than `most`."""
    for sent in count(0, len(piece)):
        assert sent < most
        it.sendall(piece)


def drip(it: socket.socket, seconds: float) -> None:
    """Send a byte now and then until it is cut."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        it.sendall(b"P")
        select.select([], [], [], 0.02)


BODIES = {
    "a length without end": b"Content-Length: 99999999999999999999\r\n\r\n",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "two lengths": b"Content-Length: 3\r\nContent-Length: 99\r\n\r\n",
    "a length and chunks": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
    "what is no chunk": b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n",
    "a promise of more": b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "an upgrade": b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "headers without end": b"X: y\r\n" * 1000,
    "one header without end": b"X: " + b"y" * 30_000,
    "a second request": b"Content-Length: 0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_whatever_a_body_is_it_is_one_push_or_none(place: Place, body: bytes) -> None:
    for head, said in ((PUSH, b"202"), (STRANGE, b"404")):
        with closing(place.call()) as it:
            it.sendall(head + body)
            assert answer(it) == said
            it.shutdown(socket.SHUT_WR)
            assert is_over(it)
    assert place.came == ["main"]
    assert len(place.lines) == 2
    assert place.honest() == 202


@pytest.mark.parametrize(("head", "most"), [(PUSH, MOST), (STRANGE, MOST_OF_STRANGERS)])
@pytest.mark.parametrize(
    "kind", [b"Content-Length: 9999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_huge_body_is_thrown_away_and_then_cut(place: Place, head: bytes, most: int, kind: bytes) -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    before = memory()
    with closing(place.call()) as it:
        it.sendall(head + kind)
        with pytest.raises(OSError):  # noqa: PT011 - reset, or a broken pipe
            pour(it, piece, most + (32 << 20))
    assert memory() - before < 8 << 10, "KiB"
    assert place.honest() == 202


GARBAGE = {
    "a line without end": b"POST /" + b"x" * (LONGEST + 100),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "nothing but an end": b"\r\n",
    "zeros": b"\0" * 4096,
    "a number of megabytes": b"A" * (3 << 20),
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused_and_seen_by_nobody(place: Place, sent: bytes) -> None:
    with closing(place.call()) as it:
        try:
            it.sendall(sent)
        except OSError:
            assert len(sent) > MOST_OF_STRANGERS
        assert answer(it) in {b"400", b""}
    assert place.came == []
    assert place.honest() == 202


def test_a_line_of_the_longest_length_is_still_read_and_one_more_is_not(place: Place) -> None:
    for length, said in ((LONGEST, b"202"), (LONGEST + 1, b"400")):
        line = b"POST /" + b"a" * (length - len(f"POST //{TOKEN} HTTP/1.1")) + f"/{TOKEN} HTTP/1.1".encode()
        with closing(place.call()) as it:
            it.sendall(line + b"\n")
            assert answer(it) == said


def test_a_line_may_come_byte_by_byte(place: Place) -> None:
    with closing(place.call()) as it:
        it.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in PUSH[: PUSH.index(b"\n") + 1]:
            it.sendall(bytes([byte]))
        assert answer(it) == b"202"
    assert place.lines == [PUSH.partition(b"\r")[0]]


def test_those_who_say_nothing_and_those_who_drip_are_cut_when_patience_is_over(hasty: Place) -> None:
    with ExitStack() as stack:
        silent, dripping, answered = (stack.enter_context(closing(hasty.call())) for _ in range(3))
        answered.sendall(PUSH)
        assert answer(answered) == b"202"
        with pytest.raises(OSError):  # noqa: PT011 - reset, or a broken pipe
            drip(dripping, 15)
        assert is_over(silent)
        assert is_over(answered)
    assert hasty.honest() == 202


def test_slow_ones_that_take_every_connection_keep_nobody_out(place: Place) -> None:
    threads = threading.active_count()
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(place.call())) for _ in range(CONNECTIONS * 2)]
        for it in slow[-CONNECTIONS + 10 :]:
            it.sendall(b"POST /")
        for _ in range(5):
            assert place.honest() == 202
        assert threading.active_count() == threads
        assert is_over(slow[0]), "the oldest gave way"
    assert place.came == ["main"] * 5


def test_a_flood_of_connections_that_end_at_once_leaves_nothing(place: Place) -> None:
    for n in range(300):
        with closing(place.call()) as it:
            if n % 3:
                it.sendall(PUSH[: n % 60])
            if n % 2:  # not by a farewell but by a cut
                it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert place.honest() == 202
    assert not place.log.named("push_listener_failed")


def test_nothing_of_a_request_is_logged(place: Place) -> None:
    place.honest()
    with closing(place.call()) as it:
        it.sendall(b"POST /secret-of-somebody HTTP/1.1\r\n\r\nforged: \x1b[31m")
        assert answer(it) == b"404"
    assert [event for event, _ in place.log.events] == ["push_served"]


def test_closed_it_listens_no_more_and_opened_again_it_does() -> None:
    place = Place()
    address = place.address
    with closing(place.call()) as it:
        it.sendall(b"POST")
        place.receiver.close()
        assert is_over(it), "whoever was there is sent away"
    assert place.receiver.port is None
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address)
    assert place.receiver.ensure()
    assert place.honest() == 202
    place.receiver.close()
    place.receiver.close()


def test_a_port_in_use_is_said_once_and_tried_again() -> None:
    log = Log()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        made = Receiver(
            "127.0.0.1", taken.getsockname()[1], lambda _: Answer(HTTPStatus.NOT_FOUND), SystemClock(), log
        )
        assert [made.ensure(), made.ensure()] == [False, False]
        assert "in use" in made.unserved
        assert len(log.named("push_unserved")) == 1
    assert made.ensure()
    assert made.unserved == ""
    assert not made.ensure(), "it has not just begun"
    made.close()


def test_a_bug_in_judging_ends_nothing_but_the_listening_and_it_begins_anew() -> None:
    bugs = [ValueError("a bug")]

    def judge(_: bytes) -> Answer:
        if bugs:
            raise bugs.pop()
        return Answer(HTTPStatus.NOT_FOUND)

    log = Log()
    made = Receiver("127.0.0.1", 0, judge, SystemClock(), log)
    made.ensure()
    with closing(socket.create_connection(("127.0.0.1", made.port or 0))) as it:
        it.sendall(b"POST / HTTP/1.1\n")
        assert is_over(it)
    until(lambda: log.named("push_listener_failed"))
    until(made.ensure)
    assert httpx.post(f"http://127.0.0.1:{made.port}/").status_code == 404
    made.close()


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + patience(10)
    while not holds():
        assert time.monotonic() < end
        select.select([], [], [], 0.01)


class Exhausted(socket.socket):
    """A listening socket of a process without descriptors, for a while."""

    until = 0.0
    asked = 0

    def accept(self) -> tuple[socket.socket, Any]:
        type(self).asked += 1
        if time.monotonic() < self.until:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_without_descriptors_it_rests_rather_than_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REST", 0.05)
    monkeypatch.setattr(Exhausted, "until", time.monotonic() + 0.4)
    monkeypatch.setattr(Exhausted, "asked", 0)
    listening = Exhausted(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.settimeout(0)
    port = listening.getsockname()[1]
    made = Receiver("127.0.0.1", 0, lambda line: judge(line, {"main": TOKEN}), SystemClock(), log := Log())
    loop = listener._Loop(listening, made._respond, SystemClock(), log, made._options)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        assert httpx.post(f"http://127.0.0.1:{port}/{TOKEN}").status_code == 202
        assert 2 <= Exhausted.asked <= 12
        assert len(log.named("push_short")) == 1
    finally:
        loop.stop()
        thread.join()
