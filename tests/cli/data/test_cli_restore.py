"""`syncd backup` and `syncd restore`: a copy at any time, and a past that creates nothing twice."""

import csv
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.ledger.database import EngineLock
from tests.cli.conftest import Home, rows, told
from tests.support import assert_books


def leads_in(home: Home) -> list[str]:
    with (home.folder / "leads.csv").open(newline="") as lines:
        return sorted(row["id"] for row in csv.DictReader(lines))


def sound(home: Home) -> None:
    with Ledger.open(home.ledger) as ledger:
        assert_books(ledger)


@pytest.fixture
def backed_up(home: Home) -> Home:
    """Three leads delivered and exported, and a backup of that."""
    assert home.syncd("--once").code == 0
    ran = home.syncd("backup", "past.db")
    assert ran.code == 0, ran.err
    return home


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# backup


def test_a_backup_holds_what_the_ledger_holds_for_its_owner_alone(home: Home) -> None:
    assert home.syncd("--once").code == 0
    old = os.umask(0)
    try:
        with EngineLock(home.ledger), Ledger.open(home.ledger) as engine:
            with engine.write() as connection:
                connection.exec_driver_sql(
                    "INSERT INTO label VALUES ('main', 'stream', 99, 'in the WAL only', 0)"
                )
            assert home.syncd("backup", "copy.db").code == 0
    finally:
        os.umask(old)
    copy = home.folder / "copy.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM lead").fetchone() == (3,)
        assert connection.execute("SELECT name FROM label WHERE id = 99").fetchone() == ("in the WAL only",)
    assert not list(home.folder.glob("*.part"))
    assert rows(home, "SELECT name FROM action WHERE verb = 'backup'") == [(str(copy),)]


def test_a_backup_does_not_overwrite_unless_told_to(backed_up: Home) -> None:
    before = (backed_up.folder / "past.db").read_bytes()
    ran = backed_up.syncd("backup", "past.db")
    assert ran.code == 74
    assert "--force" in ran.err
    assert (backed_up.folder / "past.db").read_bytes() == before
    assert backed_up.syncd("backup", "past.db", "--force").code == 0
    assert (backed_up.folder / "past.db").read_bytes() != before


@pytest.mark.parametrize("name", ["syncd.db", "syncd.db-wal", "nowhere/copy.db"])
def test_a_backup_that_cannot_be_is_one_sentence(backed_up: Home, name: str) -> None:
    before = backed_up.ledger.read_bytes()
    ran = backed_up.syncd("backup", name, "--force")
    assert (ran.code, ran.out) == (74, "")
    assert ran.err.count("\n") == 1
    assert backed_up.ledger.read_bytes() == before


# restore


def test_what_happened_since_the_backup_is_not_done_twice(backed_up: Home) -> None:
    home = backed_up
    home.source = "export = false"
    home.configure()
    home.sim.world.add_leads(4)
    assert home.syncd("--once").code == 0
    assert len(leads_in(home)) == 7
    assert home.syncd("restore", "past.db").code == 0
    assert rows(home, "SELECT count(*) FROM lead") == [(3,)]
    assert home.syncd("--once").code == 0
    assert rows(home, "SELECT count(*) FROM lead") == [(7,)]
    assert len(leads_in(home)) == 7
    sound(home)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER t AFTER INSERT ON delivery BEGIN UPDATE delivery SET state = 'delivered'; END",
        (
            "CREATE TRIGGER t AFTER INSERT ON action BEGIN INSERT INTO label WITH RECURSIVE r(n) AS"
            " (SELECT 1 UNION ALL SELECT n FROM r) SELECT '', '', n, '', 0 FROM r; END"
        ),
        "CREATE VIEW t AS SELECT * FROM lead",
        "CREATE VIRTUAL TABLE t USING fts5(x)",
    ],
)
def test_a_backup_that_acts_by_itself_is_not_restored(backed_up: Home, sql: str) -> None:
    """Whoever made it would count leads as delivered that went nowhere, or have the restore never end."""
    with closing(sqlite3.connect("past.db")) as connection:
        connection.execute(sql)
        connection.commit()
    before = backed_up.ledger.read_bytes()
    ran = backed_up.syncd("restore", "past.db")
    assert (ran.code, ran.out, backed_up.ledger.read_bytes() == before) == (74, "", True)
    assert "named t, and a ledger only data" in ran.err
    assert not list(backed_up.folder.glob("*restoring*"))


