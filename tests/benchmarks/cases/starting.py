"""What a start costs: `--version`, and the daemon's way to its first request."""

import signal
import socket
import subprocess
import time
from contextlib import closing

from tests.benchmarks.contestants import emptied
from tests.benchmarks.measuring import PYTHON, SYNCD, Command, alternately, median, ranged, spread, timed
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row

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
MOST_VERSION, MOST_FIRST = 1.5, 1.5


def start(stage: Stage) -> Rows:
    """The case."""
    return [starting(stage.times), _first_pull(stage)]


def starting(times: int) -> Row:
    """`syncd --version`, answered before anything heavy is imported."""
    ours, theirs = alternately(
        times * 5, lambda: timed([SYNCD, "--version"]), lambda: timed([PYTHON, "-c", "pass"])
    )
    return Row(
        "syncd --version / python -c pass",
        spread(ours),
        spread(theirs),
        median(ours) / median(theirs),
        MOST_VERSION,
    )


def _first_pull(stage: Stage) -> Row:
    """From the start of the process to its first request, alternating with a script that imports five and makes one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        get = f"{FIVE}; httpx.get('http://127.0.0.1:{port}/')"
        ours, theirs = list[float](), list[float]()
        for n in range(stage.times + 1):
            folder = emptied(stage.scratch / f"pull-{n}")
            (folder / "config.toml").write_text(CONFIG.format(port=port))
            ours.append(_until_asked(server, [SYNCD, "--config", folder / "config.toml"]))
            theirs.append(_until_asked(server, [PYTHON, "-c", get]))
    ours, theirs = ours[1:], theirs[1:]  # the first one warms the caches
    ratio = sorted(ours)[len(ours) // 2] / sorted(theirs)[len(theirs) // 2]
    return Row(
        "start to first pull / five imports and a GET", ranged(ours), ranged(theirs), ratio, MOST_FIRST
    )


def _until_asked(server: socket.socket, command: Command) -> float:
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
