"""`replay`: older leads for a connector, by today's `where`: nothing twice, nothing past a gate, and it says what it does."""

import os
import sqlite3

import pytest

from syncd.engine import replay
from syncd.ledger import Ledger
from syncd.ledger.admin.replays import make
from tests.cli.conftest import Home, MakeHome, rows, told
from tests.cli.run.test_cli_gate import at_a_terminal_run
from tests.support import assert_books, iso

LATER = 'type = "csv"\npath = "later.csv"'


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """Thirty leads that are delivered and exported, and a connector that came later."""
    home = make_home(leads=30)
    home.syncd("--once")
    home.connectors["later"] = LATER
    home.configure()
    return home


def written(home: Home, name: str = "later.csv") -> list[str]:
    file = home.folder / name
    return file.read_text().splitlines()[1:] if file.exists() else []


def replayed(home: Home, *options: str, name: str = "later") -> dict[str, object]:
    found = told(home, "replay", "--connector", name, "--yes", *options)
    with Ledger.open_to_read(home.ledger) as ledger:
        assert_books(ledger)
    assert isinstance(found, dict)
    return found


def test_a_connector_added_later_gets_the_older_leads_once(home: Home) -> None:
    home.syncd("--once")
    assert written(home) == [], "of its own accord it gets new ones only"
    assert replayed(home) == {
        "connector": "later", "new": 30, "again": 0, "unwanted": 0, "unnamed": 0, "unasked": 0, "payload_gone": 0, "filter_failed": 0,
        "held": False, "made": 30, "set_aside": 0,
    }  # fmt: skip
    assert home.syncd("--once").code == 0
    assert len(set(written(home))) == 30
    assert replayed(home)["new"] == 0
    home.syncd("--once")
    assert len(written(home)) == 30
    assert set(home.sim.world.export_counts.values()) == {1}, "exported they stay"
    assert rows(home, "SELECT verb, name, detail FROM action") == [("replay", "later", "30 new, 0 again")]


def test_it_says_so_in_words(home: Home) -> None:
    ran = home.syncd("replay", "--connector", "later", "--yes")
    assert ran.out.splitlines() == [
        "30 older leads would go to later, and 0 once more.",
        "30 deliveries were made for later.",
        "No engine is running; to continue: syncd --once",
    ]
    assert home.syncd("replay", "--connector", "later").out.endswith("Nothing was changed.\n")


def test_since_takes_those_discovered_from_then_on(home: Home) -> None:
    instants = sorted(at for (at,) in rows(home, "SELECT discovered_at FROM lead"))
    n = sum(at >= instants[20] for at in instants)
    found = replayed(home, "--since", iso(instants[20]))
    assert 0 < n < 30
    assert found["new"] == n


def test_todays_where_decides_and_says_what_it_cannot_decide(home: Home) -> None:
    home.connectors["later"] = LATER + '\nwhere = "id % 2 == 0 and (id % 3 != 0 or handle > 3)"'
    home.configure()
    ids = [i for (i,) in rows(home, "SELECT lead_id FROM lead")]
    found = replayed(home)
    assert (found["new"], found["filter_failed"], found["unwanted"]) == (
        sum(i % 2 == 0 and i % 3 != 0 for i in ids),
        sum(i % 6 == 0 for i in ids),
        sum(i % 2 == 1 for i in ids),
    )
    assert told(home, "status")["set_aside"] == found["filter_failed"] == found["set_aside"]


def test_a_where_on_names_waits_until_they_are_known(home: Home) -> None:
    home.connectors["later"] = LATER + '\nwhere = "stream_name == stream_name"'
    home.configure()
    ran = home.syncd("replay", "--connector", "later")
    assert "30 cannot be judged yet" in ran.out
    home.sim.world.add_leads(1)
    home.syncd("--once")
    assert replayed(home)["new"] == 30


def test_what_retention_has_dropped_is_counted_and_said(home: Home) -> None:
    rows(home, "DELETE FROM payload WHERE seq <= 4")
    ran = home.syncd("replay", "--connector", "later")
    assert "26 older leads would go to later" in ran.out
    assert "4 cannot: retention has dropped their payload" in ran.out


def test_it_passes_through_the_gate_and_yes_does_not_open_it(home: Home) -> None:
    home.connectors["later"] = LATER + "\ngate = 10"
    home.configure()
    ran = home.syncd("replay", "--connector", "later", "--yes")
    assert "That is more than its gate lets through (10): the 5 oldest would go" in ran.out
    assert "syncd release later" in ran.out
    assert told(home, "status")["connectors"]["later"]["held"] == 25
    assert home.syncd("status").out.count("gate_held") == 1, "before any engine has run"
    assert home.syncd("--once").code == 75
    oldest = [i for (i,) in rows(home, "SELECT lead_id FROM lead ORDER BY discovered_at LIMIT 5")]
    assert sorted(int(line.split(",")[0]) for line in written(home)) == sorted(oldest)
    home.syncd("release", "later")
    assert home.syncd("--once").code == 0
    assert len(written(home)) == 30


