"""Enriching: credits are spent on what somebody wants, once, within the budget, and nothing is exported before."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from syncd.engine.fanout import Enriching
from syncd.mapping import Filter
from syncd.simulator import World
from tests.support import DAY, Bench, unreachable

FIELDS = {"handle": "{{ handle }}", "email": "{{ email }}", "linkedin": "{{ linkedin_url }}"}
Through = Callable[[], httpx.Response]


def terms(where: str = "", **changes: Any) -> Enriching:
    settled: dict[str, Any] = {
        "outputs": ("email", "linkedin_url"),
        "email_mode": "any",
        "per_day": 1000,
        "keep_credits": 0,
        "when_exhausted": "deliver",
        **changes,
    }
    return Enriching(where=Filter.compile("enrich", where), **settled)


def ctgo(bench: Bench, where: str = "", *, sim: dict[str, Any] | None = None, **changes: Any) -> World:
    options = {"leads": 5, "credits": 1000, **(sim or {})}
    return bench.ctgo(context={"enriching": terms(where, **changes)}, **options)


def asks(bench: Bench) -> list[int]:
    """Lead ids that were asked about, in order."""
    found = [r.path for r in bench.accounts["main"].world.requests if r.path.endswith("/enrich")]
    return [int(path.split("/")[-2]) for path in found]


def fields(bench: Bench, place: str = "crm") -> dict[int, dict[str, object]]:
    return {thing.writes[0]: thing.fields for thing in bench.places[place].far.things}


def on_enrich(bench: Bench, answer: Callable[[Through], httpx.Response], times: int = 10**6) -> None:
    """Put something between the lane and the enriching endpoint, for so many requests."""
    left = [times]

    def answering(request: httpx.Request, through: Through) -> httpx.Response:
        if request.url.path.endswith("/enrich") and left[0]:
            left[0] -= 1
            return answer(through)
        return through()

    bench.life.wires["main"].answering = answering


def lost(through: Through) -> httpx.Response:
    """The answer is lost after it was applied."""
    through()
    raise httpx.ReadTimeout("lost")


def refused(status: int, error: str = "") -> Callable[[Through], httpx.Response]:
    return lambda _: httpx.Response(status, json={"error": error})


def test_leads_are_delivered_with_what_enriching_found(bench: Bench) -> None:
    world = ctgo(bench, sim={"contact_rate": 1.0})
    bench.place(fields=FIELDS)
    bench.once()
    assert all({"email", "linkedin"} <= set(found) for found in fields(bench).values())
    assert sorted(asks(bench)) == sorted(row.id for row in world.listed())
    assert bench.leads() == {"exported": 5}
    assert world.credits == 990


def test_nothing_is_asked_without_the_table(bench: Bench) -> None:
    world = bench.ctgo(leads=5)
    bench.place(fields=FIELDS)
    bench.once()
    assert (asks(bench), world.credits) == ([], 31)


def test_only_leads_that_are_worth_it_are_asked_about(bench: Bench) -> None:
    world = ctgo(bench, "match_confidence == 'high'", sim={"leads": 20})
    bench.place(fields=FIELDS)
    bench.once()
    high = {row.id for row in world.listed() if row.confidence == "high"}
    assert set(asks(bench)) == high
    assert bench.leads() == {"exported": 20}


def test_a_lead_that_nobody_wants_costs_nothing(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 20})
    bench.place("one", where="match_confidence == 'high'", fields=FIELDS)
    bench.place("two", where="follower_count > 10 and match_confidence == 'high'", fields=FIELDS)
    bench.once()
    high = {row.id for row in world.listed() if row.confidence == "high"}
    assert set(asks(bench)) == high
    assert bench.leads() == {"exported": len(high), "unwanted": 20 - len(high)}


def test_a_where_that_needs_what_enriching_finds_is_judged_when_it_is_over(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 20, "contact_rate": 0.5})
    bench.place("mail", where="email", fields=FIELDS)
    bench.place("all", fields=FIELDS)
    bench.once()
    assert len(asks(bench)) == 20
    with_email = {lead for lead, found in fields(bench, "all").items() if "email" in found}
    assert 0 < len(with_email) < 20
    assert set(fields(bench, "mail")) == with_email
    assert bench.leads() == {"exported": 20}


def test_a_lead_whose_only_taker_turns_out_not_to_want_it_is_unwanted_and_not_exported(bench: Bench) -> None:
    world = ctgo(bench, sim={"contact_rate": 0.0})
    bench.place(where="email")
    bench.once()
    assert bench.leads() == {"unwanted": 5}
    assert not world.exported


def test_only_what_is_missing_is_asked_for(bench: Bench) -> None:
    ctgo(bench, sim={"contact_in_listings": "lead", "contact_rate": 1.0})
    bench.place(fields=FIELDS)
    bench.once()
    assert asks(bench) == []
    assert all("email" in found for found in fields(bench).values())


def test_other_leads_of_a_person_are_not_asked_about_again(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 5, "repeats": 1.0, "repeat_ids": "own", "contact_rate": 0.5})
    bench.place(fields=FIELDS)
    bench.once()
    assert len(world.listed()) == 10
    assert len(asks(bench)) == 5
    found = fields(bench)
    by_person: dict[str, set[object]] = {}
    for row in world.listed():
        by_person.setdefault(row.person.x_user_id, set()).add(found[row.id].get("email"))
    assert all(len(emails) == 1 for emails in by_person.values())


def test_what_was_asked_is_known_after_a_restart_and_for_later_leads(bench: Bench) -> None:
    world = ctgo(bench, sim={"contact_rate": 0.0})
    bench.place(fields=FIELDS)
    bench.once()
    for row in world.listed():
        world.amend_lead(
            row.id, {"segmentId": 99}
        )  # listed again under another segment: new rows of old people
    bench.stop()
    bench.once()
    assert bench.leads() == {"exported": 10}
    assert len(asks(bench)) == 5


def test_a_lost_answer_is_asked_again_once_and_counted(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 3, "contact_rate": 1.0})
    bench.place(fields=FIELDS)
    on_enrich(bench, lost, 1)
    bench.once()
    assert len(asks(bench)) == 4
    assert bench.rows("SELECT asks FROM askday") == [(4,)]
    assert bench.rows("SELECT * FROM ask") == []
    assert bench.leads() == {"exported": 3}
    assert all("email" in found for found in fields(bench).values())
    assert world.credits == 1000 - 6


def test_answers_that_are_lost_twice_are_given_up_and_the_lead_goes_on(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 3})
    bench.place(fields=FIELDS)
    on_enrich(bench, lost)
    bench.once(3 * DAY)
    assert len(asks(bench)) == 6
    assert bench.leads() == {"exported": 3}
    assert all("enrich_answer_lost" in document for (document,) in bench.rows("SELECT enrichment FROM lead"))


def test_an_outage_spends_no_lead_twice_while_it_lasts(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 40})
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(503))
    bench.once(DAY / 4)
    ((persons, most),) = bench.rows("SELECT count(*), max(asks) FROM ask")
    assert 20 <= persons < 40
    assert most == 1
    assert bench.leads() == {"enriching": 40}
    on_enrich(bench, lambda through: through())
    bench.run(DAY)
    assert bench.leads() == {"exported": 40}


def test_what_never_left_is_no_ask(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 3})
    bench.place(fields=FIELDS)

    def down(_: Through) -> httpx.Response:
        raise httpx.ConnectError("refused")

    on_enrich(bench, down, 5)
    bench.once()
    assert bench.rows("SELECT asks FROM askday") == [(3,)]
    assert bench.leads() == {"exported": 3}


def test_no_more_than_per_day_are_asked_on_a_day(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 10}, per_day=4, when_exhausted="hold")
    bench.place(fields=FIELDS)
    bench.once(600)
    assert len(asks(bench)) == 4
    assert bench.leads() == {"enriching": 6, "exported": 4}
    assert bench.lane("enrich", "main").code == "per_day_spent"
    bench.run(3 * DAY)
    assert len(asks(bench)) == 10
    assert bench.leads() == {"exported": 10}


def test_with_deliver_what_the_day_has_no_room_for_goes_on_as_it_is(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 10, "contact_rate": 1.0}, per_day=4)
    bench.place(fields=FIELDS)
    bench.once(600)
    assert bench.leads() == {"exported": 10}
    assert sum("email" in found for found in fields(bench).values()) == 4
    skipped = bench.rows("SELECT count(*) FROM lead WHERE enrichment LIKE '%per_day_spent%'")
    assert skipped == [(6,)]


@pytest.mark.parametrize("cost", [1, 3])
def test_the_credits_that_are_to_be_kept_are_kept(bench: Bench, cost: int) -> None:
    world = ctgo(
        bench, sim={"leads": 20, "credits": 40, "credit_cost": cost, "contact_rate": 1.0}, keep_credits=10
    )
    bench.place(fields=FIELDS)
    bench.once()
    assert world.credits >= 10
    assert world.credits - 2 * cost < 10
    assert bench.leads() == {"exported": 20}


def test_held_leads_go_on_when_credits_were_topped_up(bench: Bench) -> None:
    world = ctgo(bench, sim={"credits": 12, "contact_rate": 1.0}, keep_credits=10, when_exhausted="hold")
    bench.place(fields=FIELDS)
    bench.once(600)
    assert bench.leads() == {"enriching": 4, "exported": 1}
    world.credits = 100
    bench.run(2 * 3600)
    assert bench.leads() == {"exported": 5}


@pytest.mark.parametrize("hold", ["deliver", "hold"])
def test_exhausted_credits_stop_enriching_alone(bench: Bench, hold: str) -> None:
    ctgo(bench, sim={"credits": 1}, when_exhausted=hold)
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(429, "credits_exhausted"))
    bench.once(600)
    assert bench.lane("enrich", "main").code == "credits_exhausted"
    assert bench.lane("pull", "main").status == "open"
    assert bench.leads() == ({"exported": 5} if hold == "deliver" else {"enriching": 5})
    assert len(asks(bench)) == 0
    assert bench.rows("SELECT sum(asks) FROM askday") == [(0,)]


def test_without_a_team_enriching_halts_and_leads_go_on(bench: Bench) -> None:
    ctgo(bench, sim={"team": False})
    bench.place(fields=FIELDS)
    bench.once()
    lane = bench.lane("enrich", "main")
    assert (lane.status, lane.code) == ("halted", "no_team")
    assert bench.lane("export", "main").status == "open"
    assert bench.leads() == {"exported": 5}


def test_a_lead_or_profile_that_is_gone_is_delivered_as_it_is(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 9})
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(404, "profile_missing"))
    bench.once(2 * 86400.0)
    assert bench.leads() == {"exported": 9}
    assert bench.lane("enrich", "main").status == "open"


def test_a_request_that_is_refused_for_everybody_halts_enriching(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30}, when_exhausted="hold")
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(400, "bad_parameter"))
    bench.once()
    assert bench.lane("enrich", "main").status == "halted"
    assert bench.leads() == {"enriching": 30}


def test_a_refused_key_halts_the_source_and_holds_the_leads(bench: Bench) -> None:
    ctgo(bench)
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(401, "Invalid or revoked API key."))
    bench.once()
    assert {bench.lane(kind, "main").status for kind in ("pull", "export", "enrich")} == {"halted"}
    assert bench.leads() == {"enriching": 5}


@pytest.mark.parametrize("missing", ["null", "absent"])
def test_nothing_found_is_an_answer(bench: Bench, missing: str) -> None:
    ctgo(bench, sim={"contact_rate": 0.0, "missing_contact": missing})
    bench.place(fields=FIELDS)
    bench.once()
    assert bench.leads() == {"exported": 5}
    assert all(set(found) == {"handle"} for found in fields(bench).values())


def test_where_the_balance_is_not_told_some_credits_cannot_be_kept(bench: Bench) -> None:
    ctgo(bench, sim={"credits_told": False}, keep_credits=5, when_exhausted="hold")
    bench.place(fields=FIELDS)
    bench.once(600)
    assert (asks(bench), bench.lane("enrich", "main").code) == ([], "credits_unknown")


def test_where_the_balance_is_not_told_and_none_is_to_be_kept_the_day_is_the_bound(bench: Bench) -> None:
    ctgo(bench, sim={"credits_told": False}, per_day=3)
    bench.place(fields=FIELDS)
    bench.once(600)
    assert len(asks(bench)) == 3
    assert bench.leads() == {"exported": 5}


def test_exhausted_credits_that_say_when_to_come_back_stop_nothing_else_on_the_key(bench: Bench) -> None:
    world = ctgo(bench, sim={"credits_told": False, "credits": 0, "credits_retry_after": 3000})
    bench.place(fields=FIELDS)
    before = bench.clock.monotonic()
    bench.once(600)
    assert bench.clock.monotonic() - before < 60
    assert len(world.exported) == 5


def test_a_paused_source_spends_nothing(bench: Bench) -> None:
    ctgo(bench)
    bench.place(fields=FIELDS)
    bench.life.pulls["main"].ask_live()
    while bench.leads() != {"enriching": 5}:
        bench.life.pulls["main"].step()
    bench.sql("UPDATE lane SET status = 'paused', code = 'paused_by_hand' WHERE kind = 'pull'")
    bench.sql(
        "INSERT OR IGNORE INTO lane SELECT 'pull', 'main', 'paused', 'paused_by_hand', '', 'me', 0, NULL, 0, 0, 0, '', '[]', '[]', 0"
    )
    bench.run(3600)
    assert asks(bench) == []


def test_leads_that_wait_are_settled_when_the_table_was_taken_out(bench: Bench) -> None:
    world = ctgo(bench, when_exhausted="hold", per_day=0)
    bench.place(fields=FIELDS)
    bench.once(60)
    assert bench.leads() == {"enriching": 5}
    bench.stop()
    bench.accounts["main"].context.clear()
    from syncd.engine.enrich import Enrich  # noqa: PLC0415

    context = bench.life.contexts["main"]
    bench.life.others.append(Enrich(context, bench.tools(bench.ledger)))
    bench.due["enrich", "main"] = bench.clock.monotonic()
    bench.run(60)
    assert bench.leads() == {"exported": 5}
    assert len(world.exported) == 5


def test_an_id_is_exported_only_when_every_row_of_it_was_enriched(bench: Bench) -> None:
    """One row waits for enriching while another of the same id is delivered."""
    world = ctgo(bench, "stream_id == 14", sim={"leads": 6, "repeats": 1.0}, when_exhausted="hold", per_day=0)
    bench.place(fields=FIELDS)
    bench.once(600)
    waiting = {row[0] for row in bench.rows("SELECT lead_id FROM lead WHERE state = 'enriching'")}
    assert waiting
    assert not waiting & set(world.exported)


def test_deliveries_of_others_are_not_held_up(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 4})
    bench.place("down", fields=FIELDS)
    bench.place("up", fields=FIELDS)
    bench.places["down"].far.rule = unreachable
    bench.once(600)
    assert bench.deliveries("up") == {"delivered": 4}
    assert bench.leads() == {"delivering": 4}


@pytest.mark.parametrize("payload", [None, "null", "[1]", "{"])
def test_a_lead_whose_payload_is_damaged_keeps_no_other_waiting(bench: Bench, payload: str | None) -> None:
    ctgo(bench, sim={"leads": 4})
    bench.place(fields=FIELDS)
    bench.life.pulls["main"].ask_live()
    while bench.leads() != {"enriching": 4}:
        bench.life.pulls["main"].step()
    if payload is None:
        bench.sql("DELETE FROM payload WHERE seq = 1")
    else:
        bench.sql("UPDATE payload SET text = ? WHERE seq = 1", payload)
    bench.run(600)
    assert bench.leads() == {"enriching": 1, "exported": 3}
