"""A terminal in a test: a command runs on it, and what stands on its screen is text."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

_PIECES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b")
PATIENCE = 60.0
"""Seconds that a screen may take: the machine may be busy."""


class Screen:
    """A command on a terminal of its own; `lines` is what a person would see, scrolled lines included."""

    def __init__(self, *arguments: str, columns: int = 80, environment: dict[str, str] | None = None) -> None:
        """`arguments`: of `syncd`."""
        us, them = pty.openpty()
        fcntl.ioctl(them, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        given = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
        given |= {"PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", **(environment or {})}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "syncd", *arguments], stdin=them, stdout=them, stderr=them, env=given,
            start_new_session=True, preexec_fn=_take_terminal,  # noqa: PLW1509 - no other thread of ours runs
        )  # fmt: skip
        os.close(them)
        self._us, self._columns = us, columns
        self.raw = ""

    def until(self, seen: Callable[[str], object]) -> str:
        """Read until the screen's text satisfies `seen`; return the text then."""
        end = time.monotonic() + PATIENCE
        while not seen(text := self.text()):
            assert self._read(end), f"the command ended with this on its screen:\n{text}"
        return text

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._us, b"\x03")

    def end(self) -> tuple[int, str]:
        """Wait for the command's end; return its exit code and the last screen."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        os.close(self._us)
        return self._process.wait(PATIENCE), self.text()

    def text(self) -> str:
        """Return what the screen shows."""
        return "\n".join(screen_of(self.raw, self._columns)).rstrip()

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._us], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            self._process.kill()
            raise AssertionError(f"nothing new came for a long time; the screen:\n{self.text()}")
        try:
            piece = os.read(self._us, 65536)
        except OSError:  # the other end is closed
            return False
        self.raw += piece.decode(errors="replace")
        return bool(piece)


def screen_of(written: str, columns: int) -> list[str]:
    """Draw what a program wrote: line breaks, returns, moves up, erased lines, and lines that wrap at the edge."""
    lines, row, column = [""], 0, 0
    for piece in _PIECES.findall(written):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row += 1
        elif piece.startswith("\x1b["):
            number = int(re.sub(r"\D", "", piece) or 1)
            row = max(0, row - number) if piece.endswith("A") else row
            if piece.endswith("K"):
                lines[row] = ""
        else:
            for char in piece:
                if column >= columns:
                    row, column = row + 1, 0
                while len(lines) <= row:
                    lines.append("")
                lines[row] = lines[row].ljust(column)[:column] + char + lines[row][column + 1 :]
                column += 1
        while len(lines) <= row:
            lines.append("")
    return [line.rstrip() for line in lines]


def _take_terminal() -> None:
    """Make stdin the controlling terminal, so that Ctrl-C on it is a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
