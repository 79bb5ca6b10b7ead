"""What daemons cost that have nothing to do, from one source to three hundred, and what a hanging remote does to the others.

They run beside each other, on one machine and against one CTGO, for they hardly use it: what counts is memory, processor time
by the kernel's own clock, and the instants at which CTGO was asked.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from tests.benchmarks.contestants import emptied
from tests.benchmarks.measuring import MIB, PAGE, PYTHON, SYNCD, processor, resident
from tests.benchmarks.polled import Polled, Polls, polled
from tests.benchmarks.running import Rows, Stage
from tests.benchmarks.table import Row, Series

COUNTS = (1, 10, 100, 300)
POLL = 60.0
SETTLE = 30.0
"""Seconds after which the last start, and what it gives back, is over."""
DELIVERED = 3.0
"""Seconds for what the last polls brought."""
PACKAGES = "httpx, apscheduler, sqlmodel, pydantic_settings, structlog, hubspot, simple_salesforce"
BARE = f"import {PACKAGES}; print(open('/proc/self/statm').read().split()[1])"
BARE_POLLS = """
import httpx, sys, time
client = httpx.Client(headers={"Authorization": "Bearer ctgo_bare"})
url = sys.argv[1] + "/leads?limit=500&offset=0"
client.get(url).json()
begin = time.process_time()
for _ in range(300):
    client.get(url).json()
print((time.process_time() - begin) / 300)
"""
MOST_IDLE, MOST_SHARE, MOST_MEMORY, MOST_LATE = 1.3, 0.2, 2.0, 1.0
SOURCE = """
[sources.s{n}]
api_key = "{key}"
base_url = "{base}"
poll = "{poll:g}s"
export = false
connectors = ["c{n}"]
"""
SHEET = """
[connectors.c{n}]
type = "csv"
path = "leads-{n}.csv"
"""
HOOK = """
[connectors.c{n}]
type = "webhook"
url = "{hole}/hook"
"""
HEAD = """\
[health]
listen = "127.0.0.1:0"

