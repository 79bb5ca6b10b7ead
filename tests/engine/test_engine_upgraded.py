"""A ledger of the first schema with leads in every state it knew: upgraded, each is where it was, and all ends well."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from syncd.ledger import Ledger, upgrade
from syncd.ledger.admin import auditor
from tests.support import DAY, Bench, rejects, unreachable


def first_schema(new: Path, old: Path) -> None:
    """The same rows as the first schema would have held them."""
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        command.upgrade(upgrade.configuration(connection), "0001")
    engine.dispose()
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("ATTACH ? AS newer", (str(new),))
        tables = [
            row[0] for row in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        ]
        for name in set(tables) - {"alembic_version"}:
            columns = ", ".join(
                f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({name})")
            )
            rows = "newer.lead LEFT JOIN newer.payload USING (seq)" if name == "lead" else f"newer.{name}"
            told = columns.replace('"payload"', "text")
            connection.execute(f"INSERT INTO main.{name} ({columns}) SELECT {told} FROM {rows}")  # noqa: S608
        connection.commit()


STATES = (
    "SELECT source, lead_id, stream_id, segment_id, state, person, text FROM lead LEFT JOIN payload USING (seq) ORDER BY seq",
    "SELECT lead_seq, connector, state, required, maybe_sent, remote_id, attempts, code FROM delivery ORDER BY id",
    "SELECT source, lead_id, state FROM export ORDER BY id",
    "SELECT * FROM tally ORDER BY kind, name, state",
    "SELECT connector, person, remote_id FROM person ORDER BY 1, 2",
)


@pytest.mark.parametrize("upgrades", [1, 2])
def test_every_state_survives_and_nothing_is_done_twice(bench: Bench, upgrades: int) -> None:
    world = bench.ctgo(leads=5, repeats=0.5, repeat_ids="own")
    crm, sheet = bench.place("crm", people=True, upsert=False, gate=50), bench.place("sheet", where="id % 3")
    bench.once()
    crm.rule = rejects()
    world.add_leads(3)
    bench.once(120)
    crm.rule = unreachable
    world.amend_lead(world.add_leads(1)[0], {"segmentId": "soon"})
    world.add_leads(4)
    bench.clock.advance(60)
    bench.once(30)
    assert set(bench.leads()) == {"exported", "rejected", "delivering", "quarantined"}
    before = [bench.rows(query) for query in STATES]
    bench.stop()
    old = bench.path.with_name("old.db")
    first_schema(bench.path, old)
    bench.path = old
    for _ in range(upgrades):
        Ledger.open(old, upgrade=True).close()
    assert [bench.rows(query) for query in STATES] == before
    with bench.ledger.read() as connection:
        assert list(auditor.contradictions(connection)) == []
    crm.rule = None
    bench.once(DAY)
    bench.check()
    assert set(bench.leads()) <= {"exported", "rejected", "quarantined"}
    assert crm.duplicates() == sheet.duplicates() == []
