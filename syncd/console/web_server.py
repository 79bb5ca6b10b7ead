"""The console on a socket: its own, or one that systemd hands over; in the latter case it leaves when nobody comes."""

import os
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import create_server, wasyncore

from syncd.clock import Clock
from syncd.console.guard import LARGEST_BODY
from syncd.settings.console_values import ConsoleListen
from syncd.sockets import listen

THREADS = 4
CONNECTIONS = 32
PATIENCE = 30
"""Seconds that a connection may say nothing."""
IDLE = 900.0
"""Seconds without a visit after which a console that systemd started leaves; its next visitor starts it again."""
_FIRST_FD = 3
_HEAD = 16 << 10


class ListenError(Exception):
    """The console cannot listen. Its text says where, and why."""


def handed_over() -> socket.socket | None:
    """Return the listening socket that systemd handed to this process; None if there is none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    os.set_inheritable(_FIRST_FD, False)  # noqa: FBT003
    return socket.socket(fileno=_FIRST_FD)


def bound_to(at: ConsoleListen) -> socket.socket:
    """Bind the address or the Unix socket of the settings. Raises ListenError."""
    if at.socket:
        return _unix(Path(at.socket))
    found = listen(at.host, at.port)
    if isinstance(found, str):
        raise ListenError(f"The console cannot listen on {at}: {found}.")
    return found


def _unix(path: Path) -> socket.socket:
    """Bind a Unix socket for its owner and group; one that nobody listens on any more is replaced."""
    made = socket.socket(socket.AF_UNIX)
    try:
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode) and not _answers(path):
                path.unlink()
        before = os.umask(0o117)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
        made.listen()
    except OSError as error:
        made.close()
        raise ListenError(f"The console cannot listen on {path}: {error.strerror}.") from None
    return made


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def port_of(listening: socket.socket) -> int:
    """Return the port of a socket; 0 for a Unix socket."""
    return 0 if listening.family == socket.AF_UNIX else int(listening.getsockname()[1])


class LastVisit:
    """The instant of the last request, and the wait for a time without one."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._at = clock, clock.monotonic()

    def note(self) -> None:
        """Note a request."""
        self._at = self._clock.monotonic()

    def wait_for_none(self, seconds: float) -> bool:
        """Wait until there was none for so long; return False if the clock was stopped before."""
        never = threading.Event()
        while (left := self._at + seconds - self._clock.monotonic()) > 0:
            self._clock.wait(never, left)
            if self._clock.stopping:
                return False
        return True


def serve(app: WSGIApplication, listening: socket.socket, *, proxied: bool, idle: LastVisit | None) -> None:
    """Serve until Ctrl-C or SIGTERM, or until nobody comes if `idle` is given. `proxied`: headers of a proxy are kept."""
    server: Any = create_server(
        app, sockets=[listening], threads=THREADS, ident=None, connection_limit=CONNECTIONS, channel_timeout=PATIENCE,
        cleanup_interval=PATIENCE // 3, max_request_header_size=_HEAD, max_request_body_size=LARGEST_BODY,
        clear_untrusted_proxy_headers=not proxied, expose_tracebacks=False,
    )  # fmt: skip
    if idle is not None:
        threading.Thread(target=_leave_when_idle, args=(idle,), name="idle", daemon=True).start()
    with _exit_on_sigterm():
        try:
            server.run()  # returns after SystemExit or KeyboardInterrupt
        except (SystemExit, KeyboardInterrupt):
            server.task_dispatcher.shutdown()
        finally:
            wasyncore.close_all(server._map, ignore_all=True)  # noqa: SLF001 - waitress closes one socket, not all


def _leave_when_idle(idle: LastVisit) -> None:
    if idle.wait_for_none(IDLE):
        os.kill(os.getpid(), signal.SIGTERM)


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
