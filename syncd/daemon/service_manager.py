"""Messages to the service manager over `$NOTIFY_SOCKET`, as sd_notify(3) describes it: a datagram of `KEY=value` lines."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from syncd.clock import Clock


class Notifier:
    """Sends messages if a service manager listens. One that cannot be reached changes nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Read the address, and how often a sign of life is expected, from the environment."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog(environ)
        """Seconds within which a sign of life is expected; None: nobody expects one."""
        self.listens = self._address[:1] in {"/", "@"}
        """True if there is a service manager."""
        self._status = ""

    def ready(self) -> None:
        """Report that it runs, or runs again after a reload."""
        self._send("READY=1")

    def status(self, line: str) -> None:
        """Send one line for a person if it changed."""
        if line != self._status:
            self._status = line
            self._send("STATUS=" + " ".join(line.splitlines()))

    def reloading(self, clock: Clock) -> None:
        """Report that a reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={round(clock.monotonic() * 1_000_000)}")

    def stopping(self) -> None:
        """Report that it is going to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Send a sign of life."""
        self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self.listens:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.settimeout(1.0)
                to.sendto(text.encode(), address)
        except OSError:
            return


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """`$WATCHDOG_USEC`, if it is meant for this process."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 or None


ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


@contextmanager
def handling(
    acts: Mapping[signal.Signals, Callable[[], None]], leave: Callable[[int], None] = os._exit
) -> Iterator[None]:
    """Act on signals for as long as this lasts; a second one that ends the program ends it at once.

    Enter before any thread is started, for threads inherit what is blocked.
    """
    over = threading.Event()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, acts)

    def listen() -> None:
        ending = False
        while True:
            number = signal.Signals(signal.sigwait(acts))
            if over.is_set():
                return
            if number in ENDING and ending:
                leave(128 + number)
            ending = ending or number in ENDING
            acts[number]()

    thread = threading.Thread(target=listen, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        signal.pthread_kill(thread.ident or 0, next(iter(acts)))
        thread.join(1.0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
