"""Feedback at the command line: a run, what a dry run says, what can be looked at, and what outlives a restore."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.simulator import Fault
from syncd.simulator.crms.hubspot import TOKEN, HubSpotFake
from tests.cli.conftest import Home, MakeHome, content, findings, rows, told
from tests.support import assert_books

TABLE = """
[connectors.crm.feedback]
property = "hs_lead_status"
good = ["CONNECTED"]
bad = { UNQUALIFIED = "wrong_job", BAD_TIMING = "other" }
notes = { BAD_TIMING = "Right person, wrong moment." }
"""


class Crm(Home):
    """A home with a HubSpot beside it."""

    hubspot: HubSpotFake

    def people(self) -> list[str]:
        return [it["person"] for it in self.hubspot.people()]

    def mark(self, value: str, *persons: str) -> None:
        for person in persons:
            assert self.hubspot.mark(person, value) == 1

    def said(self) -> dict[str, str]:
        """What CTGO was told, by person."""
        persons = {row.id: row.person.x_user_id for row in self.sim.world.listed()}
        return {
            persons[lead_id]: f"{it.judgement.feedback} {it.judgement.reason}"
            for (lead_id, _), it in self.sim.world.feedback.stored.items()
        }


@pytest.fixture
def crm(make_home: MakeHome) -> Iterator[Crm]:
    """Three leads that HubSpot has and CTGO knows as exported."""
    home = make_home()
    fake = HubSpotFake()
    fake.lag, fake.burst = 0.0, 10_000
    with fake.served() as url:
        made = Crm(home.folder, home.sim, home.capsys)
        made.hubspot = fake
        options = f'type = "hubspot"\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n'
        made.connectors = {"crm": options + TABLE}
        made.configure()
        assert made.syncd("--once").code == 0
        yield made


def sound(home: Home) -> None:
    with Ledger.open(home.ledger) as ledger:
        assert_books(ledger)


def test_a_run_tells_what_sales_made_of_the_leads(crm: Crm) -> None:
    first, second, third = crm.people()
    crm.mark("UNQUALIFIED", first)
    crm.mark("CONNECTED", second)
    crm.mark("IN_PROGRESS", third)
    ran = crm.syncd("--once")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "main: 2 feedback sent")
    assert crm.said() == {first: "bad wrong_job", second: "good None"}
    assert crm.syncd("--once").code == 0
    assert crm.sim.world.feedback.posts == 2
    sound(crm)


def test_a_dry_run_says_what_would_be_told_and_changes_nothing(crm: Crm) -> None:
    first, second, _ = crm.people()
    crm.mark("BAD_TIMING", first)
    crm.mark("CONNECTED", second)
    before = content(crm)
    ran = crm.syncd("--once", "--dry-run")
    assert ran.code == 0
    lines = [line for line in ran.out.splitlines() if "would be reported" in line]
    assert len(lines) == 2
    assert any(
        line.endswith("would be reported as bad (other: Right person, wrong moment.)") for line in lines
    )
    assert any(line.endswith("would be reported as good") for line in lines)
    said = {it["judgement"] for it in told(crm, "--once", "--dry-run")["feedback"]}
    assert said == {"good", "bad (other: Right person, wrong moment.)"}
    assert (content(crm), crm.sim.world.feedback.posts) == (before, 0)
    crm.syncd("--once")
    assert "no feedback would be sent" in crm.syncd("--once", "--dry-run").out


def test_a_dry_run_says_what_stands_in_the_way(crm: Crm) -> None:
    crm.hubspot.revoke()
    ran = crm.syncd("--once", "--dry-run")
    assert ran.code == 0
    assert "connector crm (feedback): HubSpot does not accept the access token" in ran.err
    assert "syncd resume crm" in ran.err


def test_status_lead_and_plan_tell_of_it(crm: Crm) -> None:
    first = crm.people()[0]
    crm.mark("UNQUALIFIED", first)
    crm.syncd("--once")
    found = told(crm, "status")
    assert found["sources"]["main"]["feedback"] == {"delivered": 1}
    assert found["connectors"]["crm"]["heard_at"].endswith("Z")
    out = crm.syncd("status").out
    assert "main: feedback: 1 sent" in out
    assert "crm: last asked for feedback" in out
    number = rows(crm, "SELECT lead_id FROM lead WHERE person = ?", first)[0][0]
    (lead,) = told(crm, "lead", str(number))
    assert (lead["feedback"]["state"], lead["feedback"]["told"]) == ("delivered", "bad wrong_job")
    shown = crm.syncd("lead", str(number)).out
    assert "crm says: bad (wrong_job)" in shown
    assert "feedback: delivered, 1 attempt" in shown
    assert told(crm, "plan")["sources"]["main"]["feedback"] == 0


def test_a_pause_of_the_source_leaves_words_to_be_told_and_says_so(crm: Crm) -> None:
    crm.mark("UNQUALIFIED", crm.people()[0])
    assert crm.syncd("pause", "main").code == 0
    ran = crm.syncd("--once", "--max-wait", "0s")
    assert ran.code == 75
    assert "1 feedback to send" in ran.out
    assert told(crm, "plan")["sources"]["main"]["requests"] == 1
    assert {"pull", "export", "feedback"} == {lane["kind"] for lane in told(crm, "status")["lanes"]}
    assert crm.syncd("resume", "main").code == 0
    assert crm.syncd("--once").code == 0
    assert crm.sim.world.feedback.posts == 1


def test_a_pause_of_the_connector_stops_listening_too(crm: Crm) -> None:
    crm.mark("UNQUALIFIED", crm.people()[0])
    crm.syncd("pause", "crm")
    crm.syncd("--once", "--max-wait", "0s")
    assert crm.sim.world.feedback.posts == 0
    crm.syncd("resume", "crm")
    assert crm.syncd("--once").code == 0
    assert crm.sim.world.feedback.posts == 1


def test_without_the_table_nothing_is_asked_and_nothing_told(crm: Crm) -> None:
    crm.mark("UNQUALIFIED", *crm.people())
    crm.syncd("pause", "main")
    crm.syncd("--once", "--max-wait", "0s")
    crm.syncd("resume", "main")
    crm.connectors["crm"] = crm.connectors["crm"].replace(TABLE, "")
    crm.configure()
    asked = len(crm.hubspot.calls("search"))
    assert crm.syncd("--once").code == 0
    assert (len(crm.hubspot.calls("search")), crm.sim.world.feedback.posts) == (asked, 0)


def test_a_halted_listener_exits_with_work_left_and_a_fix(crm: Crm) -> None:
    crm.connectors["crm"] = crm.connectors["crm"].replace("hs_lead_status", "hs_leed_status")
    crm.configure()
    ran = crm.syncd("--once", "--max-wait", "0s")
    assert ran.code == 75
    assert "connector crm: HubSpot refuses to search contacts by hs_leed_status (400)" in ran.err
    assert "syncd resume crm" in ran.err
    code, found = findings(crm)
    assert code == 2
    assert any("hs_leed_status" in it for it in found["error", "connector crm"])


def test_what_is_refused_is_listed_with_what_to_do(crm: Crm) -> None:
    crm.mark("UNQUALIFIED", crm.people()[0])
    crm.sim.world.fail(Fault("feedback", status=400, body=b'{"error":"bad_request"}'))
    assert crm.syncd("--once").code == 1
    (cause,) = told(crm, "rejected", "list")
    assert (cause["kind"], cause["where"], cause["code"], cause["n"]) == (
        "feedback",
        "main",
        "bad_request",
        1,
    )
    number = rows(crm, "SELECT lead_id FROM feedback")[0][0]
    assert crm.syncd("rejected", "show", str(number)).code == 0
    assert crm.syncd("rejected", "retry").code == 0
    assert crm.syncd("--once").code == 0
    assert crm.sim.world.feedback.posts == 1
    sound(crm)


def test_whoever_is_forgotten_leaves_nothing_of_what_was_said(crm: Crm) -> None:
    first, second, _ = crm.people()
    crm.mark("UNQUALIFIED", first, second)
    crm.syncd("--once")
    assert crm.syncd("forget", "--person", first, "--yes").code == 0
    assert rows(crm, "SELECT person FROM heard") == [(second,)]
    assert rows(crm, "SELECT count(*) FROM feedback") == [(1,)]
    assert first.encode() not in crm.ledger.read_bytes()
    sound(crm)
    crm.mark("BAD_TIMING", first)
    crm.syncd("--once")
    assert crm.said()[first] == "bad wrong_job"


def test_a_restored_ledger_tells_nothing_twice_and_forgets_nothing_that_was_heard(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(crm.folder)
    first, second, third = crm.people()
    crm.mark("UNQUALIFIED", first)
    crm.syncd("--once")
    assert crm.syncd("backup", "past.db").code == 0
    crm.mark("CONNECTED", first, second)
    crm.syncd("--once")
    crm.mark("BAD_TIMING", third)
    crm.syncd("pause", "main")
    crm.syncd("--once", "--max-wait", "0s")
    assert crm.syncd("restore", "past.db").code == 0
    sound(crm)
    crm.syncd("resume", "main")
    assert crm.syncd("--once").code == 0
    assert crm.said() == {first: "good None", second: "good None", third: "bad other"}
    assert crm.sim.world.feedback.posts == 4
    assert crm.syncd("audit").code == 0
    sound(crm)


def test_the_journal_says_who_was_heard_by_number_alone(crm: Crm) -> None:
    first = crm.people()[0]
    crm.mark("UNQUALIFIED", first)
    ran = crm.syncd("--once")
    names = rows(crm, "SELECT json_extract(text, '$.profile.displayName') FROM payload")
    assert "feedback_heard" in ran.err
    assert [it for (it,) in names if it in ran.err] == []
    assert first not in ran.err


PROGRAM = """
import json, sys
from pathlib import Path
from syncd.app.engine import make_engine
from syncd.app.connectors import compile_connectors
from syncd.app.privileges import settings_in_force
from syncd.cli.run import daemon, once
from syncd.clock import SystemClock
from syncd.ledger import Ledger
from syncd.simulator import Fault
from syncd.log import logger
settings = settings_in_force(Path(sys.argv[1]))
with Ledger.open(settings.state.path, upgrade=True) as ledger:
    mapped = compile_connectors(settings)
    engine = make_engine(settings, ledger, logger(), lambda *_: None, clock=SystemClock(), mapped=mapped)
    engine.close()
print(json.dumps(sorted(name for name in sys.modules if name.startswith("syncd"))))
"""
OURS = {
    "syncd.core.feedback", "syncd.app.feedback_late", "syncd.engine.feedback", "syncd.ledger.deliveries.statuses",
}  # fmt: skip


@pytest.mark.parametrize("table", [True, False])
def test_only_who_has_feedback_imports_its_modules(crm: Crm, table: bool) -> None:  # noqa: FBT001
    if not table:
        crm.connectors["crm"] = crm.connectors["crm"].replace(TABLE, "")
        crm.configure()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(crm.config)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert OURS & set(json.loads(done.stdout)) == (OURS if table else set())
