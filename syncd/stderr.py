"""Standard error, which may be gone, full, or read by nobody: the program never waits for it.

Its lines are for people, and leads must not wait for them. So a line that cannot be written is lost and counted. A pipe that
nobody empties is waited for once, and then no more until it takes something again. Nothing stays in a buffer: the
interpreter flushes it at its end, which would fail again and change the exit code.

A terminal is written to as usual: a person who stops its output wants that.
"""

import os
import select
import stat
from contextlib import suppress
from typing import TextIO

PATIENCE = 2.0
"""Seconds that a reader may take before lines are lost."""

_PIECE = 4096
"""Bytes: a pipe that says it is ready takes so many without blocking (pipe(7), PIPE_BUF)."""

_STUCK: set[int] = set()
"""Descriptors that were waited for in vain."""


class Outlet:
    """A stream; for one thread at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._asked = None if self._fd is None or _is_file(self._fd) else select.poll()
        if self._asked is not None and self._fd is not None:
            self._asked.register(self._fd, select.POLLOUT)
        self._torn = False

    def write(self, text: str) -> bool:
        """Write a text; return True if all of it was written. Raises nothing that the stream can cause."""
        if self._fd is None:
            with suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
                return True
            return False
        data = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        left = memoryview(b"\n" + data if self._torn else data)
        whole = len(left)
        while left:
            try:
                taken = os.write(self._fd, left[:_PIECE]) if self._is_ready() else 0
            except BlockingIOError:  # somebody made it non-blocking
                taken = 0
            except OSError:
                return False
            if not taken:
                self._torn = self._torn or len(left) < whole
                return False
            left = left[taken:]
        self._torn = False
        return True

    def _is_ready(self) -> bool:
        if self._asked is None or self._fd is None:
            return True
        ready = bool(self._asked.poll(0 if self._fd in _STUCK else PATIENCE * 1000))
        (_STUCK.discard if ready else _STUCK.add)(self._fd)
        return ready


def put(stream: TextIO, text: str) -> None:
    """Write to a stream once, if that is possible."""
    with suppress(OSError, ValueError):
        stream.flush()
        Outlet(stream).write(text)


def _descriptor(stream: TextIO) -> int | None:
    """The stream's descriptor; None for a terminal, and for what has none."""
    with suppress(OSError, ValueError, AttributeError):
        return None if stream.isatty() else stream.fileno()
    return None


def _is_file(fd: int) -> bool:
    with suppress(OSError):
        return stat.S_ISREG(os.fstat(fd).st_mode)
    return False
