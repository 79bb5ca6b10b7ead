"""What CTGO was not asked for yet is told by the report, `status` and `lead`, and `replay` brings back what an older syncd gave up."""

import pytest

from tests.cli.conftest import Home, MakeHome, rows, told

TABLE = """
[sources.main.enrich]
where = ""
email_mode = "any"
keep_credits = 0
"""
MAIL = 'type = "csv"\npath = "mail.csv"\nwhere = "email"'


@pytest.fixture
def waiting(make_home: MakeHome) -> Home:
    """Five leads, two of which the day has room for; one connector takes leads by email alone."""
    home = make_home(contact_rate=1.0, leads=5, credits=100)
    home.connectors["mail"] = MAIL
    home.source = TABLE + "per_day = 2\n"
    home.configure()
    return home


def test_a_run_says_how_many_wait_and_until_when_and_leaves_with_75(waiting: Home) -> None:
    ran = waiting.syncd("--once", "--max-wait", "0s")
    assert ran.code == 75
    assert "source main: 3 leads wait for CTGO to be asked about them, not before " in ran.err
    assert "(per_day_spent)" in ran.err
    assert "leads_not_enriched" in ran.err
    assert "sheet: 5 delivered" in ran.out
    again = waiting.syncd("--once", "--max-wait", "0s")
    assert (again.code, "3 leads wait" in again.err) == (75, True)


def test_status_counts_them_and_a_lead_tells_what_it_waits_for(waiting: Home) -> None:
    waiting.syncd("--once", "--max-wait", "0s")
    assert "enriching main: 3 wait, 2 of 2 asked today" in waiting.syncd("status").out
    assert told(waiting, "plan")["sources"]["main"]["enriching"]["waiting"] == 3
    assert told(waiting, "status")["connectors"]["mail"]["held"] == 0
    ((lead_id,), *_) = rows(
        waiting, "SELECT lead_id FROM lead JOIN delivery ON lead_seq = seq WHERE held = 'unasked'"
    )
    shown = waiting.syncd("lead", str(lead_id)).out
    assert "mail: pending: Its `where` needs what CTGO was not asked for yet. (unasked)" in shown
    assert "not asked: per_day_spent" in shown
    assert "gate" not in shown
    assert waiting.syncd("explain", "unasked").code == 0


def test_once_there_is_room_all_of_them_are_delivered_and_the_run_ends_with_0(waiting: Home) -> None:
    waiting.syncd("--once", "--max-wait", "0s")
    waiting.source = TABLE
    waiting.configure()
    ran = waiting.syncd("--once")
    assert (ran.code, "mail: 3 delivered" in ran.out) == (0, True)
    assert rows(waiting, "SELECT DISTINCT state FROM lead") == [("exported",)]
    assert len(waiting.sim.world.exported) == 5


def test_a_release_of_the_gate_leaves_them_waiting(waiting: Home) -> None:
    waiting.syncd("--once", "--max-wait", "0s")
    waiting.syncd("release", "mail")
    assert rows(waiting, "SELECT count(*) FROM delivery WHERE held = 'unasked'") == [(3,)]


def test_replay_has_ctgo_asked_about_what_nobody_wanted_for_want_of_an_answer(waiting: Home) -> None:
    """As a syncd before this one left its ledger: nobody wanted the leads that it did not ask about."""
    waiting.connectors = {"mail": MAIL}
    waiting.configure()
    waiting.syncd("--once", "--max-wait", "0s")
    rows(waiting, "DELETE FROM delivery WHERE held = 'unasked'")
    rows(waiting, "UPDATE lead SET state = 'unwanted', settled_at = ingested_at WHERE state = 'delivering'")
    rows(waiting, "UPDATE tally SET state = 'unwanted' WHERE kind = 'lead' AND state = 'delivering'")
    rows(waiting, "UPDATE tally SET n = 0 WHERE kind = 'delivery' AND state = 'pending'")
    assert "no connector's `where` accepts 3 leads" in waiting.syncd("status").out
    ran = waiting.syncd("replay", "--connector", "mail", "--unwanted", "--yes")
    assert "3 wait until CTGO answers" in ran.out
    assert rows(waiting, "SELECT count(*) FROM delivery WHERE held = 'unasked' AND required") == [(3,)]
    waiting.source = TABLE
    waiting.configure()
    assert waiting.syncd("--once").code == 0
    assert rows(waiting, "SELECT DISTINCT state FROM lead") == [("exported",)]
    assert waiting.syncd("audit").code == 0


def test_why_nobody_wanted_a_lead_is_told(make_home: MakeHome) -> None:
    home = make_home()
    home.connectors = {"mail": MAIL}
    home.configure()
    ran = home.syncd("--once")
    assert (ran.code, "leads_not_delivered" in ran.err) == (0, True)
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    assert "unwanted: no connector's `where` accepts it" in home.syncd("lead", str(lead_id)).out
