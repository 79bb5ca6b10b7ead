"""Messages to the service manager over `$NOTIFY_SOCKET`, as sd_notify(3) describes it: a datagram of `KEY=value` lines."""

import os
import socket
from collections.abc import Mapping

from syncd.clock import Clock


class Notifier:
    """Sends what it is told if anybody listens. A manager that cannot be reached changes nothing."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Read where to, and how often a sign of life is wanted, from the environment."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog(environ)
        """Seconds within which a sign of life is expected; None: nobody expects one."""
        self.listens = self._address[:1] in {"/", "@"}
        """True if there is a service manager."""
        self._status = ""

    def ready(self) -> None:
        """It runs, or runs again after a reload."""
        self._send("READY=1")

    def status(self, line: str) -> None:
        """One line for a person; sent when it changed."""
        if line != self._status:
            self._status = line
            self._send("STATUS=" + " ".join(line.splitlines()))

    def reloading(self, clock: Clock) -> None:
        """A reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={round(clock.monotonic() * 1_000_000)}")

    def stopping(self) -> None:
        """It is going to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """A sign of life."""
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
