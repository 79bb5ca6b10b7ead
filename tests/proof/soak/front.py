"""The remotes on loopback, each behind the weather: what a request meets is what `tests.proof.simulation.weather` has, on a socket."""

import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.proof.simulation.network import App, Reply, carried_out, spoilt
from tests.proof.simulation.weather import FAULTS, Fault, Spell, Weather, body_of, headers_of

LATE = 40.0
"""Seconds for which an answer that is late keeps its caller waiting; the clients give up before."""
SLOW = 3.0
"""Seconds over which a slow answer is spread."""


class Skies:
    """The weather of all remotes, asked from many threads. `met`: how often each remote met each kind; `mistakes`: those of the remotes."""

    def __init__(self, chance: random.Random) -> None:
        self._weather, self._lock = Weather(chance), threading.Lock()
        self.met: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.mistakes: list[str] = []

    def add(self, spells: Iterable[Spell]) -> None:
        with self._lock:
            self._weather.add(spells)

    def clear(self) -> None:
        with self._lock:
            self._weather.clear()

    def fault(self, far: str) -> Fault | None:
        """What the next request to a remote meets; None: nothing."""
        with self._lock:
            kind = self._weather.kind(far, time.monotonic())
            self.requests[far] += 1
            if not kind:
                return None
            self.met[f"{far} {kind}"] += 1
        return FAULTS[kind]


class Front(ThreadingHTTPServer):
    """One remote, served from threads until `stop`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, far: str, app: App, skies: Skies, guard: AbstractContextManager[object]) -> None:
        """`guard`: held while the app carries a request out, by whoever looks into the remote meanwhile."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.far, self.app, self.skies, self.guard = far, app, skies, guard
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.over = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, name=f"front-{far}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.over.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the library calls it
        """A client that was killed has hung up; anything else is a mistake of the remote's, and must not pass for trouble."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.skies.mistakes.append(f"{self.far}: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the library calls it
        """Nothing."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.skies.fault(self.server.far)
        if fault is not None and fault.trouble and not fault.applied:
            self._say_nothing(fault)
            return
        reply = None
        if fault is None or fault.applied:
            url = urlsplit(self.server.url + self.path)
            with self.server.guard:
                reply = carried_out(self.server.app, self.command, url, dict(self.headers), body)
        if fault is not None and fault.trouble:
            self._say_nothing(fault)
        elif fault is not None and fault.status:
            told = Reply(fault.status, headers_of(fault, time.time()), body_of(fault, self.server.far))
            self._say(told, 0.0)
        elif reply is not None:
            answer = reply if fault is None else spoilt(reply, fault.spoilt)
            self._say(answer, SLOW if fault is not None and fault.spoilt == "slow" else 0.0)

    def _say_nothing(self, fault: Fault) -> None:
        if fault.trouble == "late":
            self.server.over.wait(LATE)
        self._hang_up()

    def _say(self, reply: Reply, seconds: float) -> None:
        """The answer; with a body cut off in its middle when it says so, and dripping when it takes its time."""
        self.send_response(reply.status)
        length = len(reply.data) * 2 if reply.cut else len(reply.data)
        for name, value in reply.headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        parts = 10 if seconds else 1
        size = -(-len(reply.data) // parts) or 1
        for begin in range(0, len(reply.data), size):
            if seconds:
                self.server.over.wait(seconds / parts)
            self.wfile.write(reply.data[begin : begin + size])
            self.wfile.flush()
        if reply.cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
