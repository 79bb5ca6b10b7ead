"""Runs of syncd, each forked from one process that has imported it: the side of the tests."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.proof.crash.shim import preload
from tests.proof.crash.shim.preload import Call, Kill

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
"""Seconds after which a run hangs."""
METADATA = "Metadata-Version: 2.1\nName: create-only\nVersion: 1\n"
ENTRY_POINTS = "[syncd.connectors]\ncreate_only = tests.proof.crash.shim.create_only:CreateOnlyConnector\n"


class Watch(NamedTuple):
    """What the shim is armed with: which folder, when to die, where to log; `faults`: the page that says what fails."""

    folder: Path
    kill: Kill | None = None
    log: Path | None = None
    faults: Path | None = None


class Ended(NamedTuple):
    """How a run ended: exit code, or minus the signal's number; what was counted; what it said."""

    code: int
    calls: list[Call]
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Started(NamedTuple):
    """A run under way."""

    pid: int
    note: Path
    said: Path


class Forks:
    """`run` commands, one after the other, in a child; `start` and `ended` when something is to be done meanwhile."""

    def __init__(self, folder: Path, shim: Path, faults: Path | None = None) -> None:
        """Start the process. `folder`: for what is said and noted; `faults`: a library to preload too."""
        self._folder, self._number, self._heard = folder, 0, b""
        self._shim, self._faults = shim, faults
        with (folder / "forking").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.proof.crash.forking"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(_installed(folder / "packages")),
                cwd=folder,
            )

    @property
    def pid(self) -> int:
        """Of the process that forks."""
        return self._process.pid

    def warm(self, config: Path, *commands: Sequence[str]) -> None:
        """Have the process run these commands itself: what is made once is made before it forks."""
        self._order({"commands": _with(config, commands)})
        assert self._answer() == "ready"

    def _environment(self, packages: Path) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SYNCD_")}
        return own | {
            "LD_PRELOAD": " ".join(str(it) for it in (self._faults, self._shim) if it),
            "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(
        self,
        config: Path,
        *commands: Sequence[str],
        watch: Watch | None = None,
        plants: Sequence[str] = (),
        limits: Mapping[str, int] | None = None,
    ) -> Started:
        """Fork a child. `plants`: names of `forking.PLANTS`; `limits`: of its resources, by name, such as `NOFILE`."""
        self._number += 1
        note, said = self._folder / f"{self._number}.note", self._folder / f"{self._number}.said"
        preload.blank(note)
        armed = {
            "watch": str(watch.folder) if watch else "",
            "kill": watch.kill if watch else None,
            "log": str(watch.log) if watch and watch.log else "",
        }
        files = {"note": str(note), "said": str(said), "shim": str(self._shim)}
        faults = [str(self._faults), str(watch.faults)] if watch and watch.faults else None
        differing = {"plants": list(plants), "limits": dict(limits or {}), "faults": faults}
        self._order({"commands": _with(config, commands), **differing, **armed, **files})
        return Started(int(self._answer()), note, said)

    def ended(self, started: Started) -> Ended:
        """Wait for its end. Raises AssertionError when it hangs."""
        try:
            code = int(self._answer())
        except TimeoutError:
            os.kill(started.pid, signal.SIGABRT)
            self._answer()
            raise AssertionError(f"it hangs: {started.said.read_text(errors='replace')}") from None
        said = started.said.read_text(errors="replace") if started.said.exists() else ""
        ended = Ended(code, preload.calls(started.note), said)
        started.note.unlink()
        started.said.unlink(missing_ok=True)
        return ended

    def run(
        self,
        config: Path,
        *commands: Sequence[str],
        watch: Watch | None = None,
        plants: Sequence[str] = (),
        limits: Mapping[str, int] | None = None,
    ) -> Ended:
        """`start` and `ended`."""
        return self.ended(self.start(config, *commands, watch=watch, plants=plants, limits=limits))

    def over(self, seconds: float) -> bool:
        """Whether the run that was started last ends within so many seconds."""
        return b"\n" in self._heard or self._readable(seconds)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def _order(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        while b"\n" not in self._heard:
            if not self._readable(PATIENCE):
                raise TimeoutError
            got = os.read(self._process.stdout.fileno(), 4096)
            assert got, (self._folder / "forking").read_text()
            self._heard += got
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def _readable(self, seconds: float) -> bool:
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], seconds)[0])


def _with(config: Path, commands: Sequence[Sequence[str]]) -> list[list[str]]:
    return [["--config", str(config), *command] for command in commands]


def _installed(packages: Path) -> Path:
    """What `pip install` would leave of a plugin whose module is here."""
    info = packages / "create_only-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return packages
