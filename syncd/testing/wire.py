"""The conformance suite of a connector that speaks HTTP: servers on loopback that answer as no program should.

    class TestAcmeHttp(HttpContract):
        connector = AcmeConnector

        def options(self, url: str) -> Mapping[str, object]:
            return {"token": "t0ken", "base_url": url}

One lead is delivered to each server. The connector must say what became of it, soon, and send its key nowhere else.
"""

import re
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, NamedTuple, cast

import pytest

from syncd.clock import SystemClock
from syncd.connector import Connector, Delivered, Failure, Halt, Outcome, Pause, Refused, Reject
from syncd.testing.base import demand
from syncd.testing.bench import Bench, ManualClock, Remote

SPEED = 100.0
"""Seconds of a connector's time that pass in one second of a test that must end by a time-out."""
LONGEST = 300.0
"""Seconds of a connector's time in which a call must end."""
MOST = 64 * 1024 * 1024
"""Bytes of an answer without end that a connector may take; the sockets in between take some themselves."""
PROMISE = "HTTP/1.1 200 OK\nContent-Length: 99999999999\n\n"

Script = Callable[[socket.socket, threading.Event], None]


@contextmanager
def scripted(
    script: Script, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[bytes], list[str]]]:
    """Serve `script` for each request that is in. Yields the port, the requests, and the hosts that connected."""
    over, requests, connections = threading.Event(), list[bytes](), list[str]()
    last = set[tuple[str, int]]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                raw, peer = listener.accept()
                if peer in last:
                    raw.close()
                    return
                connections.append(peer[0])
                with suppress(OSError), _wrapped(raw, tls) as connection:
                    while got := _request(connection):
                        requests.append(got)
                        script(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], requests, connections
        finally:
            over.set()
            with socket.socket() as goodbye:  # behind whoever connected and was not met yet
                goodbye.bind(("127.0.0.1", 0))
                last.add(goodbye.getsockname())
                goodbye.connect(listener.getsockname())
                thread.join()


def _request(connection: socket.socket) -> bytes:
    """A whole request; empty when the connection is over."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        if not piece:
            return b""
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _wrapped(raw: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    if tls is None:
        return raw
    with raw:
        return tls.wrap_socket(raw, server_side=True)


def answer(text: str, *, close: bool = True) -> Script:
    """A script that sends a text, its line ends made those of HTTP."""

    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(text.replace("\n", "\r\n").encode())
        if close:
            connection.shutdown(socket.SHUT_RDWR)

    return script


def drip(head: str, piece: bytes = b"x") -> Script:
    """A script that sends a head, and then a piece now and then for ever."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode())
        while not over.wait(0.02):
            connection.sendall(piece)

    return script


