"""`syncd forget`: a person is erased from every byte that syncd keeps, and does not come back."""

import fcntl
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.ledger.admin import backups
from syncd.ledger.database import EngineLock
from syncd.ledger.sources import save_names
from tests.cli.conftest import Home, rows, told
from tests.support import assert_books

PROFILE = {
    "displayName": "Zephyrina Quillfeather",
    "handle": "zq_canary",
    "xUserId": "990011223344",
    "email": "zq@example.com",
    "bio": "Tames quills in Ypsilanti",
}


def traces(home: Home) -> list[str]:
    """Which of the canary's values are in any file of the folder but the CSV."""
    files = [path for path in home.folder.rglob("*") if path.is_file() and path.suffix != ".csv"]
    held = b"".join(path.read_bytes() for path in files)
    return [value for value in PROFILE.values() if value.encode() in held]


def plant(home: Home) -> int:
    """Make CTGO find one more person, the canary; the lead's id."""
    number = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(number, {"profile": PROFILE})
    return number


def books(home: Home) -> None:
    with Ledger.open(home.ledger) as ledger:
        assert_books(ledger)


@pytest.fixture
def delivered(home: Home) -> tuple[Home, int]:
    """The canary among three others, delivered and exported."""
    number = plant(home)
    assert home.syncd("--once").code == 0
    assert traces(home) == list(PROFILE.values()), "a negative control: the search finds what is there"
    return home, number


@pytest.mark.parametrize("way", ["--handle", "--email", "--id", "--person"])
def test_whoever_is_forgotten_is_in_no_byte_of_the_state_and_does_not_come_back(
    delivered: tuple[Home, int], way: str
) -> None:
    home, number = delivered
    name = {
        "--handle": "@ZQ_Canary",
        "--email": "ZQ@example.com",
        "--id": str(number),
        "--person": "990011223344",
    }
    answer = '{"properties": {"firstname": "zq_canary"}}'  # of a person's question to the remote
    look = "INSERT INTO look VALUES (?, 'crm', 1, 0, 'anna', ?, ?)"
    rows(home, look, 1, answer, 1.0)
    rows(home, look, 2, None, None)
    ran = home.syncd("forget", way, name[way], "--yes")
    assert ran.code == 0, ran.err
    assert traces(home) == []
    assert rows(home, "SELECT id FROM look") == [(2,)]
    assert home.syncd("--once", "--since", "2020-01-01T00:00:00Z").code == 0
    assert traces(home) == []
    assert rows(home, "SELECT state, count(*) FROM lead GROUP BY state ORDER BY state") == [
        ("exported", 3),
        ("forgotten", 1),
    ]
    assert rows(
        home, "SELECT count(*) FROM lead WHERE lead_id = ? OR person <> '' AND state = 'forgotten'", number
    ) == [(0,)]
    books(home)


def test_it_says_what_remains_and_where(delivered: tuple[Home, int]) -> None:
    home, number = delivered
    said = told(home, "forget", "--handle", "zq_canary", "--yes")
    assert said["leads"] == [{"source": "main", "id": number}]
    assert said["remains"] == [
        {
            "connector": "sheet", "type": "csv", "where": str(home.folder / "leads.csv"), "lead": number,
            "remote_id": said["remains"][0]["remote_id"], "sure": True,
        }
    ]  # fmt: skip
    assert said["unexported"] == []


def sheet_of(home: Home) -> list[str]:
    return (home.folder / "leads.csv").read_text().splitlines(keepends=True)


def test_the_rows_of_a_csv_file_go_too_if_asked_and_the_others_keep_their_bytes(
    delivered: tuple[Home, int],
) -> None:
    home, _ = delivered
    before, mode = sheet_of(home), (home.folder / "leads.csv").stat().st_mode
    assert sum("zq_canary" in line for line in before) == 1
    said = told(home, "forget", "--handle", "zq_canary", "--yes", "--rewrite-files")
    assert said["rewritten"] == [{"connector": "sheet", "file": str(home.folder / "leads.csv"), "rows": 1}]
    assert said["remains"] == []
    assert sheet_of(home) == [line for line in before if "zq_canary" not in line]
    assert (home.folder / "leads.csv").stat().st_mode == mode
    home.sim.world.add_leads(1)
    assert home.syncd("--once").code == 0
    assert len(sheet_of(home)) == len(before), "the connector goes on in the new file"


