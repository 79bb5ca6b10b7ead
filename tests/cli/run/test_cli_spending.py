"""What enriching spends is told before, while and after: `check`, `--dry-run`, `plan`, `status`, `lead`."""

import json
from typing import Any

import pytest

from syncd.cli.observe.lead import describe_enrichment
from syncd.cli.prepare.checks import unbounded
from syncd.ctgo import Me
from syncd.settings import Enrich, Source
from syncd.simulator import Fault
from tests.cli.conftest import Home, MakeHome, findings, rows, told

TABLE = """
[sources.main.enrich]
where = ""
email_mode = "any"
when_exhausted = "hold"
"""


def enriching(make_home: MakeHome, more: str = "", **options: Any) -> Home:
    home = make_home(contact_rate=1.0, **options)
    home.source = TABLE + more
    home.configure()
    return home


def test_a_run_enriches_and_a_lead_tells_what_was_found(make_home: MakeHome) -> None:
    home = enriching(make_home)
    assert home.syncd("--once").code == 0
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    assert (
        "enriching: asked for email (any) and linkedin_url, found email and linkedin_url"
        in home.syncd("lead", str(lead_id)).out
    )
    assert "@" in (home.folder / "leads.csv").read_text()


def test_a_dry_run_says_what_would_be_enriched_and_spends_nothing(make_home: MakeHome) -> None:
    home = enriching(make_home)
    assert "main: 3 new leads would be enriched" in home.syncd("--once", "--dry-run").out
    assert home.sim.world.credits == 31


def test_leads_that_are_held_are_left_over_and_told(make_home: MakeHome) -> None:
    home = enriching(make_home, "per_day = 2\n")
    ran = home.syncd("--once", "--max-wait", "0s")
    assert (ran.code, "1 to enrich" in ran.out) == (75, True)
    assert "(per_day_spent)" in ran.err
    assert "1 left to do" in ran.err
    found = told(home, "status")["sources"]["main"]["enriching"]
    assert (found["waiting"], found["asked_today"], found["per_day"], found["credits"]) == (1, 2, 2, 27)
    assert (
        "enriching main: 1 wait, 2 of 2 asked today, 27 credits left (10 are kept)"
        in home.syncd("status").out
    )
    ((lead_id,),) = rows(home, "SELECT lead_id FROM lead WHERE state = 'enriching'")
    assert "CTGO will be asked about it" in home.syncd("lead", str(lead_id)).out


def test_the_plan_counts_the_requests_that_enriching_needs(make_home: MakeHome) -> None:
    home = enriching(make_home, "per_day = 0\n")
    home.syncd("--once", "--max-wait", "0s")
    home.source = TABLE
    home.configure()
    found = told(home, "plan")["sources"]["main"]
    assert (found["enriching"]["asks"], found["requests"]) == (3, 3)


def test_a_pause_of_the_source_is_lifted_for_enriching_too(make_home: MakeHome) -> None:
    home = enriching(make_home, "per_day = 0\n")
    home.syncd("--once", "--max-wait", "0s")
    assert "Resumed source main (enrich)" in home.syncd("resume", "main").out


def test_an_account_that_may_not_enrich_leaves_work_and_its_key_is_not_refused(make_home: MakeHome) -> None:
    home = enriching(make_home)
    home.sim.world.fail(Fault("enrich", times=9, status=403, body=b'{"error": "forbidden"}'))
    ran = home.syncd("--once", "--max-wait", "0s")
    assert (ran.code, ran.err.count("(forbidden)")) == (75, 1)


def test_a_refused_key_is_complained_of_once(make_home: MakeHome) -> None:
    home = enriching(make_home, "per_day = 0\n")
    home.syncd("--once", "--max-wait", "0s")
    home.sim.world.revoke()
    ran = home.syncd("--once", "--max-wait", "0s")
    assert (ran.code, ran.err.count("(key_refused)")) == (77, 1)


def test_a_mistake_in_its_where_is_a_mistake_of_the_configuration(make_home: MakeHome) -> None:
    home = enriching(make_home)
    home.source = home.source.replace('where = ""', 'where = "follower_cout > 5"')
    home.configure()
    for verb in (("--once",), ("check",), ("map", "--check")):
        ran = home.syncd(*verb)
        assert ran.code == 78
        assert (
            "sources.main.enrich.where: there is no variable follower_cout: did you mean follower_count?"
            in (ran.out + ran.err)
        )


def test_the_check_says_when_nothing_can_be_enriched(make_home: MakeHome) -> None:
    _, found = findings(enriching(make_home, "keep_credits = 31\n"))
    assert any("credits_kept" in detail for detail in found["warning", "source main"])


def test_the_check_warns_of_a_connector_that_waits_for_what_nobody_looks_up(make_home: MakeHome) -> None:
    home = make_home()
    home.connectors["sheet"] += "\nwhere = \"email_status == 'verified'\""
    home.configure()
    _, found = findings(home)
    assert any("never_enriched" in detail for detail in found["warning", "connector sheet"])
    home.source = TABLE
    home.configure()
    _, found = findings(home)
    assert ("warning", "connector sheet") not in found


def me(told_credits: dict[str, object] | None) -> Me:
    return Me.model_validate_json(json.dumps({"name": "x", "credits": told_credits}))


def source(**enrich: Any) -> Source:
    return Source.model_validate(
        {"api_key": "ctgo_spending_5d1e", "enrich": Enrich(**enrich) if enrich is not None else None}
    )


def test_with_automatic_top_up_the_check_demands_per_day() -> None:
    topped_up = me({"balance": 31, "autoTopupEnabled": True})
    assert "per_day is not set" in unbounded(source(), topped_up)
    assert unbounded(source(per_day=50), topped_up) == ""
    assert unbounded(source(), me({"balance": 31, "autoTopupEnabled": False})) == ""
    assert unbounded(source(), me(None)) == ""
    assert unbounded(Source.model_validate({"api_key": "ctgo_spending_5d1e"}), topped_up) == ""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, ""),
        ("text", ""),
        ({"skipped": "credits_kept"}, "not asked: credits_kept"),
        ({"asked": {"email": "verified"}}, "asked for email (verified), found nothing"),
        (
            {"asked": {"linkedin_url": "any"}, "linkedin": {"url": "x"}, "skipped": "enrich_answer_lost"},
            "asked for linkedin_url, found linkedin_url, not asked for all: enrich_answer_lost",
        ),
    ],
)
def test_what_enriching_came_to_is_told_without_what_was_found(document: Any, said: str) -> None:
    assert describe_enrichment(document) == said