def flood(head: str, piece: bytes) -> Script:
    """A script that sends a head, and then pieces for ever, as fast as they are taken."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode())
        while not over.is_set():
            connection.sendall(piece)

    return script


def silence(_: socket.socket, over: threading.Event) -> None:
    """Say nothing for as long as the test lasts."""
    over.wait(30)


class FastClock(ManualClock):
    """A clock that runs `SPEED` times as fast as the real one."""

    def __init__(self) -> None:
        """Begin at noon."""
        super().__init__()
        self._real = SystemClock()
        self._began = self._real.monotonic()

    def monotonic(self) -> float:  # noqa: D102 - as `Clock` says
        return super().monotonic() + (self._real.monotonic() - self._began) * SPEED


class Met(NamedTuple):
    """One delivery to one server: the outcome, the requests, the bytes that the server got rid of, and the seconds."""

    outcome: Outcome | Refused
    requests: list[bytes]
    seconds: float

    @property
    def blind(self) -> bool:
        """True for an outcome that says: nobody knows what became of it."""
        return isinstance(self.outcome, Pause) and self.outcome.unexplained


class HttpContract(ABC):
    """Every claim about the network. Give it `connector` and `options`.

    Attributes:
        connector: the class under test.
        reads_answers: False for a remote that promises a status and nothing else: a 2xx is then a delivery.
        unauthorized: the body of a 401 in the vendor's own words.
    """

    connector: ClassVar[type[Connector]]
    reads_answers: ClassVar[bool] = True
    unauthorized: ClassVar[str] = "{}"

    @abstractmethod
    def options(self, url: str) -> Mapping[str, Any]:
        """Return the options of a connector whose API is at this address on loopback."""

    @pytest.fixture
    def hurried(self, monkeypatch: pytest.MonkeyPatch) -> FastClock:
        """A clock that runs fast, and time-outs of sockets that are as much shorter."""
        plain = socket.socket.settimeout

        def shortened(sock: socket.socket, seconds: float | None) -> None:
            plain(sock, None if seconds is None else seconds / SPEED)

        monkeypatch.setattr(socket.socket, "settimeout", shortened)
        return FastClock()

    def deliver(self, url: str, clock: ManualClock) -> Outcome | Refused:
        """Deliver one lead to an address; return the outcome, also if it is raised."""
        bench = Bench.open(self.connector, self.options(url), cast("Remote", None), clock=clock)
        try:
            (outcome,) = bench.connector.deliver([bench.delivery(1)])
        except (Failure, Refused) as why:
            return why
        finally:
            bench.connector.close()
        return outcome

    def meet(self, script: Script, clock: ManualClock | None = None) -> Met:
        """Deliver one lead to a server that plays a script."""
        clock = clock or ManualClock()
        with scripted(script) as (port, requests, _):
            began = clock.monotonic()
            outcome = self.deliver(f"http://127.0.0.1:{port}", clock)
            return Met(outcome, requests, clock.monotonic() - began)

    def answered(self, status: str, *, headers: str = "", body: str = "") -> Met:
        """Deliver one lead to a server that gives one answer."""
        return self.meet(answer(f"HTTP/1.1 {status}\nContent-Length: {len(body)}\n{headers}\n{body}"))

    @pytest.mark.parametrize(
        "head", ["", "HTTP/1.1 200 OK\nX-Slow: ", PROMISE], ids=["silence", "head", "body"]
    )
    def test_what_has_no_end_ends_by_a_time_out(self, hurried: FastClock, head: str) -> None:
        """A server that says nothing, or a byte now and then: a time-out for each read never ends the latter."""
        met = self.meet(drip(head) if head else silence, hurried)
        demand(
            met.seconds < LONGEST,
            f"a call took {met.seconds:.0f} seconds: give the whole exchange a deadline",
        )
        demand(met.blind, f"after a time-out nobody knows: Pause(…, unexplained=True), not {met.outcome!r}")

    @pytest.mark.parametrize("head", [PROMISE, "HTTP/1.1 200 OK\n\n"], ids=["promised", "unbounded"])
    def test_of_a_body_without_end_little_is_read(self, hurried: FastClock, head: str) -> None:
        """An answer is held in memory, so it needs a bound."""
        taken = 0

        def script(connection: socket.socket, over: threading.Event) -> None:
            nonlocal taken
            connection.sendall(head.replace("\n", "\r\n").encode())
            while not over.is_set():
                taken += connection.send(b"x" * 65536)

        met = self.meet(script, hurried)
        demand(taken < MOST, f"{taken} bytes of an answer were taken: bound what is read")
        if self.reads_answers:
            demand(met.blind, f"an answer that is too large confirms nothing: not {met.outcome!r}")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "HTTP/1.1 200 OK\nContent-Length: 10\n\n{",
            "SSH-2.0-OpenSSH\n",
            "HTTP/1.1 200 OK\nNo colon\n\n",
        ],
        ids=["nothing", "cut", "ssh", "head"],
    )
    def test_an_answer_that_breaks_off_is_no_delivery(self, text: str) -> None:
        """The call may have been carried out, so nobody knows."""
        met = self.meet(answer(text))
        demand(
            met.blind, f"after a broken answer nobody knows: Pause(…, unexplained=True), not {met.outcome!r}"
        )

    @pytest.mark.parametrize("body", ["", "<html>Sign in</html>", "[]", "{}", "nul", "[" * 9999])
    def test_a_success_with_something_else_in_it_is_no_delivery(self, body: str) -> None:
        """A login page answers 200 as well."""
        if not self.reads_answers:
            pytest.skip("the remote promises a status and nothing else")
        met = self.answered("200 OK", body=body)
        demand(met.blind, f"a 200 that confirms nothing is Pause(…, unexplained=True), not {met.outcome!r}")

    def test_a_refused_key_halts_the_lane(self) -> None:
        """Waiting does not help, and no lead is at fault."""
        met = self.answered("401 Unauthorized", body=self.unauthorized)
        demand(isinstance(met.outcome, Halt), f"a 401 in the vendor's words is a Halt, not {met.outcome!r}")

    @pytest.mark.parametrize("status", ["403 Forbidden", "500 Oops", "502 Bad Gateway"])
    def test_a_page_of_something_in_between_blames_nobody(self, status: str) -> None:
        """A firewall or a gateway wrote it, perhaps for what one lead holds."""
        met = self.answered(status, body="<html>No</html>")
        demand(met.blind, f"a bare {status[:3]} is Pause(…, unexplained=True), not {met.outcome!r}")

    def test_too_many_requests_pauses_as_long_as_it_was_asked_to(self) -> None:
        """`Retry-After` is believed."""
        outcome = self.answered("429 Slow Down", headers="Retry-After: 37\n").outcome
        demand(
            isinstance(outcome, Pause) and outcome.after == 37.0 and not outcome.unexplained,  # noqa: PLR2004
            f"a 429 with Retry-After: 37 is Pause(…, after=37.0), not {outcome!r} after {getattr(outcome, 'after', None)}",
        )

    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect"])
    def test_a_redirect_is_not_followed(self, status: str) -> None:
        """It would carry the key to another host."""
        with scripted(answer("HTTP/1.1 200 OK\nContent-Length: 2\n\n{}")) as (port, stray, _):
            met = self.answered(status, headers=f"Location: http://127.0.0.1:{port}/\n")
        demand(not stray, "a redirect was followed, and whoever it leads to has the key")
        demand(
            not isinstance(met.outcome, Delivered | Reject), f"a redirect is no lead's doing: {met.outcome!r}"
        )

    def test_where_nobody_listens_nothing_was_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No proxy is asked to reach this machine, and the next attempt is safe."""
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        outcome = self.deliver(f"http://127.0.0.1:{port}", ManualClock())
        known = isinstance(outcome, Pause) and not outcome.unexplained
        demand(
            known, f"without a connection nothing was sent: a Pause that is not unexplained, not {outcome!r}"
        )

    def test_no_secret_stands_in_an_address(self) -> None:
        """Addresses are logged by whoever stands in between."""
        met = self.answered("500 Oops")
        bench = Bench.open(self.connector, self.options("http://127.0.0.1:9"), cast("Remote", None))
        bench.connector.close()
        lines = [request.partition(b"\r\n")[0] for request in met.requests]
        shown = [secret for secret in bench.secrets if any(secret.encode() in line for line in lines)]
        demand(bool(lines) and not shown, "a secret stands in the address of a request, or none was sent")
