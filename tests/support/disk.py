"""A small file system of its own, to be filled, or made read-only. It takes root; a test that has none is skipped."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, mebibytes: int = 6) -> Iterator[Path]:
    """Mounted at a folder that is made; skips the test where that is not possible."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or not mount or not umount:
        pytest.skip("mounting a small file system takes root")
    at.mkdir()
    command = [mount, "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "none", str(at)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run([umount, "--lazy", str(at)], check=True)  # a process that is ending may hold it still


def fill(disk: Path, leave: int = 0) -> Path:
    """Take all the room there is but for so many bytes; the file that does."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    # Whoever writes there meanwhile may leave less room than was asked about: the disk is full then as well
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        file.write(b"\0" * max(0, room.f_bavail * room.f_frsize - leave))
    return filler


def remount(disk: Path, how: str) -> None:
    """`ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)  # noqa: S607
