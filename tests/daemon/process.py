"""The daemon as a process of its own, over a simulated CTGO on loopback, with a service manager that listens."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from syncd.simulator import Running
from tests.support.patience import patience

SOON = 20.0
"""Seconds that nothing here should take: two cores are shared by many."""
SHEET = '[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n'


class Process:
    """`start`, then look; `end` says how it ended. What the service manager heard is in `heard`."""

    def __init__(self, folder: Path, ctgo: Running, *, poll: str = "1s", connectors: str = SHEET) -> None:
        self.folder, self.ctgo = folder, ctgo
        self.configure(poll=poll, connectors=connectors)
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._address = f"@syncd-test-{os.getpid()}-{id(self)}"
        self._manager.bind("\0" + self._address[1:])
        self._manager.settimeout(0.0)
        self.heard: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log.jsonl"

    def configure(self, *, poll: str = "1s", connectors: str = SHEET, more: str = "") -> None:
        (self.folder / "config.toml").write_text(
            f'[sources.main]\napi_key = "ctgo_x"\nbase_url = "{self.ctgo.url}/api/v2"\npoll = "{poll}"\n'
            f'requests_per_minute = 6000\n{more}\n{connectors}\n[health]\nlisten = ""\n'
        )

    def start(self, watchdog: float | None = None) -> "Process":
        environ = os.environ | {"NOTIFY_SOCKET": self._address, "PYTHONDONTWRITEBYTECODE": "1"}
        if watchdog:
            environ["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncd", "--config", self.folder / "config.toml"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environ,
            )
        self.until(lambda: "READY=1" in self.listen(), "it is ready")
        return self

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """The exit code, and the seconds that it took."""
        assert self.process is not None
        begin = time.monotonic()
        self.send(number)
        code = self.process.wait(patience(SOON))
        return code, time.monotonic() - begin

    def listen(self) -> list[str]:
        while True:
            try:
                self.heard += self._manager.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def sheet(self) -> list[str]:
        file = self.folder / "leads.csv"
        if not file.exists():
            return []
        with file.open(newline="", errors="replace") as lines:
            return [row["id"] for row in csv.DictReader(lines) if row["id"]]

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Look until it holds."""
        end = time.monotonic() + patience(SOON)
        while not holds():
            assert self.process is None or self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, f"not in time: {what}\n{self._log.read_text()}"
            time.sleep(0.02)

    def close(self) -> None:
        self._manager.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
