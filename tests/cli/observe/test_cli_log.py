"""`log`: who told syncd to do what, newest last, and where the daemon's own log is."""

import re
import time
from pathlib import Path

import pytest

from syncd.settings import load
from syncd.verbs import engine_holder
from syncd.verbs.operator_log import NAMED, UNNAMED
from tests.cli.conftest import Home, rows, told

ROOT = Path(__file__).parents[3]


def act(home: Home, ago: float, verb: str, name: str = "", detail: str = "") -> None:
    query = "INSERT INTO action (at, who, verb, name, detail) VALUES (?, 'mara', ?, ?, ?)"
    rows(home, query, time.time() - ago, verb, name, detail)


@pytest.fixture
def acted(home: Home) -> Home:
    """A ledger on which four things were done."""
    home.syncd("--once")
    act(home, 90000, "forget", detail="people: 1, leads: 2")
    act(home, 7000, "pause", "sheet", "The fields change.")
    act(home, 600, "drop", detail="code csv_bad")
    act(home, 60, "retry", "main", "all")
    return home


def test_each_act_is_a_sentence_and_the_newest_is_the_last(acted: Home) -> None:
    *lines, where = acted.syncd("log").out.splitlines()
    assert [re.sub(r"^20\S+Z  ", "", line) for line in lines] == [
        "mara erased for good: people: 1, leads: 2",
        "mara paused sheet: The fields change.",
        "mara dropped what was rejected: code csv_bad",
        "mara retried main",
    ]
    assert where == "The daemon's own log goes to its stderr."


def test_what_a_verb_did_is_in_it(acted: Home) -> None:
    acted.syncd("pause", "sheet", "--reason", "stock-taking")
    assert re.search(r"Z  \S+ paused sheet: stock-taking\n", acted.syncd("log").out)


@pytest.mark.parametrize(
    ("options", "verbs"),
    [
        (["--since", "2h"], ["pause", "drop", "retry"]),
        (["--since", "30m"], ["drop", "retry"]),
        (["sheet"], ["pause"]),
        (["main", "--since", "2h"], ["retry"]),
        (["--limit", "2"], ["drop", "retry"]),
        (["sheet", "--since", "1h"], []),
    ],
)
def test_it_is_narrowed_by_time_name_and_number(acted: Home, options: list[str], verbs: list[str]) -> None:
    assert [it["verb"] for it in told(acted, "log", *options)] == verbs


def test_a_script_reads_it_as_json(acted: Home) -> None:
    (it,) = told(acted, "log", "sheet")
    assert it.pop("at").endswith("Z")
    assert it.pop("id") == 2
    assert it == {
        "who": "mara",
        "via": "cli",
        "verb": "pause",
        "name": "sheet",
        "detail": "The fields change.",
    }


def test_an_unknown_name_is_answered_by_the_nearest(acted: Home) -> None:
    ran = acted.syncd("log", "shet")
    assert ran.code == 64
    assert "did you mean sheet?" in ran.err
    act(acted, 5, "resume", "gone")
    assert acted.syncd("log", "gone").code == 0, "a connector that has left the configuration"


def test_every_act_that_is_logged_has_its_sentence() -> None:
    sources = [path.read_text() for path in (ROOT / "syncd").rglob("*.py")]
    verbs = {verb for text in sources for verb in re.findall(r'verb="([a-z ]+)"', text)}
    assert verbs == {*NAMED, *UNNAMED}


@pytest.mark.parametrize(
    ("timer", "said"),
    [
        (False, "The service's own log: journalctl -u syncd"),
        (True, "The service's own log: journalctl -u syncd-once"),
    ],
)
def test_a_service_logs_to_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, timer: bool, said: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("")
    monkeypatch.setattr(engine_holder, "SYSTEM_CONFIG", config)
    monkeypatch.setattr(engine_holder, "UNIT", config)
    monkeypatch.setattr(engine_holder, "TIMER", config if timer else tmp_path / "none")
    assert engine_holder.journal_of(load(config, {}, docker_secrets=tmp_path)) == said


def test_a_container_logs_to_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text("")
    monkeypatch.setattr(engine_holder, "CONTAINER", config)
    said = engine_holder.journal_of(load(config, {}, docker_secrets=tmp_path))
    assert said == "The daemon's own log is that of this container: docker compose logs syncd"