@pytest.mark.parametrize("way", ["--handle", "--id"])
def test_the_rows_of_a_csv_file_go_with_a_second_run(delivered: tuple[Home, int], way: str) -> None:
    home, number = delivered
    name = {"--handle": "@ZQ_canary", "--id": str(number)}[way]
    assert "--rewrite-files" in home.syncd("forget", way, name, "--yes").out
    out = home.syncd("forget", way, name, "--yes", "--rewrite-files").out
    assert f"Deleted 1 row in {home.folder / 'leads.csv'}\n" in out
    assert "zq_canary" not in "".join(sheet_of(home))


def test_a_row_of_somebody_else_with_the_same_handle_or_id_stays(delivered: tuple[Home, int]) -> None:
    home, number = delivered
    sheet = home.folder / "leads.csv"
    theirs = next(line for line in sheet_of(home) if "zq_canary" in line)
    other = theirs.replace(str(number), "7")
    sheet.write_text(sheet.read_text() + other)
    home.syncd("forget", "--handle", "zq_canary", "--yes", "--rewrite-files")
    assert [line for line in sheet_of(home) if "zq_canary" in line] == [other], "the handle moved on"


def test_in_a_file_of_two_sources_an_id_alone_is_not_enough(delivered: tuple[Home, int]) -> None:
    home, number = delivered
    both, other = 'connectors = ["sheet"]', f'api_key = "ctgo_other"\nbase_url = "{home.sim.url}/api/v2"'
    home.source = f"{both}\n[sources.other]\n{other}\n{both}"
    home.configure()
    sheet = home.folder / "leads.csv"
    theirs = next(line for line in sheet_of(home) if "zq_canary" in line)
    sheet.write_text(sheet.read_text() + theirs.replace("zq_canary", "stranger"))
    ran = home.syncd("forget", "--handle", "zq_canary", "--yes", "--rewrite-files")
    assert ran.code == 0, ran.err
    left = [line for line in sheet_of(home) if line.startswith(f"{number},")]
    assert [("stranger" in line, "zq_canary" in line) for line in left] == [(True, False)]


