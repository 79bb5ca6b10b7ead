"""`check`: every part that a run needs is tried, and what is wrong comes with what to do and the right exit code."""

import fcntl
import os
import socket
import threading
from pathlib import Path
from typing import NoReturn

import pytest
from pydantic import SecretStr

from syncd.cli.prepare.checks import costly
from syncd.clock import SystemClock
from syncd.engine.budget import RequestBudget
from syncd.ledger import Ledger
from syncd.ledger.budgets import read_budgets
from syncd.ledger.database import EngineLock
from syncd.settings import Schedule, Source
from syncd.simulator import Fault
from tests.cli.conftest import KEY, Home, MakeHome, findings


def test_when_all_is_well_every_part_says_so(home: Home) -> None:
    code, found = findings(home)
    assert code == 0
    assert [about for _, about in found] == [
        "configuration", "ledger", "source main", "connector sheet", "alerts",
    ]  # fmt: skip
    assert {level for level, about in found if about != "alerts"} == {"ok"}
    assert found["ok", "source main"] == ["CTGO knows the key, subscription active, 31 credits"]


def test_the_report_is_readable(home: Home) -> None:
    out = home.syncd("check").out
    assert f"ok       configuration    {home.config}\n" in out
    assert "ok       source main      CTGO knows the key" in out


def test_it_asks_one_question_and_counts_it(home: Home) -> None:
    home.syncd("check")
    assert home.sim.world.stats()["requests"] == {"GET /api/v2/me": {"200": 1}}
    clock = SystemClock()
    meter = RequestBudget(KEY, 60, clock, deadline=0).meter
    with Ledger.open_to_read(home.ledger) as ledger, ledger.read() as connection:
        budget = read_budgets(connection, [meter], clock.monotonic())[meter.name]
    (slots,) = budget.taken
    assert slots.n == 1
    assert slots.free_at - clock.monotonic() < 61


def test_a_full_budget_is_not_overdrawn(home: Home) -> None:
    home.source = 'requests_per_minute = 1\npoll = "10m"'
    home.configure()
    home.syncd("check")
    code, found = findings(home, "--max-wait", "0s")
    assert code == 0
    assert found["warning", "source main"] == ["Not asked: all its requests of this minute are taken."]
    assert home.sim.world.stats()["requests"] == {"GET /api/v2/me": {"200": 1}}


def test_mistakes_in_the_configuration_are_all_told_with_78(home: Home) -> None:
    home.config.write_text(home.config.read_text() + '\n[log]\nlevle = "info"\nformat = "x"\n')
    code, found = findings(home)
    assert code == 78
    assert len(found["error", "configuration"]) == 2
    assert "did you mean level?" in " ".join(found["error", "configuration"])


def test_a_mistake_in_a_mapping_is_told_and_the_key_is_tried_all_the_same(home: Home) -> None:
    home.connectors["sheet"] += '\nfields = { name = "{{ hanlde }}" }'
    home.configure()
    code, found = findings(home)
    assert code == 78
    assert "handle" in found["error", "configuration"][0]
    assert ("ok", "source main") in found


def test_without_a_source_or_a_connector_there_is_nothing_to_run(home: Home) -> None:
    home.config.write_text("")
    code, found = findings(home)
    assert code == 78
    assert len(found["error", "configuration"]) == 2


def test_without_a_configuration_file_check_says_which(home: Home) -> None:
    home.config.unlink()
    ran = home.syncd("check")
    assert ran.code == 78
    assert "config.toml: cannot be read" in ran.out


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, False), (0o600, False)])
def test_a_secret_that_everybody_can_read_is_warned_of(home: Home, mode: int, warned: bool) -> None:  # noqa: FBT001 - a table
    home.config.chmod(mode)
    code, found = findings(home)
    assert code == 0
    assert (("warning", "configuration") in found) is warned
    assert (f"chmod o= {home.config}" in home.syncd("check").out) is warned


def test_a_file_without_a_secret_may_be_read_by_everybody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.config.write_text(home.config.read_text().replace(f'api_key = "{KEY}"', ""))
    home.config.chmod(0o644)
    monkeypatch.setenv("SYNCD_SOURCES__MAIN__API_KEY", KEY)
    assert ("warning", "configuration") not in findings(home)[1]


def test_a_refused_key_is_77_and_resume_is_advised_only_once_a_lane_has_halted(home: Home) -> None:
    home.sim.world.revoke(KEY)
    code, found = findings(home)
    assert code == 77
    assert found["error", "source main"][0].endswith("key_refused")
    assert "which begins with ctgo_" in home.syncd("check").out
    assert "syncd resume" not in home.syncd("check").out
    assert home.syncd("--once").code == 77
    assert "syncd resume main" in home.syncd("check").out


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


def test_an_address_where_nobody_answers_is_69_with_a_sentence(home: Home) -> None:
    home.configure(f"http://127.0.0.1:{closed_port()}/api/v2")
    code, found = findings(home)
    assert code == 69
    assert "refused the connection. unreachable" in found["error", "source main"][0]


