"""`syncd audit`: sound books are proved, and whatever cannot be is found."""

import json
from typing import Any

import pytest

from syncd.ledger.admin.auditor import _CANNOT_BE
from tests.cli.conftest import Home, rows


def audit(home: Home, *options: str) -> tuple[int, Any]:
    ran = home.syncd("audit", "--json", *options)
    return ran.code, json.loads(ran.out)


@pytest.fixture
def exported(home: Home) -> Home:
    assert home.syncd("--once").code == 0
    return home


def test_sound_books_are_proved(exported: Home) -> None:
    code, told = audit(exported, "--upstream")
    assert (code, told["ok"], told["findings"], told["unsettled"]) == (0, True, [], [])
    assert told["leads"] == {"main": {"exported": 3}}
    assert told["upstream"] == {"main": {}}
    ran = exported.syncd("audit")
    assert ran.out.splitlines() == ["main: 3 leads: 3 exported", "The books add up."]


def test_what_is_not_settled_is_listed_with_the_reason(home: Home) -> None:
    home.connectors["other"] = 'type = "csv"\npath = "/proc/nowhere/x.csv"'
    home.connectors["picky"] = 'type = "csv"\npath = "picky.csv"\nwhere = "follower_count > handle"'
    home.configure()
    home.sim.world.amend_lead(home.sim.world.add_leads(1)[0], {"segmentId": "soon"})
    home.syncd("--once", "--max-wait", "1s")
    code, told = audit(home)
    assert code == 0, "waiting is no fault"
    states = {(it["state"], it["where"], it["code"]): it["n"] for it in told["unsettled"]}
    assert states["quarantined", "", "lead_malformed"] == 1
    assert {where for _, where, _ in states} >= {"other", "picky"}
    assert all(it["fix"] for it in told["unsettled"] if it["code"])


_FEEDBACK = (
    "INSERT INTO feedback (source, lead_id, segment_id, connector, word, heard_at, told, state, attempts, due_at, suspect,"
    " maybe_sent, code, detail) VALUES ('main', 1, {segment}, 'crm', 'bad other', 5.0, '{told}', '{state}', 0, 0, 0, 0, '', '')"
)
WRONG = {
    "tally_off": "UPDATE tally SET n = n + 1 WHERE kind = 'delivery'",
    "settled_without_time": "UPDATE lead SET settled_at = NULL WHERE seq = 1",
    "exported_undelivered": "UPDATE delivery SET state = 'rejected' WHERE id = 1",
    "exported_unmarked": "UPDATE export SET state = 'dropped' WHERE id = 1",
    "export_without_evidence": "UPDATE delivery SET state = 'dropped' WHERE id = 1",
    "settled_with_work_left": "UPDATE delivery SET state = 'pending' WHERE lead_seq = (SELECT seq FROM lead WHERE state = 'unexported')",
    "without_a_reason": "UPDATE lead SET state = 'delivering', settled_at = NULL WHERE seq = 1",
    "personal_data_left": "UPDATE lead SET state = 'forgotten' WHERE seq = 1",
    "feedback_nowhere": _FEEDBACK.format(segment=0, state="pending", told=""),
    "feedback_untold": _FEEDBACK.format(segment=6, state="delivered", told="good"),
    "delivery_without_lead": "UPDATE delivery SET lead_seq = 99 WHERE id = 1",
}


@pytest.mark.parametrize("code", WRONG)
def test_every_contradiction_is_found_and_exits_with_2(exported: Home, code: str) -> None:
    if code == "settled_with_work_left":
        rows(exported, "UPDATE lead SET state = 'unexported' WHERE seq = 1")
    rows(exported, WRONG[code])
    exit_, told = audit(exported)
    assert exit_ == 2
    assert code in {it["code"] for it in told["findings"]}
    assert all(it["fix"] and it["n"] for it in told["findings"])
    assert "The books do not add up." in exported.syncd("audit").out


def test_there_is_a_test_for_every_contradiction() -> None:
    assert set(WRONG) == {*_CANNOT_BE, "tally_off"}


def test_a_lead_that_ctgo_lists_and_the_ledger_lacks_is_found(exported: Home) -> None:
    world = exported.sim.world
    newest = rows(exported, "SELECT max(discovered_at) FROM lead")[0][0]
    late = world.add_leads(1, discovered=newest - 5)[0]
    world.add_leads(1)  # newer than the last pull: nobody has missed it
    code, told = audit(exported, "--upstream")
    assert code == 2
    assert [(it["code"], it["leads"]) for it in told["findings"]] == [("missing_here", [late])]


def test_a_mark_that_ctgo_lost_is_found(home: Home) -> None:
    home.source = "export = false"
    home.configure()
    home.syncd("--once")
    number = rows(home, "SELECT lead_id FROM lead WHERE seq = 2")[0][0]
    rows(home, "UPDATE lead SET state = 'exported' WHERE seq = 2")
    insert = (
        "INSERT INTO export (source, lead_id, state, attempts, due_at, suspect, maybe_sent, code, detail, settled_at)"
        " VALUES ('main', ?, 'delivered', 1, 0, 0, 0, '', '', 5.0)"
    )
    rows(home, insert, number)
    code, told = audit(home, "--upstream")
    assert ("mark_lost", [number]) in [(it["code"], it["leads"]) for it in told["findings"]]
    assert told["upstream"] == {"main": {"exported": 1, "unexported": 2}}
    assert code == 2


def test_whoever_was_forgotten_is_not_missing(home: Home) -> None:
    home.connectors["sheet"] = 'type = "csv"\npath = "/proc/nowhere/leads.csv"'
    home.configure()
    home.syncd("--once", "--max-wait", "1s")
    number = rows(home, "SELECT lead_id FROM lead WHERE seq = 1")[0][0]
    assert home.syncd("forget", "--id", str(number), "--yes").code == 0
    code, told = audit(home, "--upstream")
    assert told["upstream"] == {"main": {"delivering": 2, "forgotten": 1}}
    assert code == 0, told


def test_when_ctgo_cannot_be_asked_nothing_is_proved(exported: Home) -> None:
    exported.configure("http://127.0.0.1:9/api/v2")
    code, told = audit(exported, "--upstream")
    assert (code, told["ok"]) == (69, False)
    assert told["upstream"]["main"]["code"] == "unreachable"


def test_the_limiter_counts_what_it_asks(exported: Home) -> None:
    before = rows(exported, "SELECT coalesce(sum(n), 0) FROM slot")[0][0]
    audit(exported, "--upstream")
    assert rows(exported, "SELECT sum(n) FROM slot")[0][0] == before + 1
