"""What the daemon costs: memory and processor when idle, and how soon after its start it asks for leads.

The yardstick is a bare interpreter that imports the five libraries the daemon cannot do without.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

PYTHON = sys.executable
FIVE = "import httpx, apscheduler, sqlmodel, pydantic_settings, structlog"
ANSWER = b'{"leads": [], "total": 0, "hasMore": false}'
CONFIG = """\
[sources.main]
api_key = "ctgo_x"
base_url = "http://127.0.0.1:{port}/api/v2"

[connectors.sheet]
type = "csv"
path = "leads.csv"

[health]
listen = "127.0.0.1:0"
"""
SETTLE = 25.0
"""Seconds after which a start, and what it gives back, is over."""
IDLE = 120.0

Line = tuple[str, str, str, float, float]
"""Case, ours, theirs, ratio, bar."""


def service_rows(scratch: Path, times: int) -> list[Line]:
    """Every case."""
    return [_first_pull(scratch, times), *_idle(scratch)]


def _first_pull(scratch: Path, times: int) -> Line:
    """From the start of the process to its first request, alternating with a script that imports five and makes one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        get = f"{FIVE}; httpx.get('http://127.0.0.1:{port}/')"
        ours, theirs = list[float](), list[float]()
        for n in range(times + 1):
            ours.append(_until_asked(server, _command(scratch / f"pull-{n}", port)))
            theirs.append(_until_asked(server, [PYTHON, "-c", get]))
    ours, theirs = ours[1:], theirs[1:]  # the first one warms the caches
    ratio = statistics.median(ours) / statistics.median(theirs)
    return ("start to first pull / five imports + GET", _said(ours, "s"), _said(theirs, "s"), ratio, 1.5)


def _until_asked(server: socket.socket, command: Sequence[str | Path]) -> float:
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        took = time.perf_counter() - begin
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
        connection.sendall(b"Content-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    return took


def _idle(scratch: Path) -> list[Line]:
    """Resident memory, and the share of a core over two minutes with a poll a minute."""
    bare = f"{FIVE}; print(open('/proc/self/statm').read().split()[1])"
    said = subprocess.run([PYTHON, "-c", bare], capture_output=True, text=True, check=True).stdout
    theirs = int(said) * os.sysconf("SC_PAGE_SIZE") / 2**20
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        answering = subprocess.Popen(
            [PYTHON, "-m", "tests.benchmarks.service", str(server.fileno())], pass_fds=[server.fileno()]
        )
        daemon = subprocess.Popen(_command(scratch / "idle", port), stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE)
            begun = _cpu(daemon.pid)
            time.sleep(IDLE)
            spent, resident = _cpu(daemon.pid) - begun, _resident(daemon.pid)
        finally:
            daemon.terminate()
            daemon.wait(20)
            answering.kill()
            answering.wait()
    return [
        ("idle daemon's memory / five imports", f"{resident:.1f} MiB", f"{theirs:.1f} MiB", resident / theirs, 1.3),
        ("idle daemon's processor, % of a core", f"{spent:.2f} s in {IDLE:.0f} s", "", 100 * spent / IDLE, 0.3),
    ]  # fmt: skip


def _command(folder: Path, port: int) -> Sequence[str | Path]:
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG.format(port=port))
    return [Path(PYTHON).with_name("syncd"), "--config", folder / "config.toml"]


def _resident(process: int) -> float:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _said(values: Sequence[float], unit: str) -> str:
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"


def _answer_for_ever(server: socket.socket) -> None:
    """A CTGO with nothing new."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(head % len(ANSWER) + ANSWER)


if __name__ == "__main__":
    _answer_for_ever(socket.socket(fileno=int(sys.argv[1])))
