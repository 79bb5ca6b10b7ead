"""Listens, by waitress. An address that cannot be had is said once and tried again: the syncing goes on.

A process that has no descriptor left for another connection lets it wait; waitress would ask for it again and again, and log
a traceback each time.
"""

import errno
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Self
from wsgiref.types import WSGIApplication

from waitress import create_server, wasyncore

from syncd.connector import Logger
from syncd.listening import listen

THREADS = 1
"""For an answer is milliseconds; who sends or reads slowly holds no thread of it, but waitress's buffers."""

IDLE_WAKE = 60
"""Seconds between two wake-ups of an idle server; waitress's own is 1."""

CONNECTIONS = 32

REST = 1.0
"""Seconds without taking connections when the process has no room for one."""
SPARE = 6
"""Descriptors that waitress wants at once for a pipe of its own; it leaves them open when it gets but some."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Serving:
    """A server that is or is not there. `ensure` may be called again and again; `close` ends it."""

    def __init__(self, app: WSGIApplication, host: str, port: int, log: Logger) -> None:
        self._app, self._host, self._port, self._log = app, host, port, log
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._complained = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._short = False

    @property
    def port(self) -> int | None:
        """The port it listens on; None while it does not."""
        return int(self._server.effective_port) if self._server else None

    def ensure(self) -> bool:
        """Listen if that is not so already; whether it is now. Never raises for an address: it logs that, once."""
        with self._lock:
            if self._server is not None:
                return True
            refused = self._listen()
            if refused and not self._complained:
                self._log.warning("health_unserved", detail=refused)
            self._complained = bool(refused)
            return not refused

    def _listen(self) -> str:
        """Begin; or a sentence that says why not."""
        listening = listen(self._host, self._port)
        refused = listening if isinstance(listening, str) else self._serve(listening)
        if refused:
            place = f"{self._host}:{self._port}"
            return f"Health cannot be served on {place}: {refused}. Syncing goes on without, and it is tried again."
        self._log.info("health_served", address=f"{self._host}:{self._server.effective_port}")
        return ""

    def _serve(self, listening: socket.socket) -> str:
        """Begin on a socket; or why not, which closes it."""
        try:
            _demand(listening.fileno(), SPARE)
            server = create_server(
                self._app,
                sockets=[listening],
                threads=THREADS,
                ident="",
                connection_limit=CONNECTIONS,
                channel_timeout=30,
                asyncore_loop_timeout=IDLE_WAKE,
            )
        except OSError as error:
            listening.close()
            return error.strerror or str(error)
        self._closing.clear()
        server.accept = partial(self._accept, server.accept)
        self._server = server
        self._thread = threading.Thread(target=server.run, name="health", daemon=True)
        self._thread.start()
        return ""

    def _accept(self, accept: Callable[[], Any]) -> Any:
        """As waitress's, which takes the next connection; None while there is no room for one."""
        try:
            taken = accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            if not self._short:
                self._log.warning("health_short", detail=error.strerror)
            self._short = True
            self._closing.wait(REST)
            return None
        self._short = False
        return taken

    def close(self) -> None:
        """Stop listening; what is being answered may be cut."""
        self._closing.set()
        with self._lock:
            server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        sockets: dict[int, Any] = {}

        def leave() -> None:
            sockets.update(server._map)  # noqa: SLF001 - waitress closes one socket, not all
            server._map.clear()  # noqa: SLF001

        # First the workers, who still wake the loop. The loop ends when it has no socket left, and only then are they
        # closed: whoever wakes it writes into a pipe, whose number would be another file's by now, the ledger's perhaps.
        server.task_dispatcher.shutdown(timeout=0.5)
        server.trigger.pull_trigger(leave)
        self._thread.join(0.5)
        if not self._thread.is_alive() and not server.task_dispatcher.threads:
            wasyncore.close_all(sockets, ignore_all=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _demand(fd: int, count: int) -> None:
    """Raise OSError unless so many descriptors could be had."""
    had: list[int] = []
    try:
        while len(had) < count:
            had.append(os.dup(fd))
    finally:
        for each in had:
            os.close(each)