def test_a_file_that_its_connector_is_writing_is_left_alone(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    before = sheet_of(home)
    with (home.folder / "leads.csv").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ran = home.syncd("forget", "--handle", "zq_canary", "--yes", "--rewrite-files")
    assert (ran.code, sheet_of(home)) == (75, before)
    assert "was not rewritten" in ran.err
    assert not list(home.folder.glob("*.rewriting"))


def test_the_file_of_every_day_is_rewritten_and_a_cell_of_several_lines_stays_whole(home: Home) -> None:
    home.connectors["sheet"] = 'type = "csv"\npath = "leads-{date}.csv"'
    home.configure()
    number = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(
        number, {"profile": {"handle": "other", "xUserId": "5", "bio": 'Two\n"lines", two'}}
    )
    plant(home)
    home.syncd("--once")
    (today,) = home.folder.glob("leads-*.csv")
    text = today.read_text()
    older = home.folder / "leads-2026-01-02.csv"
    older.write_text(text)
    (home.folder / f"{today.name}.rewriting").write_text("of a run that was killed")
    said = told(home, "forget", "--handle", "zq_canary", "--yes", "--rewrite-files")
    assert sorted(it["file"] for it in said["rewritten"]) == sorted([str(older), str(today)])
    assert today.read_text() == older.read_text()
    assert 'Two\n""lines"", two' in today.read_text()
    assert "zq_canary" not in today.read_text()
    assert not list(home.folder.glob("*.rewriting"))


def test_a_file_that_is_no_csv_is_left_alone(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    sheet = home.folder / "leads.csv"
    sheet.write_text(sheet.read_text() + '"' + "x" * 200_000)
    before = sheet.read_bytes()
    ran = home.syncd("forget", "--handle", "zq_canary", "--yes", "--rewrite-files")
    assert (ran.code, sheet.read_bytes()) == (75, before)
    assert "was not rewritten: it is no CSV: field larger than field limit" in ran.err


def test_a_new_lead_of_a_forgotten_person_is_not_taken_in(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    home.syncd("forget", "--handle", "zq_canary", "--yes")
    plant(home)
    nameless = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(nameless, {"profile": {**PROFILE, "xUserId": None}})
    broken = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(broken, {"segmentId": "soon", "profile": PROFILE})
    other = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(other, {"profile": {"handle": "zq_canary", "xUserId": "1", "bio": "new owner"}})
    assert home.syncd("--once").code == 0
    assert rows(home, "SELECT lead_id FROM lead WHERE lead_id > 0 ORDER BY seq")[3:] == [(other,)], (
        "a handle moves on"
    )
    books(home)


def test_with_a_limit_the_forgotten_do_not_stand_in_the_way_of_others(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    home.syncd("forget", "--handle", "zq_canary", "--yes")
    plant(home)
    home.sim.world.add_leads(1)
    assert home.syncd("--once", "--limit", "1").code == 0
    assert rows(home, "SELECT count(*) FROM lead") == [(5,)]


def test_what_waits_is_dropped_and_never_exported(home: Home) -> None:
    home.connectors["sheet"] = 'type = "csv"\npath = "/proc/nowhere/leads.csv"'
    home.configure()
    number = plant(home)
    home.syncd("--once", "--max-wait", "1s")
    said = told(home, "forget", "--id", str(number), "--yes")
    assert said["unexported"] == [{"source": "main", "id": number}]
    assert said["waiting"] == 1
    home.connectors["sheet"] = 'type = "csv"\npath = "leads.csv"'
    home.configure()
    assert home.syncd("--once").code == 0
    assert len(home.sim.world.exported) == 3
    assert number not in home.sim.world.exported
    assert "zq_canary" not in (home.folder / "leads.csv").read_text()
    books(home)


def test_it_works_beside_an_engine_that_holds_the_ledger_open(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    with EngineLock(home.ledger), Ledger.open(home.ledger) as engine:
        with engine.write() as connection:
            connection.exec_driver_sql("UPDATE lead SET ingested_at = ingested_at + 1")
        assert home.syncd("forget", "--handle", "zq_canary", "--yes").code == 0
        assert traces(home) == []
        with engine.read() as connection:
            assert (
                connection.exec_driver_sql("SELECT count(*) FROM lead WHERE state = 'forgotten'").scalar()
                == 1
            )
        assert_books(engine)


def test_copies_beside_the_ledger_are_deleted_and_others_named(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    copy = home.folder / "syncd.db.before-0001"
    copy.write_bytes(home.ledger.read_bytes())
    bystander = home.folder / "other.db"
    bystander.write_bytes(b"not ours")
    assert "zq_canary" in "".join(traces(home))
    said = told(home, "forget", "--handle", "zq_canary", "--yes")
    assert said["deleted"] == [str(copy)]
    assert bystander.exists()
    assert traces(home) == []


def test_what_a_killed_backup_left_is_deleted_too(
    delivered: tuple[Home, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, number = delivered
    left: list[tuple[Path, bytes]] = []
    copy = backups.copy

    def copied(source: Path, to: Path) -> None:
        copy(source, to)
        left.append((to, to.read_bytes()))

    monkeypatch.setattr(backups, "copy", copied)
    assert home.syncd("backup", str(home.folder / "copy.db")).code == 0
    part, content = left[0]
    part.write_bytes(content)
    assert home.syncd("forget", "--id", str(number), "--yes").code == 0
    assert not part.exists()


def test_sentences_that_name_the_person_are_cleaned(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    assert home.syncd("pause", "sheet", "--reason", "zq_canary asked us to stop").code == 0
    other = rows(home, "SELECT seq FROM lead WHERE person <> '990011223344'")[0][0]
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql(
            "UPDATE delivery SET detail = 'Row of Zephyrina Quillfeather, and zq_canaryish' WHERE lead_seq = ?",
            (other,),
        )
        connection.exec_driver_sql("INSERT INTO label VALUES ('main', 'account', 7, 'zq_canary', 0)")
    assert home.syncd("forget", "--handle", "zq_canary", "--yes").code == 0
    assert rows(home, "SELECT detail FROM delivery WHERE lead_seq = ?", other) == [
        ("Row of [forgotten], and zq_canaryish",)
    ]
    assert rows(home, "SELECT detail FROM lane WHERE kind = 'deliver'") == [("[forgotten] asked us to stop",)]
    assert rows(home, "SELECT name FROM label WHERE kind = 'account'") == [("[forgotten]",)]
    assert rows(home, "SELECT detail FROM action WHERE verb = 'pause'") == [("[forgotten] asked us to stop",)]
    assert rows(home, "SELECT verb, detail FROM action ORDER BY id DESC LIMIT 1") == [
        ("forget", "people: 1, leads: 1")
    ]


def test_asked_again_it_looks_for_traces_again_and_all_is_well(delivered: tuple[Home, int]) -> None:
    home, number = delivered
    copy = home.folder / "syncd.db.before-0001"
    held = home.ledger.read_bytes()
    assert home.syncd("forget", "--handle", "zq_canary", "--yes").code == 0
    copy.write_bytes(held)
    for way in (["--handle", "@zq_canary"], ["--id", str(number)], ["--person", PROFILE["xUserId"]]):
        ran = home.syncd("forget", *way, "--yes")
        assert ran.code == 0, ran.err
        assert "forgotten before" in ran.out
    assert traces(home) == []
    ran = home.syncd("lead", str(number))
    assert (ran.code, ran.err) == (1, f"syncd: Lead {number} was forgotten: nothing of it is kept.\n")


def test_a_tracked_account_that_was_forgotten_stays_without_a_name(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    assert home.syncd("forget", "--handle", "zq_canary", "--yes").code == 0
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        save_names(connection, "main", "account", {7: "ZQ_canary", 8: "somebody"}, 1.0)
    assert rows(home, "SELECT id, name FROM label WHERE kind = 'account' AND id IN (7, 8)") == [
        (7, None),
        (8, "somebody"),
    ]
    assert traces(home) == []


def test_somebody_who_was_never_listed_can_be_refused_in_advance(home: Home) -> None:
    home.syncd("--once")
    assert home.syncd("forget", "--handle", "zq_canary", "--yes").code == 1
    assert home.syncd("forget", "--person", "990011223344", "--yes").code == 0
    plant(home)
    assert home.syncd("--once").code == 0
    assert rows(home, "SELECT count(*) FROM lead") == [(3,)]
    assert traces(home) == []


def test_a_dry_run_knows_who_was_forgotten(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    home.syncd("forget", "--handle", "zq_canary", "--yes")
    plant(home)
    ran = home.syncd("--once", "--dry-run")
    assert "1 new" not in ran.out, ran.out


@pytest.mark.parametrize("arguments", [[], ["--handle", "a", "--id", "3"], ["--json", "--handle", "a"]])
def test_a_command_that_does_not_say_whom_is_a_usage_error(home: Home, arguments: list[str]) -> None:
    assert home.syncd("forget", *arguments).code == 64


def test_nobody_is_forgotten_without_a_yes(delivered: tuple[Home, int]) -> None:
    home, _ = delivered
    assert home.syncd("forget", "--handle", "zq_canary").code == 64
    assert rows(home, "SELECT count(*) FROM lead WHERE state = 'forgotten'") == [(0,)]
