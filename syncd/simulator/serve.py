"""The simulator on a socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.simulator.app import create_app
from syncd.simulator.options import Options
from syncd.simulator.request_log import logged
from syncd.simulator.world import World
from syncd.simulator.wsgi import serve_app, served

TICK = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Running:
    """A served simulator: its base URL without a path, and its world."""

    url: str
    world: World


def serve(
    options: Options,
    host: str = "127.0.0.1",
    port: int = 8400,
    ready: Callable[[str], None] | None = None,
    log: Callable[[str], None] | None = None,
) -> None:
    """Serve a new world until Ctrl-C or SIGTERM. Raises OSError if the address is not available.

    The port 0 means any. `ready` is called with the base URL when the socket accepts connections; `log` gets a line for each
    request.
    """
    world = World(options)
    app = create_app(options, world=world)
    with _clock(world):
        serve_app(logged(app, log) if log else app, host, port, ready)


@contextmanager
def running(
    options: Options, port: int = 0, *, world: World | None = None, now: Callable[[], float] = time.time
) -> Iterator[Running]:
    """Serve on loopback from a thread until the `with` block ends. Raises OSError if the port is taken.

    The port 0 means any. `world` is a state with its own options and clock; without one, `options` and `now` make a new one.
    """
    world = world or World(options, now)
    with served(create_app(world.options, world=world), port=port) as url, _clock(world):
        yield Running(url, world)


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
