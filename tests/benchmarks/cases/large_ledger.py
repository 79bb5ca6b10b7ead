"""A ledger of an agency: a million leads, 300 sources, 600 connectors. `python -m tests.benchmarks.cases.large_ledger FILE [LEADS]`.

It prints how long each reading of the console takes: processor time of the thread, the median and the worst of many.
"""

import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection

from syncd.ledger import Ledger, flow, history, overview, queries
from syncd.ledger.flow import DAY, HOUR, Range
from syncd.ledger.lanes import load_lanes

NOW = 1_790_000_000.0
SOURCES = 300
CODES = ("salesforce_duplicate", "hubspot_invalid", "filter_failed", "apollo_no_email")
CHUNK = 50_000


def _lead(seq: int) -> tuple[Any, ...]:
    at = NOW - (seq % 7_776_000)
    enrichment = json.dumps({"email": {"address": f"p{seq}@example.com"}}) if seq % 2 else None
    state = "exported" if seq % 125 else "delivering"
    return (
        seq,
        f"client{seq % SOURCES}",
        seq,
        1,
        1,
        "",
        f"x{seq}",
        at,
        state,
        at + 30,
        at + 90,
        "",
        "",
        enrichment,
    )


def _payload(seq: int) -> tuple[int, str]:
    profile = {"xUserId": f"x{seq}", "handle": f"Person_{seq}", "displayName": "Mara Oduya", "bio": "b" * 160}
    return seq, json.dumps(
        {"id": seq, "streamId": 1, "segmentId": 1, "profile": profile, "signals": ["s" * 40] * 3}
    )