[log]
level = "warning"
"""


@dataclass
class Running:
    """A daemon, and its processor seconds when the watch began."""

    name: str
    pid: int
    folder: Path
    keys: Sequence[str]
    begun: float = 0.0
    spent: float = 0.0
    memory: float = 0.0


def daemons(stage: Stage) -> Rows:
    """The case."""
    poll = POLL if stage.scale >= 1 else 10.0
    counts = COUNTS if stage.scale >= 1 else (1, 10, 60)
    with polled() as ctgo, ExitStack() as stack:
        bare, bare_poll = _bare(), _bare_poll(ctgo)
        hanging = stack.enter_context(_running(stage, ctgo, counts[-1], poll, hanging=True))
        each = [stack.enter_context(_running(stage, ctgo, n, poll)) for n in reversed(counts)][::-1]
        time.sleep(SETTLE)
        since = time.monotonic()
        for one in each:
            one.begun = processor(one.pid)
        time.sleep(2 * poll)
        for one in each:
            one.spent, one.memory = processor(one.pid) - one.begun, resident(one.pid)
        time.sleep(DELIVERED)
        polls = ctgo.polls()
        delivered = sum((hanging.folder / f"leads-{n}.csv").exists() for n in range(2, counts[-1]))
    idle = each[0]
    stage.facts["idle memory"] = idle.memory
    _draw(stage, counts, each, 2 * poll)
    return [
        *_idle(idle, bare, 2 * poll),
        *_many(each, polls, poll, since),
        _hang(hanging, delivered, polls, poll),
        _tick(each, polls, since, 2 * poll, bare_poll),
    ]


def _idle(idle: Running, bare: float, lasted: float) -> Rows:
    return [
        Row("idle daemon's memory / bare imports of what it needs", f"{idle.memory:.1f} MiB", f"{bare:.1f} MiB", idle.memory / bare, MOST_IDLE, note=PACKAGES),
        Row("idle daemon's processor time, % of a core", f"{idle.spent:.3f} s in {lasted:.0f} s", "", 100 * idle.spent / lasted, MOST_SHARE),
    ]  # fmt: skip


def _many(each: Sequence[Running], polls: Polls, poll: float, since: float) -> Rows:
    one, most = each[0], each[-1]
    n = len(most.keys)
    late = max(_lateness(polls, key, poll) for key in most.keys)
    seldom = min(sum(at > since for at in polls.get(key, ())) for key in most.keys)
    return [
        Row(f"{n} sources and connectors, one process: memory / one", f"{most.memory:.1f} MiB", f"{one.memory:.1f} MiB", most.memory / one.memory, MOST_MEMORY),
        Row(f"{n} sources: the latest poll, seconds late", f"{late:.2f} s", f"every {poll:.0f} s", late, MOST_LATE,
            note=f"each source polled at least {seldom} times in {2 * poll:.0f} s; {most.spent:.2f} s of processor time in {2 * poll:.0f} s"),
    ]  # fmt: skip


def _hang(hanging: Running, delivered: int, polls: Polls, poll: float) -> Row:
    """One CTGO and one connector of it take the connection and say nothing."""
    others = [key for n, key in enumerate(hanging.keys) if n]
    late = max(_lateness(polls, key, poll) for key in others)
    expected = len(hanging.keys) - 2
    return Row(
        f"one CTGO and one connector of {len(hanging.keys)} hang: the latest poll", f"{late:.2f} s late", f"every {poll:.0f} s",
        late if delivered == expected else 1e9, MOST_LATE,
        note=f"{delivered} of the {expected} others have the lead that came meanwhile", essence=False,
    )  # fmt: skip


def _tick(each: Sequence[Running], polls: Polls, since: float, lasted: float, bare: float) -> Row:
    """What polls add: three hundred sources against one."""

    def made(one: Running) -> int:
        return sum(since < at <= since + lasted for key in one.keys for at in polls.get(key, ()))

    one, most = each[0], each[-1]
    tick = (most.spent - one.spent) / (made(most) - made(one))
    return Row(
        "a poll that finds nothing / a bare httpx request", f"{1e3 * tick:.2f} ms", f"{1e3 * bare:.2f} ms", tick / bare, None,
        note="processor time; the bare requests follow each other, so caches are warm",
    )  # fmt: skip


def _lateness(polls: Polls, key: str, every: float) -> float:
    """The most by which two polls lay further apart than they should; the first is at the start, the next in its own turn."""
    at = polls.get(key, [])
    if len(at) < 3:
        return float("inf")
    gaps = [later - earlier for earlier, later in pairwise(at[1:])]
    return max(0.0, at[1] - at[0] - every, *(gap - every for gap in gaps))


def _bare() -> float:
    """MiB of an interpreter that has imported what the daemon cannot do without."""
    said = [
        subprocess.run([PYTHON, "-c", BARE], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    ]
    return mean(int(pages) for pages in said) * PAGE / MIB


def _bare_poll(ctgo: Polled) -> float:
    said = subprocess.run([PYTHON, "-c", BARE_POLLS, ctgo.base], capture_output=True, text=True, check=True)
    return float(said.stdout)


def written(folder: Path, ctgo: Polled, keys: Sequence[str], poll: float, *, hanging: bool = False) -> Path:
    """The configuration of a source and a connector for each key; of two of them the remotes hang, if `hanging`."""
    parts = [HEAD]
    for n, key in enumerate(keys):
        base = f"{ctgo.hole}/api/v2" if hanging and n == 0 else ctgo.base
        parts += [SOURCE.format(n=n, key=key, base=base, poll=poll)]
        parts += [(HOOK if hanging and n == 1 else SHEET).format(n=n, hole=ctgo.hole)]
    config = emptied(folder) / "config.toml"
    config.write_text("".join(parts))
    return config


@contextmanager
def _running(stage: Stage, ctgo: Polled, n: int, poll: float, *, hanging: bool = False) -> Iterator[Running]:
    name = f"{'hanging' if hanging else 'idle'}-{n}"
    keys = [f"ctgo_lead_{i}" if hanging else f"ctgo_{name}_{i}" for i in range(n)]
    config = written(stage.scratch / name, ctgo, keys, poll, hanging=hanging)
    folder = config.parent
    with (folder / "stderr").open("wb") as said:
        process = subprocess.Popen([SYNCD, "--config", config], stderr=said)
    try:
        yield Running(name, process.pid, folder, keys)
        if process.poll() is not None:
            raise ValueError(f"{name} ended: {(folder / 'stderr').read_text()[-500:]}")
    finally:
        process.terminate()
        process.wait(20)


def _draw(stage: Stage, counts: Sequence[int], each: Sequence[Running], lasted: float) -> None:
    memory = Series(
        "Memory against sources and connectors", "sources, each with a connector", "MiB", kind="log"
    )
    share = Series(
        "Processor time against sources and connectors",
        "sources, each with a connector",
        "% of a core",
        kind="log",
    )
    memory.lines["idle daemon"] = [(float(n), one.memory) for n, one in zip(counts, each, strict=True)]
    share.lines["idle daemon"] = [
        (float(n), 100 * one.spent / lasted) for n, one in zip(counts, each, strict=True)
    ]
    stage.drawn("sources-memory", memory)
    stage.drawn("sources-processor", share)