def test_what_a_backup_is_named_and_holds_reaches_no_terminal_raw(backed_up: Home) -> None:
    evil = "t\x1b]0;pwn\x07\x1b[2J\u202e"
    with closing(sqlite3.connect("past.db")) as connection:
        connection.execute(f'CREATE VIEW "{evil}" AS SELECT 1')
        connection.commit()
    ran = backed_up.syncd("restore", "past.db")
    assert ran.code == 74
    assert ran.err.strip().isprintable()
    with closing(sqlite3.connect("past.db")) as connection:
        connection.execute(f'DROP VIEW "{evil}"')
        connection.execute("UPDATE alembic_version SET version_num = ?", (f"9999{evil}",))
        connection.commit()
    ran = backed_up.syncd("restore", "past.db")
    assert (ran.code, "has schema 9999" in ran.err) == (73, True)
    assert ran.err.strip().isprintable()


def test_without_the_doubt_leads_would_be_sent_twice(backed_up: Home) -> None:
    """Negative control."""
    home = backed_up
    home.source = "export = false"
    home.configure()
    home.sim.world.add_leads(4)
    assert home.syncd("--once").code == 0
    assert home.syncd("restore", "past.db").code == 0
    rows(home, "DELETE FROM upkeep WHERE name = 'restore'")
    assert home.syncd("--once").code == 0
    assert len(leads_in(home)) == 11


def test_what_was_there_is_kept_beside(backed_up: Home) -> None:
    home = backed_up
    home.sim.world.add_leads(1)
    assert home.syncd("--once").code == 0
    assert home.syncd("restore", "past.db").code == 0
    [aside] = home.folder.glob("syncd.db.before-restore-*")
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM lead").fetchone() == (4,)
    assert {path.name for path in home.folder.glob("syncd.db*")} <= {"syncd.db", "syncd.db.lock", aside.name}
    assert home.ledger.stat().st_mode & 0o777 == 0o600
    sound(home)


def test_whoever_was_forgotten_since_stays_forgotten(backed_up: Home) -> None:
    home = backed_up
    number, handle, person = rows(
        home,
        "SELECT lead_id, json_extract(text, '$.profile.handle'), person FROM lead JOIN payload USING (seq) WHERE seq = 2",
    )[0]
    assert home.syncd("backup", "../elsewhere.db", "--force").code == 0
    assert home.syncd("forget", "--id", str(number), "--yes").code == 0
    assert home.syncd("restore", "../elsewhere.db").code == 0
    held = b"".join(path.read_bytes() for path in home.folder.glob("syncd.db*"))
    assert handle.encode() not in held
    assert person.encode() not in held
    assert home.syncd("--once", "--since", "2020-01-01T00:00:00Z").code == 0
    assert rows(home, "SELECT state, count(*) FROM lead GROUP BY state ORDER BY state") == [
        ("exported", 2),
        ("forgotten", 1),
    ]
    sound(home)


def test_a_pause_by_hand_and_the_acts_of_people_are_kept(backed_up: Home) -> None:
    home = backed_up
    assert home.syncd("pause", "sheet", "--reason", "moving house").code == 0
    rows(home, "UPDATE action SET via = 'console', touched = '[1]' WHERE verb = 'pause'")
    ran = home.syncd("restore", "past.db")
    assert "sheet stays paused" in ran.out
    assert [lane["status"] for lane in told(home, "status")["lanes"]] == ["paused"]
    assert [row[0] for row in rows(home, "SELECT verb FROM action ORDER BY id")] == [
        "backup",
        "pause",
        "restore",
    ]
    # Other deliveries have these ids in the backup
    assert rows(home, "SELECT via, touched FROM action WHERE verb = 'pause'") == [("console", None)]


def test_counts_of_the_time_since_the_backup_are_kept(backed_up: Home) -> None:
    hour = ("hour", "lead", "new", 1_790_000_400, "main", 7, 1_790_000_500.0)
    rows(backed_up, "INSERT INTO flow VALUES (?, ?, ?, ?, ?, ?, ?)", *hour)
    assert backed_up.syncd("restore", "past.db").code == 0
    assert rows(backed_up, "SELECT * FROM flow") == [hour]


def test_the_requests_of_the_last_minute_still_count(backed_up: Home) -> None:
    home = backed_up
    rows(home, "INSERT INTO slot (budget, boot, free_at, n) SELECT name, boot, 9e9, 60 FROM budget")
    before = rows(home, "SELECT budget, free_at, n FROM slot ORDER BY free_at, n")
    assert home.syncd("restore", "past.db").code == 0
    assert rows(home, "SELECT budget, free_at, n FROM slot ORDER BY free_at, n") == before


