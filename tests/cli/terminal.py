"""A command run on a terminal of its own."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress


def on_terminal(
    *arguments: str, columns: int = 80, until: Callable[[str], bool] = lambda _: False, lines: int = 40
) -> tuple[int, str]:
    """The exit code, and what `syncd` drew. Once `until` is true of that, Ctrl-C is typed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-m", "syncd", *arguments],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take_terminal,  # noqa: PLW1509
        env=environment,
    )  # fmt: skip
    os.close(slave)
    drawn, typed = b"", False
    with suppress(OSError):  # how a terminal ends
        while piece := os.read(master, 10_000):
            drawn += piece
            if not typed and until(drawn.decode(errors="replace")):
                os.write(master, b"\x03")
                typed = True
    os.close(master)
    return process.wait(), drawn.decode().replace("\r\n", "\n")
