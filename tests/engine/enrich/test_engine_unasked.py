"""What CTGO was not asked for is no answer: a connector whose `where` hangs on it waits, and all are asked in the end."""

import json

import pytest

from syncd.ledger.admin import maintenance
from tests.engine.enrich.test_engine_enriching import FIELDS, asks, ctgo, fields, on_enrich, refused, terms
from tests.support import DAY, Bench

MAIL = {"contact_rate": 1.0}


def test_a_lead_that_the_day_has_no_room_for_is_asked_about_on_another(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 12, **MAIL}, per_day=5)
    bench.place("mail", where="email", fields=FIELDS)
    bench.once(600)
    assert bench.deliveries("mail") == {"delivered": 5, "pending": 7}
    assert bench.leads() == {"exported": 5, "delivering": 7}
    assert bench.lane("enrich", "main").code == "per_day_spent"
    bench.run(DAY)
    assert bench.deliveries("mail") == {"delivered": 10, "pending": 2}
    bench.run(DAY)
    assert bench.leads() == {"exported": 12}
    assert len(asks(bench)) == 12


def test_of_130_leads_at_50_a_day_all_are_asked_about_and_delivered_with_an_email(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 130, "credits": 1000, **MAIL}, per_day=50, keep_credits=10)
    bench.place("mail", people=True, where="email", fields=FIELDS)
    bench.once(600)
    for asked in (50, 100, 130):
        assert len(asks(bench)) == asked
        assert bench.rows("SELECT count(*) FROM lead WHERE state = 'unwanted'") == [(0,)]
        bench.once(DAY)
    assert bench.leads() == {"exported": 130}
    assert len(world.exported) == 130
    assert all("email" in found for found in fields(bench, "mail").values())


def test_a_larger_share_is_used_by_the_next_start(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 12, **MAIL}, per_day=5)
    bench.place("mail", where="email", fields=FIELDS)
    bench.once(600)
    bench.stop()
    bench.accounts["main"].context["enriching"] = terms(per_day=1000)
    bench.once(600)
    assert bench.leads() == {"exported": 12}


def test_who_needs_no_answer_gets_the_lead_at_once_and_a_best_effort_one_holds_no_export(
    bench: Bench,
) -> None:
    world = ctgo(bench, sim={"leads": 12, **MAIL}, per_day=5)
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", required=False, where="email", fields=FIELDS)
    bench.once(600)
    assert bench.deliveries("sheet") == {"delivered": 12}
    assert bench.deliveries("mail") == {"delivered": 5, "pending": 7}
    assert len(world.exported) == 12
    bench.run(3 * DAY)
    assert bench.deliveries("mail") == {"delivered": 12}
    assert len(bench.places["sheet"].far.things) == 12


def test_a_required_one_that_waits_holds_the_export(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 12, **MAIL}, per_day=5)
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    bench.once(600)
    assert bench.deliveries("sheet") == {"delivered": 12}
    assert len(world.exported) == 5
    bench.run(3 * DAY)
    assert len(world.exported) == 12


def test_when_the_answer_comes_where_is_evaluated_again(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 12, "contact_rate": 0.5}, per_day=5)
    bench.place("mail", where="email", fields=FIELDS)
    bench.once(3 * DAY)
    found = [json.loads(it) for (it,) in bench.rows("SELECT enrichment FROM lead")]
    with_email = sum(bool(it.get("email")) for it in found)
    assert 0 < with_email < 12
    assert bench.leads() == {"exported": with_email, "unwanted": 12 - with_email}
    assert bench.deliveries("mail")["delivered"] == with_email
    assert all("email" in it["asked"] and "skipped" not in it for it in found)


def test_retention_keeps_what_was_not_asked_yet(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 8, **MAIL}, per_day=5)
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", required=False, where="email", fields=FIELDS)
    bench.once(600)
    with bench.ledger.write() as connection:
        dropped, _ = maintenance.drop_payloads(connection, bench.clock.now() + DAY, maintenance.FIRST, 1000)
    assert dropped == 5
    bench.run(DAY)
    assert bench.deliveries("mail") == {"delivered": 8}


def test_no_gate_counts_or_frees_what_waits_for_an_answer(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL}, per_day=4)
    bench.place("mail", where="email", fields=FIELDS, gate=6)
    bench.once(600)
    bench.stop()
    bench.run(2 * DAY)
    assert bench.deliveries("mail") == {"delivered": 12, "pending": 18}
    bench.run(6 * DAY)
    assert bench.deliveries("mail") == {"delivered": 30}


def test_a_where_that_needs_it_no_longer_is_counted_at_the_gate(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL}, per_day=0)
    bench.place("mail", where="email", fields=FIELDS, gate=6)
    bench.once(600)
    assert bench.deliveries("mail") == {"pending": 30}
    bench.stop()
    bench.places["mail"].where = ""
    bench.once(600)
    assert bench.deliveries("mail") == {"delivered": 5, "pending": 25}


def test_without_the_table_where_says_what_it_says(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 6, **MAIL}, per_day=2)
    bench.place("mail", where="email", fields=FIELDS)
    bench.once(600)
    bench.stop()
    bench.accounts["main"].context.clear()
    bench.once(600)
    assert bench.leads() == {"exported": 2, "unwanted": 4}
    assert bench.rows("SELECT count(*) FROM lead WHERE enrichment LIKE '%enrich_off%'") == [(4,)]


@pytest.mark.parametrize("status", [402, 403])
def test_a_lane_that_halts_leaves_them_waiting(bench: Bench, status: int) -> None:
    ctgo(bench, sim={"leads": 12, **MAIL})
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, refused(status, "Forbidden"))
    bench.once(600)
    assert bench.lane("enrich", "main").status == "halted"
    assert bench.leads() == {"delivering": 12}
    on_enrich(bench, lambda through: through())
    bench.stop()
    bench.once(600)
    assert bench.leads() == {"exported": 12}


def test_runs_that_end_ask_a_days_share_each(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 6, **MAIL}, per_day=2)
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    for _ in range(4):
        bench.once(600)
        bench.stop()
        bench.clock.advance(DAY)
    assert bench.leads() == {"exported": 6}
    assert len(asks(bench)) == 6