def test_behind_a_closed_gate_even_a_little_waits(home: Home) -> None:
    home.connectors["later"] = LATER + "\ngate = 10"
    home.configure()
    home.sim.world.add_leads(20)
    assert home.syncd("--once").code == 75
    ((newest,),) = rows(home, "SELECT max(discovered_at) FROM lead WHERE seq <= 30")
    found = replayed(home, "--since", iso(newest))
    assert found["held"] is True
    assert home.syncd("--once").code == 75
    assert len(written(home)) == 5


def test_up_to_its_gate_all_go(home: Home) -> None:
    home.connectors["later"] = LATER + "\ngate = 30"
    home.configure()
    assert replayed(home)["held"] is False
    assert home.syncd("--once").code == 0
    assert len(written(home)) == 30


def test_rejected_ones_go_again_when_asked_for_and_todays_where_wants_them(make_home: MakeHome) -> None:
    home = make_home(leads=30)
    home.connectors["later"] = LATER + '\nwhere = "handle > 3"'
    home.configure()
    assert home.syncd("--once").code == 1
    home.connectors["later"] = LATER + '\nwhere = "id % 2 == 0"'
    home.configure()
    assert replayed(home)["again"] == 0
    even = sum(i % 2 == 0 for (i,) in rows(home, "SELECT lead_id FROM lead"))
    found = replayed(home, "--rejected")
    assert (found["new"], found["again"], found["unwanted"]) == (0, even, 30 - even)
    home.syncd("--once")
    assert len(written(home)) == even
    assert told(home, "status")["sources"]["main"]["leads"] == {"exported": even, "rejected": 30 - even}


def test_unwanted_leads_are_wanted_when_asked_for_and_are_exported_only_then(make_home: MakeHome) -> None:
    home = make_home(leads=30)
    home.connectors = {"later": LATER + '\nwhere = "id == 0"'}
    home.configure()
    home.syncd("--once")
    assert told(home, "status")["sources"]["main"]["leads"] == {"unwanted": 30}
    home.connectors = {"later": LATER}
    home.configure()
    assert replayed(home)["new"] == 0
    assert replayed(home, "--unwanted")["new"] == 30
    assert told(home, "status")["sources"]["main"]["leads"] == {"delivering": 30}
    home.syncd("--once")
    assert (len(written(home)), len(home.sim.world.exported)) == (30, 30)
    assert told(home, "status")["sources"]["main"]["leads"] == {"exported": 30}


def test_a_delivery_that_was_dropped_as_unwanted_comes_back_when_asked_for(make_home: MakeHome) -> None:
    home = make_home(leads=6)
    home.connectors["later"] = LATER + '\nwhere = "handle > 3"'
    home.configure()
    home.syncd("--once")
    home.connectors["later"] = LATER + '\nwhere = "id == 0"'
    home.configure()
    home.syncd("rejected", "retry")
    home.syncd("--once")
    assert rows(home, "SELECT DISTINCT state, code FROM delivery WHERE connector = 'later'") == [
        ("dropped", "unwanted")
    ]
    home.connectors["later"] = LATER
    home.configure()
    assert replayed(home)["again"] == 0
    assert replayed(home, "--unwanted")["again"] == 6
    home.syncd("--once")
    assert len(written(home)) == 6
    assert told(home, "status")["sources"]["main"]["leads"] == {"exported": 6}


def test_what_a_person_dropped_for_good_stays_dropped(home: Home) -> None:
    home.connectors["later"] = LATER + "\ngate = 10"
    home.configure()
    replayed(home)
    home.syncd("release", "later", "--drop", "--yes")
    found = replayed(home, "--rejected", "--unwanted")
    assert (found["new"], found["again"]) == (0, 0)


def test_leads_of_sources_that_do_not_go_there_are_not_its_own(home: Home) -> None:
    home.source = 'connectors = ["sheet"]'
    home.connectors["sheet"] = 'type = "csv"\npath = "leads.csv"'
    home.configure()
    assert replayed(home)["new"] == 0