def _deliveries(seq: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for which in ("crm", "sheet")[: 1 + (chance.random() < 0.9)]:
        state, code = "delivered", ""
        if seq % 125 == 0 and which == "crm":
            state = "pending"
        elif chance.random() < 0.00637:
            state, code = "rejected", chance.choice(CODES)
        remote = f"00Q{seq:012}" if state == "delivered" else None
        yield (
            seq,
            f"{which}{seq % SOURCES}",
            1,
            state,
            1,
            0.0,
            0,
            0,
            code,
            f"No, {seq}." if code else "",
            remote,
            1,
        )


def _flows() -> Iterator[tuple[Any, ...]]:
    for n in range(SOURCES):
        for span, width, count in (("hour", HOUR, 96), ("day", DAY, 90)):
            for kind, state, name in (
                ("lead", "found", f"client{n}"), ("lead", "exporting", f"client{n}"), ("lead", "exported", f"client{n}"),
                ("delivery", "pending", f"crm{n}"), ("delivery", "delivered", f"crm{n}"), ("delivery", "delivered", f"sheet{n}"),
                ("level", "delivery", f"crm{n}"), ("latency", "60", f"crm{n}"), ("latency", "300", f"crm{n}"),
                ("request", "200", f"client{n}"),
            ):  # fmt: skip
                for back in range(count):
                    yield span, kind, state, int(NOW) // width * width - back * width, name, n % 7 + 1, NOW


def make(path: Path, leads: int) -> None:
    """Write it; the tally follows."""
    Ledger.open(path).close()
    chance = random.Random(1)  # noqa: S311 - to be repeated
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    for start in range(1, leads + 1, CHUNK):
        with database:
            seqs = range(start, min(start + CHUNK, leads + 1))
            database.executemany(f"INSERT INTO lead VALUES ({', '.join('?' * 14)})", map(_lead, seqs))  # noqa: S608
            database.executemany("INSERT INTO payload (seq, text) VALUES (?, ?)", map(_payload, seqs))
            database.executemany(
                "INSERT INTO delivery (lead_seq, connector, required, state, attempts, due_at, suspect, maybe_sent, code, detail,"
                " remote_id, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (row for seq in seqs for row in _deliveries(seq, chance)),
            )
    with database:
        for kind, name in (("lead", "source"), ("delivery", "connector")):
            database.execute(
                f"INSERT INTO tally SELECT '{kind}', {name}, state, count(*) FROM {kind} GROUP BY {name}, state"  # noqa: S608
            )
        database.executemany("INSERT INTO flow VALUES (?, ?, ?, ?, ?, ?, ?)", _flows())
        database.executemany(
            "INSERT INTO source (name, started, listing) VALUES (?, 1, 'all')",
            ((f"client{n}",) for n in range(SOURCES)),
        )
        lanes = [("pull", f"client{n}") for n in range(SOURCES)] + [
            ("export", f"client{n}") for n in range(SOURCES)
        ]
        lanes += [("deliver", f"{which}{n}") for n in range(SOURCES) for which in ("crm", "sheet")]
        database.executemany(
            "INSERT INTO lane (kind, name, status, code, detail, by, since, probing, failures, delivered, alike_code, alike)"
            " VALUES (?, ?, ?, '', '', '', 0, 0, 0, 0, '', '[]')",
            ((kind, name, "halted" if n % 100 == 7 else "open") for n, (kind, name) in enumerate(lanes)),
        )
        database.executemany(
            "INSERT INTO action (at, who, verb, name, detail) VALUES (?, 'anna', 'retry', 'crm1', '')",
            ((NOW + n,) for n in range(2000)),
        )
    database.close()


def readings(leads: int) -> dict[str, Callable[[Connection], Any]]:
    """List the readings by what they are for."""
    some = leads // 2 + 1
    hours, days = Range("hour", NOW - DAY, NOW), Range("day", NOW - 30 * DAY, NOW)
    search = partial(queries.search, limit=20)
    return {
        "totals": queries.totals,
        "totals, before": overview.counts,
        "lanes that stand": queries.standing_lanes,
        "all lanes": load_lanes,
        "set aside": queries.set_aside,
        "an example a group": lambda c: [queries.example(c, it) for it in queries.set_aside(c)[:25]],
        "set aside, before": overview.causes,
        "waiting": queries.waiting,
        "oldest by connector, before": overview.oldest_pending,
        "a page of a group": lambda c: queries.page(c, queries.Group("delivery", "crm5", CODES[0])),
        "search by id": partial(search, sought=queries.Sought(lead_id=some)),
        "search by handle": partial(search, sought=queries.Sought(handle=f"person_{some}")),
        "search by email": partial(search, sought=queries.Sought(email=f"p{some}@example.com")),
        "search by X id": partial(search, sought=queries.Sought(person=f"x{some}")),
        "search by record": partial(search, sought=queries.Sought(remote_id=f"00Q{some:012}")),
        "one lead": lambda c: (overview.deliveries_of(c, some), overview.export_of(c, "client1", some)),
        "plot, 24 hours": lambda c: flow.by_time(c, hours, "lead", "found"),
        "plot, 30 days": lambda c: flow.by_time(c, days, "lead", "found"),
        "latencies, 30 days": lambda c: flow.by_state(c, days, "latency"),
        "lanes by hour": lambda c: flow.by_name(c, hours, "delivery", "delivered"),
        "activity": lambda c: history.actions(c, 50),
    }


def measure(ledger: Ledger, reading: Callable[[Connection], Any]) -> list[float]:
    """Milliseconds of processor time of each of some times, after one that warms up."""
    took = []
    with ledger.read() as connection:
        for _ in range(16):
            begun = time.thread_time()
            reading(connection)
            took.append((time.thread_time() - begun) * 1000)
            if sum(took) > 5000:
                break
    return took[1:] or took


def main(path: Path, leads: int) -> None:
    """Make the ledger if it is not there, and measure."""
    if not path.exists():
        make(path, leads)
    with Ledger.open(path) as ledger:
        begun, size = time.monotonic(), path.stat().st_size
        queries.make_indexes(ledger)
        print(
            f"indexes: {time.monotonic() - begun:.1f} s, {(path.stat().st_size - size) / 2**20:.0f} MiB of {size / 2**20:.0f}"
        )
        for name, reading in readings(leads).items():
            took = measure(ledger, reading)
            print(f"{name:30} {median(took):9.3f} ms, at most {max(took):9.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
