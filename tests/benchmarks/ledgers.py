"""Ledgers with a long past, made at once rather than lived through."""

import sqlite3
from pathlib import Path

COPY_LEADS = """
INSERT INTO lead (source, lead_id, stream_id, segment_id, digest, person, discovered_at, state, ingested_at, settled_at,
                  code, detail)
SELECT source, 10000000 + n.value, stream_id, segment_id, digest, 'p' || n.value, discovered_at, state, ingested_at,
       settled_at, code, detail
FROM generate AS n, (SELECT * FROM lead LIMIT 1)
"""
COPY_PAYLOADS = """
INSERT INTO payload (seq, text)
SELECT seq, (SELECT text FROM payload LIMIT 1) FROM lead WHERE lead_id >= 10000000
"""
COPY_DELIVERIES = """
INSERT INTO delivery (lead_seq, connector, required, state, attempts, due_at, suspect, maybe_sent, code, detail, created,
                      settled_at)
SELECT seq, 'sheet', 1, 'delivered', 1, 0, 0, 0, '', '', 1, settled_at FROM lead WHERE lead_id >= 10000000
"""


def grow(path: Path, settled: int) -> None:
    """Add so many settled leads, each with a delivery, to a ledger that has at least one; the tally follows."""
    database = sqlite3.connect(path)
    with database:
        database.execute("CREATE TEMP TABLE generate (value INTEGER)")
        database.executemany("INSERT INTO generate VALUES (?)", ((n,) for n in range(settled)))
        database.execute(COPY_LEADS)
        database.execute(COPY_PAYLOADS)
        database.execute(COPY_DELIVERIES)
        database.execute(
            "UPDATE tally SET n = n + ? WHERE kind = 'lead' AND state = 'unexported'", (settled,)
        )
        database.execute(
            "UPDATE tally SET n = n + ? WHERE kind = 'delivery' AND state = 'delivered'", (settled,)
        )
    database.close()
