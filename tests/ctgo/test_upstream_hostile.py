"""What a hostile or broken server on a real socket can do: fail a call within its deadline and its bounds."""

import gzip
import json
import socket
import struct
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from syncd.clock import SystemClock
from syncd.core.failure import Pause
from syncd.ctgo.exchange import Signals
from syncd.http.network import deadline, within
from tests.ctgo.remote import Script, client_of, failure_of, reply, served

PAGE = json.dumps({"leads": [], "total": 0, "hasMore": False}).encode()
SHORT = 0.3


def drip(head: bytes, piece: bytes) -> Script:
    """Sends `head`, then `piece` again and again, far more often than any read would time out."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head)
        while not over.wait(0.02):
            connection.sendall(piece)

    return script


def flood(head: bytes, piece: bytes) -> Script:
    """Sends `head`, then `piece` as fast as it is taken."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head)
        while not over.is_set():
            connection.sendall(piece)

    return script


def once(answer: bytes) -> Script:
    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)

    return script


def silence(_: socket.socket, over: threading.Event) -> None:
    over.wait()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SLOW: dict[str, Script] = {
    "silence": silence,
    "a drip of status line": drip(b"", b"H"),
    "a drip of header bytes": drip(OK + b"X-Slow: ", b"x"),
    "a drip of headers": drip(OK, b"X-Slow: x\r\n"),
    "a drip of interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a drip of body": drip(OK + b"Content-Length: 99999\r\n\r\n", b" "),
    "a drip of chunks": drip(CHUNKED, b"1\r\n \r\n"),
    "a drip of gzip": drip(
        OK + b"Content-Encoding: gzip\r\nContent-Length: 99999\r\n\r\n" + gzip.compress(b"")[:10], b"\0"
    ),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_a_slow_answer_ends_by_the_deadline(script: Script) -> None:
    seen = list[Signals]()
    with served(script) as base_url, client_of(base_url, seen, total_timeout=SHORT) as client:
        began = time.monotonic()
        failure = failure_of(lambda: client.leads(since=None))
        assert time.monotonic() - began < SHORT + 1.0
    assert isinstance(failure, Pause)
    assert failure.code in {"unreachable", "unexpected_answer"}
    assert failure.unexplained
    assert len(seen) == 1


class Stopped(SystemClock):
    def monotonic(self) -> float:
        return 43200.0


def test_an_operation_gets_no_more_than_what_is_left_of_the_deadline() -> None:
    assert within(30.0, TimeoutError) == 30.0
    with deadline(Stopped(), 5.0):
        assert [within(timeout, TimeoutError) for timeout in (30.0, 2.0, None)] == [5, 2, 5]
    with deadline(Stopped(), 0.0), pytest.raises(TimeoutError):
        within(30.0, TimeoutError)


def test_the_sentence_tells_of_the_time_out() -> None:
    with served(silence) as base_url, client_of(base_url, total_timeout=SHORT) as client:
        failure = failure_of(lambda: client.leads(since=1.0, lifecycle="new"))
    assert "127.0.0.1" in failure.detail
    assert "within 0.3 s" in failure.detail
    assert "lifecycle" not in failure.detail


ENDLESS: dict[str, Script] = {
    "header": flood(OK + b"X-Long: ", b"x" * 65536),
    "headers": flood(OK, b"X-More: x\r\n" * 1000),
    "body": flood(OK + b"Content-Length: 999999999999\r\n\r\n", b" " * 65536),
    "chunks": flood(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "body until closed": flood(OK + b"\r\n", b" " * 65536),
}


@pytest.mark.parametrize("script", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_endless_answer_is_refused(script: Script) -> None:
    with served(script) as base_url, client_of(base_url, max_bytes=256 * 1024) as client:
        failure = failure_of(lambda: client.leads(since=None))
    assert failure.code in {"unexpected_answer", "unreachable"}
    assert "within" not in failure.detail, "it was refused, not waited for"


def test_a_gzip_bomb_takes_no_more_memory_than_the_cap() -> None:
    bomb = gzip.compress(b" " * 200_000_000)
    cap = 1024 * 1024
    answer = reply(bomb, "HTTP/1.1 200 OK", "Content-Encoding: gzip")
    with served(once(answer)) as base_url, client_of(base_url, max_bytes=cap) as client:
        tracemalloc.start()
        try:
            failure = failure_of(lambda: client.leads(since=None))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert failure.code == "unexpected_answer"
    assert peak < 4 * cap


def reset(connection: socket.socket, _: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


BROKEN: dict[str, tuple[Script, str]] = {
    "hangs up": (once(b""), "unreachable"),
    "resets the connection": (reset, "unreachable"),
    "breaks off a header": (once(OK + b"Content-"), "unreachable"),
    "breaks off the body": (once(reply(PAGE[:-9], length=len(PAGE))), "unreachable"),
    "breaks off a chunk": (once(CHUNKED + b"ff\r\n{"), "unreachable"),
    "names too small a length": (once(reply(PAGE, length=9)), "unexpected_answer"),
    "names a length that is none": (once(OK + b"Content-Length: many\r\n\r\n" + PAGE), "unreachable"),
    "names two lengths": (once(reply(PAGE, "HTTP/1.1 200 OK", "Content-Length: 3")), "unreachable"),
    "speaks another protocol": (once(b"220 mail.example ESMTP\r\n"), "unreachable"),
    "speaks HTTP/0.9": (once(b"<html>hello"), "unreachable"),
    "switches protocols": (
        once(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        "unreachable",
    ),
    "redirects": (once(reply(b"", "HTTP/1.1 302 Found", "Location: http://127.0.0.1:1/")), "redirected"),
    "redirects nowhere": (once(reply(b"", "HTTP/1.1 302 Found", "Location: http://[")), "redirected"),
    "compresses unasked": (once(reply(PAGE, "HTTP/1.1 200 OK", "Content-Encoding: br")), "unexpected_answer"),
}


@pytest.mark.parametrize(("script", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_a_failure(script: Script, code: str) -> None:
    seen = list[Signals]()
    with served(script) as base_url, client_of(base_url, seen) as client:
        assert failure_of(lambda: client.leads(since=None)).code == code
    assert len(seen) == 1


def test_an_answer_longer_than_it_said_is_not_taken_for_the_next_one() -> None:
    forged = reply(b'{"leads": [], "total": 666}')
    answers = iter([reply(b'{"leads": [' + forged, length=11), reply(PAGE)])

    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(next(answers))

    with served(script) as base_url, client_of(base_url) as client:
        assert failure_of(lambda: client.leads(since=None)).code == "unexpected_answer"
        assert client.leads(since=None).total == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [("429 Slow", "rate_limited"), ("401 No", "key_refused"), ("503 Later", "upstream_unavailable")],
)
def test_a_refusal_counts_even_if_its_body_never_ends(status: str, code: str) -> None:
    head = f"HTTP/1.1 {status}\r\nRetry-After: 9\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    seen = list[Signals]()
    for script in (flood(head, b"400\r\n" + b" " * 1024 + b"\r\n"), drip(head, b"1\r\n \r\n")):
        with served(script) as base_url, client_of(base_url, seen, total_timeout=SHORT) as client:
            assert failure_of(lambda client=client: client.export(1)).code == code  # type: ignore[misc]
    assert [signals.status for signals in seen] == [int(status[:3])] * 2


def test_a_404_whose_body_broke_off_settles_nothing() -> None:
    answer = reply(b'{"err', "HTTP/1.1 404 Not Found", length=30)
    with served(once(answer)) as base_url, client_of(base_url) as client:
        assert failure_of(lambda: client.export(1)).code == "unexpected_answer"


def test_a_refused_connection_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with client_of(f"http://127.0.0.1:{port}") as client:
        failure = failure_of(client.me)
    assert (failure.code, failure.detail) == ("unreachable", f"127.0.0.1:{port} refused the connection.")


def test_a_name_without_an_address_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with client_of("https://nowhere.invalid/api/v2") as client:
        failure = failure_of(client.me)
    assert (failure.code, failure.detail) == (
        "unreachable",
        "The name of nowhere.invalid could not be resolved.",
    )


def test_a_server_without_tls_says_so() -> None:
    with (
        served(once(b"HTTP/1.1 400 Bad Request\r\n\r\n"), end=b"\x16") as base_url,
        client_of(base_url.replace("http:", "https:"), total_timeout=2.0) as client,
    ):
        failure = failure_of(client.me)
    assert failure.code == "unreachable"
    assert "TLS" in failure.detail


def test_a_handshake_that_never_ends_ends_by_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes connections, says nothing
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with client_of(address, total_timeout=SHORT) as client:
            began = time.monotonic()
            failure = failure_of(client.me)
            assert time.monotonic() - began < SHORT + 1.0
    assert failure.code == "unreachable"


def test_the_second_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: str, port: int, *args: int, **options: int) -> object:
        found = real("127.0.0.1", port, *args, **options)
        return (
            [(*found[0][:4], ("127.0.0.2", port)), *found]
            if host == "localhost"
            else real(host, port, *args, **options)
        )

    with served(lambda connection, _: connection.sendall(reply(PAGE))) as base_url:
        monkeypatch.setattr(socket, "getaddrinfo", two)
        with client_of(base_url.replace("127.0.0.1", "localhost")) as client:
            assert client.leads(since=None).total == 0


def test_one_connection_serves_many_calls() -> None:
    peers: set[object] = set()

    def script(connection: socket.socket, _: threading.Event) -> None:
        peers.add(connection.getpeername())
        connection.sendall(reply(PAGE))

    with served(script) as base_url, client_of(base_url) as client:
        for _ in range(5):
            client.leads(since=None)
    assert len(peers) == 1


def test_eight_calls_are_in_flight_at_once() -> None:
    together = threading.Barrier(8, timeout=10.0)

    def script(connection: socket.socket, _: threading.Event) -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait()
            connection.sendall(reply(PAGE))

    seen = list[Signals]()
    with served(script) as base_url, client_of(base_url, seen) as client, ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: client.leads(since=None), range(16)))
    assert [page.total for page in pages] == [0] * 16
    assert len(seen) == 16