def test_without_a_ledger_to_ask_a_minute_is_waited(backed_up: Home) -> None:
    home = backed_up
    for path in home.folder.glob("syncd.db*"):
        path.unlink()
    ran = home.syncd("restore", "past.db")
    assert ran.code == 0
    assert "Forget again" in ran.out
    assert rows(home, "SELECT count(*) FROM budget WHERE blocked_until > 0") == [(1,)]
    assert not list(home.folder.glob("syncd.db.before*"))


def test_a_damaged_ledger_is_replaced_by_its_backup(backed_up: Home) -> None:
    home = backed_up
    home.ledger.write_bytes(b"\xff" * 5000)
    assert home.syncd("--once").code == 74
    assert home.syncd("restore", "past.db").code == 0
    assert told(home, "status")["sources"]["main"]["leads"] == {"exported": 3}
    assert [path.read_bytes()[:2] for path in home.folder.glob("syncd.db.before-*")] == [b"\xff\xff"]


def test_a_source_that_the_backup_does_not_know_begins_where_it_began(backed_up: Home) -> None:
    home = backed_up
    rows(home, "INSERT INTO source (name, started, floor, listing) VALUES ('second', 1, 1234.5, 'all')")
    assert home.syncd("restore", "past.db").code == 0
    assert rows(home, "SELECT floor, started FROM source WHERE name = 'second'") == [(1234.5, 0)]


def test_credits_that_were_spent_stay_spent(backed_up: Home) -> None:
    home = backed_up
    rows(home, "INSERT INTO askday (source, day, asks) VALUES ('main', '2026-06-11', 50)")
    rows(home, "INSERT INTO credits (source, balance, told_at, price) VALUES ('main', 12, 5.0, 2)")
    rows(home, "INSERT INTO ask (source, person, outputs, asks, asked_at) VALUES ('main', '7', '[]', 1, 5.0)")
    ran = home.syncd("restore", "past.db")
    assert "Not known" not in ran.out
    assert rows(home, "SELECT asks FROM askday") == [(50,)]
    assert rows(home, "SELECT balance FROM credits") == [(12,)]
    assert rows(home, "SELECT person FROM ask") == [("7",)]


def test_windows_asked_for_since_are_pulled_again_and_alerts_are_not_told_again(backed_up: Home) -> None:
    home = backed_up
    insert = "INSERT INTO window (source, since, until, asked_at, who, state, new) VALUES ('main', 5.0, NULL, 7.0, 'me', 'done', 9)"
    rows(home, insert)
    rows(
        home,
        "INSERT INTO alert (kind, place, code, since, level, told_at, told_level) VALUES ('lane', 'crm', 'x', 1.0, 1, 2.0, 1)",
    )
    ran = home.syncd("restore", "past.db")
    assert "Not known" not in ran.out
    assert rows(home, "SELECT source, since, state, new FROM window") == [("main", 5.0, "pending", 0)]
    assert rows(home, "SELECT kind, place, told_at FROM alert") == [("lane", "crm", 2.0)]


@pytest.mark.parametrize("spoil", ["text", "torn", "flipped", "other program's", "missing", "newer"])
def test_a_file_that_cannot_be_restored_changes_nothing(backed_up: Home, spoil: str) -> None:
    home, past = backed_up, backed_up.folder / "past.db"
    whole = past.read_bytes()
    if spoil == "text":
        past.write_text("Dear diary, " * 1000)
    elif spoil == "torn":
        past.write_bytes(whole[: len(whole) // 2])
    elif spoil == "flipped":
        past.write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    elif spoil == "other program's":
        past.unlink()
        with closing(sqlite3.connect(past)) as connection:
            connection.execute("CREATE TABLE recipe (name)")
    elif spoil == "missing":
        past.unlink()
    else:
        with closing(sqlite3.connect(past)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = home.ledger.read_bytes()
    ran = home.syncd("restore", "past.db")
    assert ran.code == (73 if spoil == "newer" else 74), ran.err
    assert ran.err.count("\n") == 1
    assert home.ledger.read_bytes() == before
    assert {path.name for path in home.folder.glob("syncd.db*")} == {"syncd.db", "syncd.db.lock"}


def test_a_running_engine_keeps_its_ledger(backed_up: Home) -> None:
    with EngineLock(backed_up.ledger):
        assert backed_up.syncd("restore", "past.db").code == 73


def test_the_ledger_is_no_backup_of_itself(backed_up: Home) -> None:
    assert backed_up.syncd("restore", "syncd.db").code == 74
    sound(backed_up)
