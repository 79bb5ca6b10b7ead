"""The simulator on a socket, served by waitress."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from waitress import create_server, wasyncore

from syncd.simulator.app import create_app
from syncd.simulator.options import Options
from syncd.simulator.world import World

THREADS = 8
TICK = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Running:
    """A served simulator: its base URL without a path, and its world."""

    url: str
    world: World


def serve(
    options: Options, host: str = "127.0.0.1", port: int = 8400, ready: Callable[[str], None] | None = None
) -> None:
    """Serve a new world until Ctrl-C or SIGTERM. Raises OSError if the address is not available.

    The port 0 means any. `ready` is called with the base URL when the socket accepts connections.
    """
    world = World(options)
    server, url = _server(world, host, port)
    with _exit_on_sigterm(), _clock(world):
        try:
            if ready:
                ready(url)
            server.run()  # returns after SystemExit or KeyboardInterrupt
        except (SystemExit, KeyboardInterrupt):
            server.task_dispatcher.shutdown()
        finally:
            wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001 - waitress closes one socket, not all


@contextmanager
def running(
    options: Options, port: int = 0, *, world: World | None = None, now: Callable[[], float] = time.time
) -> Iterator[Running]:
    """Serve on loopback from a thread until the `with` block ends. Raises OSError if the port is taken.

    The port 0 means any. `world` is a state with its own options and clock; without one, `options` and `now` make a new one.
    """
    world = world or World(options, now)
    server, url = _server(world, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, name="ctgo-simulator", daemon=True)
    thread.start()
    try:
        with _clock(world):
            yield Running(url, world)
    finally:
        _stop(server, thread)


def _server(world: World, host: str, port: int) -> tuple[Any, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    app = create_app(world.options, world=world)
    server = create_server(app, sockets=[listening], threads=THREADS, ident="")
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
def _clock(world: World) -> Iterator[None]:
    """Advance the world in a thread while somebody observes syncs."""
    over = threading.Event()

    def move() -> None:
        while not over.wait(TICK):
            if world.sync_observers:
                world.advance()

    thread = threading.Thread(target=move, name="ctgo-clock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
