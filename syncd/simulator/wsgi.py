"""A WSGI program on a socket, by waitress."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import create_server, wasyncore

THREADS = 8


def serve_app(app: WSGIApplication, host: str, port: int, ready: Callable[[str], None] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises OSError if the address is not available.

    The port 0 means any. `ready` is called with the base URL when the socket accepts connections.
    """
    server, url = _server(app, host, port, THREADS)
    with _exit_on_sigterm():
        try:
            if ready:
                ready(url)
            server.run()  # returns after SystemExit or KeyboardInterrupt
        except (SystemExit, KeyboardInterrupt):
            server.task_dispatcher.shutdown()
        finally:
            wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001 - waitress closes one socket, not all


@contextmanager
def served(app: WSGIApplication, *, port: int = 0, threads: int = THREADS) -> Iterator[str]:
    """Serve on loopback from a thread until the `with` block ends; yield the base URL. Raises OSError if the port is taken.

    The port 0 means any.
    """
    server, url = _server(app, "127.0.0.1", port, threads)
    thread = threading.Thread(target=server.run, name=url, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        _stop(server, thread)


def _server(app: WSGIApplication, host: str, port: int, threads: int) -> tuple[Any, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    server = create_server(app, sockets=[listening], threads=threads, ident="")
    shown = f"[{host}]" if ":" in host else host
    return server, f"http://{shown}:{listening.getsockname()[1]}"


def _stop(server: Any, thread: threading.Thread) -> None:
    """Stop a server that runs in a thread, and close its sockets.

    The workers stop first, because they still wake the loop through a pipe. The loop ends when it has no sockets; closing
    them earlier would let a worker write into a reused file descriptor.
    """
    sockets: dict[int, Any] = {}

    def leave() -> None:
        sockets.update(server._map)  # noqa: SLF001 - waitress closes one socket, not all
        server._map.clear()  # noqa: SLF001

    server.task_dispatcher.shutdown()
    server.trigger.pull_trigger(leave)
    thread.join()
    wasyncore.close_all(sockets, ignore_all=True)


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block. Only the main thread can set a signal handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