def test_https_to_something_that_does_not_speak_it_is_69_with_a_sentence(home: Home) -> None:
    def hang_up() -> None:
        connection, _ = listening.accept()
        connection.sendall(b"220 mail.example ESMTP\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=hang_up)
        thread.start()
        home.configure(f"https://127.0.0.1:{listening.getsockname()[1]}/api/v2")
        code, found = findings(home)
        thread.join()
    assert code == 69
    assert found["error", "source main"][0].endswith("unreachable")


def test_a_wrong_path_is_69(home: Home) -> None:
    home.configure(f"{home.sim.url}/elsewhere")
    assert findings(home)[0] == 69


def test_an_overloaded_ctgo_is_69(home: Home) -> None:
    home.sim.world.fail(Fault(status=503))
    code, found = findings(home)
    assert code == 69
    assert found["error", "source main"][0].endswith("upstream_unavailable")


def test_a_ledger_that_is_none_is_74_and_the_connectors_are_checked_all_the_same(home: Home) -> None:
    home.ledger.write_text("This is no database, and it is longer than the header of one would be. " * 20)
    code, found = findings(home)
    assert code == 74
    assert "is not a database" in found["error", "ledger"][0]
    assert ("ok", "connector sheet") in found


def test_a_ledger_of_a_newer_syncd_is_73(home: Home) -> None:
    home.syncd("check")
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert findings(home)[0] == 73


def test_it_runs_beside_an_engine_and_says_so(home: Home) -> None:
    home.syncd("--once")
    with EngineLock(home.ledger):
        code, found = findings(home)
    assert code == 0
    assert f"the engine of process {os.getpid()} runs on it" in found["ok", "ledger"][0]


def test_it_never_touches_the_lock(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> NoReturn:
        raise AssertionError("an engine that starts now would be turned away")

    home.syncd("check")
    monkeypatch.setattr(fcntl, "flock", forbidden)
    for verb in ("check", "status"):
        assert home.syncd(verb).code == 0
    assert not Path(f"{home.ledger}.lock").exists()


def test_a_renamed_source_and_a_connector_that_left_are_warned_of(home: Home) -> None:
    home.syncd("--once", "--limit", "1")
    home.syncd("pause", "sheet")
    home.syncd("--once", "--max-wait", "0s")
    home.connectors = {"other": 'type = "csv"\npath = "other.csv"'}
    home.configure()
    home.config.write_text(home.config.read_text().replace("sources.main", "sources.renamed"))
    code, found = findings(home)
    assert code == 0
    assert "The ledger knows it" in found["warning", "source main"][0]
    assert found["warning", "connector sheet"] == ["2 deliveries wait for it. connector_unconfigured"]


@pytest.mark.parametrize(
    ("poll", "requests", "warned"),
    [
        ("60s", 31, True), ("60s", 30, False), ("5m", 100, False), ("*/5 * * * *", 900, False),
        ("1s", 1, True), ("2s", 1, False),
    ],
)  # fmt: skip
def test_polling_is_warned_of_when_it_takes_more_than_half_the_budget(
    poll: str,
    requests: int,
    warned: bool,  # noqa: FBT001 - a table
) -> None:
    source = Source(api_key=SecretStr(KEY), poll=Schedule(poll))
    assert bool(list(costly("main", source, requests))) is warned


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_secret_is_printed_whatever_goes_wrong(make_home: MakeHome, options: tuple[str, ...]) -> None:
    home = make_home()
    said = home.syncd("check", *options)
    home.sim.world.revoke(KEY)
    refused = home.syncd("check", *options)
    home.config.write_text(home.config.read_text().replace("base_url", "base_ulr"))
    mistaken = home.syncd("check", *options)
    assert [it.code for it in (said, refused, mistaken)] == [0, 77, 78]
    assert "canary" not in "".join((*said[1:], *refused[1:], *mistaken[1:]))


def test_a_missing_key_is_told_as_it_is(home: Home) -> None:
    home.config.write_text('[sources.main]\n[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n')
    code, found = findings(home)
    assert code == 78
    assert any("api_key: is missing" in detail for detail in found["error", "configuration"])


@pytest.mark.parametrize("verb", [("check",), ("--once",)])
def test_two_csv_connectors_with_one_path_are_a_mistake_of_the_configuration(
    home: Home, verb: tuple[str, ...]
) -> None:
    home.connectors["again"] = 'type = "csv"\npath = "./leads.csv"\nfields.id = "{{ id }}"'
    home.configure()
    ran = home.syncd(*verb)
    assert ran.code == 78
    assert "connectors.again.path: may mean the file of connectors.sheet.path" in ran.out + ran.err


@pytest.mark.parametrize("verb", [("check",), ("--once",)])
@pytest.mark.parametrize(
    ("path", "whose"),
    [
        ("syncd.db", "the ledger"),
        ("sub/../syncd.db-wal", "the ledger"),
        ("syncd.db.lock", "the ledger"),
        ("config.toml", "the configuration"),
        ("link.csv", "the configuration"),
    ],
)
def test_a_connectors_file_is_none_of_syncds_own(
    home: Home, verb: tuple[str, ...], path: str, whose: str
) -> None:
    (home.folder / "link.csv").symlink_to(home.config)
    home.connectors["sheet"] = f'type = "csv"\npath = "{path}"'
    home.configure()
    before = home.config.read_bytes()
    ran = home.syncd(*verb)
    assert ran.code == 78
    assert f"connectors.sheet.path: this is {whose} of syncd itself" in ran.out + ran.err
    assert home.config.read_bytes() == before
