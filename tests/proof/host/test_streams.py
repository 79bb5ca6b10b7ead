"""What the program says, to somebody who is gone, or does not read: leads do not wait for it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.proof.crash.scene import SHEET, Plan, Scene
from tests.proof.crash.stage import Stage
from tests.proof.figures import record
from tests.proof.host.living import SOON
from tests.support.patience import patience

FILE = Plan("into a file", frozenset({SHEET}))
ONCE, DAEMON = ("--once",), ()
CLOSING = 'import os, sys; [os.close(int(fd)) for fd in sys.argv[1].split(",")]; os.execv(sys.argv[2], sys.argv[2:])'


def command(scene: Scene, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "syncd", "--config", str(scene.config), *arguments]


@contextmanager
def running(scene: Scene, arguments: Sequence[str], said: Any) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command(scene, arguments), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until_done(scene: Scene, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + patience(SOON)
    while not scene.done:
        assert time.monotonic() < end, "it waits for somebody to read"
        if process.poll() is not None:
            assert scene.done, process.returncode
        time.sleep(0.01)


def fill(pipe: int) -> bytes:
    """Write until it takes no more; what was written."""
    written = b""
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        while True:
            written += b"." * os.write(pipe, b"." * 4096)
    os.set_blocking(pipe, True)
    return written


@pytest.mark.parametrize("closed", ["2", "0,1,2"])
def test_streams_that_are_closed_are_nobodys_file(stage: Stage, closed: str) -> None:
    """The next file that is opened would have their number, and hear what is said."""
    with stage.scene(FILE) as scene:
        ran = subprocess.run(
            [sys.executable, "-c", CLOSING, closed, *command(scene, ONCE)],
            capture_output=True,
            timeout=patience(SOON),
            check=False,
        )
        assert ran.returncode == 0, ran
        scene.check_end()
        assert scene.broken == []
    record("host", {"points": 1, "streams": 1})


def test_a_reader_that_is_gone_costs_neither_leads_nor_the_exit_code(stage: Stage) -> None:
    with stage.scene(FILE) as scene:
        reads, said = os.pipe()
        os.close(reads)
        with running(scene, ONCE, said) as process:
            os.close(said)
            assert process.wait(patience(SOON)) == 0
        scene.check_end()
        assert scene.broken == []
    record("host", {"points": 1, "streams": 1})


def test_a_log_on_a_full_disk_costs_neither_leads_nor_the_exit_code(stage: Stage) -> None:
    with stage.scene(FILE) as scene, Path("/dev/full").open("wb") as full:
        with running(scene, ONCE, full) as process:
            assert process.wait(patience(SOON)) == 0
        scene.check_end()
        assert scene.broken == []
    record("host", {"points": 1, "streams": 1})


def test_a_reader_that_does_not_read_holds_up_nothing_and_is_told_what_it_missed(stage: Stage) -> None:
    with stage.scene(FILE) as scene:
        reads, said = os.pipe()
        before = fill(said)
        with running(scene, DAEMON, said) as process:
            os.close(said)
            until_done(scene, process)
            read = b""
            while len(read) < len(before):
                read += os.read(reads, 65536)
            assert read == before, "nothing of a line was written that had no room"
            process.terminate()
            assert process.wait(patience(10.0)) == 0
            read = b""
            while piece := os.read(reads, 65536):
                read += piece
        os.close(reads)
        assert b'"event": "log_lines_lost"' in read.splitlines()[0]
        assert b"daemon_stopping" in read
        scene.check_end()
        assert scene.broken == []
    record("host", {"points": 1, "streams": 1})