def test_a_delivery_made_late_does_not_hold_back_the_export_of_a_lead_that_others_were_given(
    make_home: MakeHome,
) -> None:
    home = make_home(leads=5)
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    home.connectors["later"] = 'type = "csv"\npath = "config.toml/later.csv"'
    home.configure()
    assert replayed(home)["new"] == 5
    home.syncd("resume", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    assert len(home.sim.world.exported) == 5


@pytest.mark.parametrize(("answer", "made"), [("y", 30), ("n", 0)])
def test_on_a_terminal_it_asks(home: Home, answer: str, made: int) -> None:
    _, shown = at_a_terminal_run(home, answer, "replay", "--connector", "later")
    assert "Continue? [y/N]" in shown
    assert rows(home, "SELECT count(*) FROM delivery WHERE connector = 'later'") == [(made,)]


def test_without_a_terminal_it_wants_a_yes(home: Home) -> None:
    """As `forget` does: nobody can answer."""
    ran = home.syncd("replay", "--connector", "later")
    assert (ran.code, "Nobody can answer here: add --yes" in ran.err) == (64, True)
    assert home.syncd("replay", "--connector", "later", "--json").code == 64
    assert rows(home, "SELECT count(*) FROM delivery WHERE connector = 'later'") == [(0,)]
    dry = home.syncd("replay", "--connector", "later", "--dry-run")
    assert dry.out.splitlines() == [
        "30 older leads would go to later, and 0 once more.",
        "Nothing was changed.",
    ]


def test_a_connector_that_is_none_is_a_usage_error(home: Home) -> None:
    ran = home.syncd("replay", "--connector", "latter")
    assert ran.code == 64
    assert "did you mean later?" in ran.err
    assert home.syncd("replay").code == 64


def test_exports_whose_mark_ctgo_lost_are_made_again(home: Home) -> None:
    lost = home.sim.world.listed()[4]
    home.sim.world.lose_mark(lost.id)
    assert told(home, "replay", "--exports") == {
        "lost": {"main": [lost.id]},
        "unexported": {"main": []},
        "made": 1,
    }
    with Ledger.open_to_read(home.ledger) as ledger:
        assert_books(ledger)
    home.syncd("--once")
    assert lost.id in home.sim.world.exported
    assert told(home, "replay", "--exports") == {"lost": {"main": []}, "unexported": {"main": []}, "made": 0}


def test_what_was_delivered_while_the_source_did_not_export_is_exported_later(home: Home) -> None:
    """A trial with export = false, and then the real thing."""
    world = home.sim.world
    home.source = "export = false\n"
    home.configure()
    found = sorted(world.add_leads(3))
    assert home.syncd("--once").code == 0
    home.source = ""
    home.configure()
    home.syncd("--once")
    assert not set(found) & set(world.exported)
    assert told(home, "replay", "--exports") == {
        "lost": {"main": []},
        "unexported": {"main": found},
        "made": 3,
    }
    with Ledger.open_to_read(home.ledger) as ledger:
        assert_books(ledger)
    home.syncd("--once")
    assert set(found) <= set(world.exported)
    with Ledger.open_to_read(home.ledger) as ledger:
        assert_books(ledger)


def test_exports_are_made_again_only_if_a_person_agrees(home: Home) -> None:
    home.sim.world.lose_mark(home.sim.world.listed()[4].id)
    _, shown = at_a_terminal_run(home, "n", "replay", "--exports")
    assert "Export them? [y/N]" in shown
    assert rows(home, "SELECT DISTINCT state FROM export") == [("delivered",)]
    assert home.syncd("replay", "--exports", "--connector", "later").code == 64


def test_a_dead_replay_is_finished_by_the_next(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after its first transaction; the five that went are five."""
    home.connectors["later"] = LATER + "\ngate = 10"
    home.configure()
    monkeypatch.setattr(replay, "MADE_AT_ONCE", 8)
    calls = iter(range(2))

    def dying(*args: object, **more: str) -> int:
        if next(calls, None) is None:
            raise sqlite3.InterfaceError(os.strerror(5))
        return make(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(replay, "make", dying)
    with pytest.raises(sqlite3.InterfaceError):
        home.syncd("replay", "--connector", "later", "--yes")
    monkeypatch.setattr(replay, "make", make)
    assert home.syncd("--once").code == 75
    oldest = [i for (i,) in rows(home, "SELECT lead_id FROM lead ORDER BY discovered_at LIMIT 5")]
    assert sorted(int(line.split(",")[0]) for line in written(home)) == sorted(oldest)
    assert replayed(home)["made"] == 14
    assert home.syncd("--once").code == 75
    assert len(written(home)) == 5
    home.syncd("release", "later")
    home.syncd("--once")
    assert len(set(written(home))) == 30
