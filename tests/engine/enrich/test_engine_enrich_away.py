"""The enrich route is away, or refuses one lead: neither settles a backlog, and nobody waits for one lead."""

from collections.abc import Callable

import httpx
import pytest

from syncd.ledger.admin import rejections
from syncd.ledger.admin.rejections import Chosen
from tests.engine.enrich.test_engine_enriching import (
    FIELDS,
    Through,
    asks,
    ctgo,
    lost,
    on_enrich,
    refused,
)
from tests.support import DAY, Bench

HOUR = 3600.0
MAIL = {"contact_rate": 1.0}


def on_leads(bench: Bench, ids: set[int], answer: Callable[[Through], httpx.Response]) -> None:
    """Put something between the lane and the enriching endpoint of these leads."""

    def answering(request: httpx.Request, through: Through) -> httpx.Response:
        path = request.url.path
        if path.endswith("/enrich") and int(path.split("/")[-2]) in ids:
            return answer(through)
        return through()

    bench.life.wires["main"].answering = answering


def listed(bench: Bench) -> list[int]:
    return [row.id for row in bench.accounts["main"].world.listed()]


def test_ten_that_are_not_found_are_the_routes_fault_and_wait_again(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL})
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, refused(404, "not found"))
    bench.once(600)
    lane = bench.lane("enrich", "main")
    assert (lane.status, lane.code) == ("halted", "not_found")
    assert bench.leads() == {"delivering": 30}
    assert bench.deliveries("mail") == {"pending": 30}
    on_enrich(bench, lambda through: through())
    bench.stop()
    bench.once(600)
    assert bench.leads() == {"exported": 30}
    assert bench.lane("enrich", "main").status == "open"


def test_who_was_given_such_a_lead_at_once_keeps_it_and_the_other_gets_it_later(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL})
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, refused(404, "not found"))
    bench.once(600)
    assert bench.deliveries("sheet") == {"delivered": 30}
    assert bench.deliveries("mail") == {"pending": 30}
    on_enrich(bench, lambda through: through())
    bench.stop()
    bench.once(600)
    assert bench.leads() == {"exported": 30}
    assert bench.deliveries("mail") == {"delivered": 30}
    assert len(bench.places["sheet"].far.things) == 30


def test_those_that_wait_already_wait_again(bench: Bench) -> None:
    """Put off by the day's share, not found the next day for the route is away, and asked about in the end."""
    ctgo(bench, sim={"leads": 30, **MAIL}, per_day=15)
    bench.place("mail", where="email", fields=FIELDS)
    bench.once(600)
    assert bench.deliveries("mail") == {"delivered": 15, "pending": 15}
    on_enrich(bench, refused(404, "not found"))
    bench.run(DAY)
    assert bench.lane("enrich", "main").status == "halted"
    assert bench.deliveries("mail")["delivered"] == 15
    assert "unwanted" not in bench.leads()
    on_enrich(bench, lambda through: through())
    bench.stop()
    bench.once(2 * DAY)
    assert bench.deliveries("mail") == {"delivered": 30}
    assert bench.leads() == {"exported": 30}


def test_with_hold_they_wait_as_a_whole(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL}, when_exhausted="hold")
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, refused(404, "not found"))
    bench.once(600)
    assert bench.leads() == {"enriching": 30}
    on_enrich(bench, lambda through: through())
    bench.stop()
    bench.once(600)
    assert bench.leads() == {"exported": 30}


@pytest.mark.parametrize("minutes", [1, 10, 50])
def test_a_few_that_are_not_found_for_a_while_are_asked_about_again(bench: Bench, minutes: int) -> None:
    """A replica that lags, or a route that is away while few leads come: nobody is unwanted for that."""
    ctgo(bench, sim={"leads": 4, **MAIL})
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, refused(404, "lead_not_found"))
    bench.once(60 * minutes)
    assert bench.leads() == {"enriching": 4}
    on_enrich(bench, lambda through: through())
    bench.run(HOUR)
    assert bench.deliveries("mail") == {"delivered": 4}
    assert bench.leads() == {"exported": 4}


def test_a_lead_that_stays_not_found_is_believed_after_a_day_and_a_dozen_requests(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 1, **MAIL})
    bench.place("mail", where="email", fields=FIELDS)
    tried = []

    def missing(through: Through) -> httpx.Response:
        tried.append(bench.clock.now())
        return refused(404, "lead_not_found")(through)

    on_enrich(bench, missing)
    bench.once(DAY)
    assert bench.leads() == {"enriching": 1}
    bench.run(DAY)
    assert len(tried) == 13
    assert bench.leads() == {"unwanted": 1}
    assert bench.rows("SELECT count(*) FROM ask") == [(0,)]


def test_a_few_that_are_gone_are_settled_with_the_reason_and_stop_nobody(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL})
    bench.place("mail", where="email", fields=FIELDS)
    gone = set(listed(bench)[::2])
    on_leads(bench, gone, refused(404, "not found"))
    bench.once(600)
    assert bench.leads() == {"exported": 15, "enriching": 15}
    bench.run(2 * HOUR)
    assert bench.lane("enrich", "main").status == "open"
    assert bench.leads() == {"exported": 15, "unwanted": 15}
    assert bench.rows("SELECT count(*) FROM lead WHERE enrichment LIKE '%not_found%'") == [(15,)]
    assert len(asks(bench)) == 15


def test_one_lead_that_ctgo_refuses_stops_nobody(bench: Bench) -> None:
    """It comes after all others. Refused for an hour while others are answered, it is set aside where an address is needed."""
    ctgo(bench, sim={"leads": 12, **MAIL})
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    guilty = listed(bench)[3]
    on_leads(bench, {guilty}, refused(403, "Forbidden"))
    bench.once(600)
    assert bench.lane("enrich", "main").status == "open"
    assert len(asks(bench)) == 11
    assert bench.leads() == {"exported": 11, "enriching": 1}
    bench.run(2 * HOUR)
    assert bench.lane("enrich", "main").status == "open"
    assert bench.deliveries("sheet") == {"delivered": 12}
    assert bench.deliveries("mail") == {"delivered": 11, "rejected": 1}
    assert bench.rows("SELECT code, detail FROM delivery WHERE state = 'rejected'") == [
        ("not_enriched", "Its `where` needs what CTGO gave no answer about: forbidden.")
    ]
    assert bench.leads() == {"exported": 11, "rejected": 1}
    assert bench.rows("SELECT lead_id FROM lead WHERE enrichment LIKE '%forbidden%'") == [(guilty,)]
    assert bench.rows("SELECT sum(asks) FROM askday") == [(11,)]
    assert bench.rows("SELECT * FROM ask") == []


def test_two_that_are_refused_one_after_the_other_halt_the_lane(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 12, **MAIL}, when_exhausted="hold")
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, refused(403, "Forbidden"))
    bench.once(600)
    lane = bench.lane("enrich", "main")
    assert (lane.status, lane.code) == ("halted", "forbidden")
    assert bench.leads() == {"enriching": 12}
    assert bench.rows("SELECT count(*) FROM ask WHERE asks = 0") == [(2,)]


def test_a_halt_that_is_lifted_tries_another_lead_first(bench: Bench) -> None:
    """Two leads are refused for good: each start asks one of the others, and all of those are answered."""
    ctgo(bench, sim={"leads": 12, **MAIL}, when_exhausted="hold")
    bench.place("mail", where="email", fields=FIELDS)
    guilty = set(listed(bench)[-2:])  # the newest are asked about first
    on_leads(bench, guilty, refused(403, "Forbidden"))
    bench.once(600)
    assert bench.leads() == {"enriching": 12}
    bench.stop()
    on_leads(bench, guilty, refused(403, "Forbidden"))
    bench.once(600)
    assert bench.deliveries("mail") == {"delivered": 10}
    assert bench.leads() == {"exported": 10, "enriching": 2}
    bench.run(2 * HOUR)
    assert bench.leads() == {"exported": 10, "rejected": 2}


def test_refused_ones_that_nobody_else_speaks_for_wait_for_the_next_lead(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 12, **MAIL}, when_exhausted="hold")
    bench.place("mail", where="email", fields=FIELDS)
    guilty = set(listed(bench)[:2])
    on_leads(bench, guilty, refused(403, "Forbidden"))
    bench.once(600)
    assert bench.leads() == {"exported": 10, "enriching": 2}
    bench.stop()
    world.add_leads(1)
    on_leads(bench, guilty, refused(403, "Forbidden"))
    bench.once(600)
    assert bench.leads() == {"exported": 11, "enriching": 2}
    bench.run(2 * HOUR)
    assert bench.leads() == {"exported": 11, "rejected": 2}
    assert bench.lane("enrich", "main").status == "open"


def test_what_is_about_the_account_halts_at_once(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 12, **MAIL}, when_exhausted="hold")
    bench.place("mail", where="email", fields=FIELDS)
    left = [1]

    def lapsed(through: Through) -> httpx.Response:
        left[0] -= 1
        return refused(403, "subscription_required")(through) if left[0] >= 0 else through()

    on_enrich(bench, lapsed)
    bench.once(600)
    assert bench.lane("enrich", "main").status == "halted"
    assert (left, asks(bench)) == ([0], [])


def on_first(bench: Bench, n: int, answer: Callable[[Through], httpx.Response]) -> None:
    """Put something between the lane and the enriching endpoint of the leads that are asked about first."""
    first: list[str] = []

    def answering(request: httpx.Request, through: Through) -> httpx.Response:
        path = request.url.path
        if path.endswith("/enrich") and path not in first and len(first) < n:
            first.append(path)
        return answer(through) if path in first else through()

    bench.life.wires["main"].answering = answering


def failed(bench: Bench) -> int:
    """Count the asks that failed and may have been charged: the world answered all others."""
    return int(bench.rows("SELECT sum(asks) FROM askday")[0][0]) - len(asks(bench))


@pytest.mark.parametrize("status", [409, 500, 504])
def test_ten_leads_that_always_fail_do_not_hold_up_the_others(bench: Bench, status: int) -> None:
    ctgo(bench, sim={"leads": 30, **MAIL})
    bench.place("mail", fields=FIELDS)
    on_first(bench, 10, refused(status))
    bench.once(75)  # of 60 requests a minute, the exports take some
    assert bench.deliveries("mail")["delivered"] >= 20
    assert failed(bench) >= 10


def test_an_outage_is_asked_every_few_seconds_at_first_then_every_minute_then_ever_later(
    bench: Bench,
) -> None:
    ctgo(bench, sim={"leads": 200})
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(500))
    bench.once(60)
    assert 11 <= failed(bench) <= 16
    bench.run(29 * 60)
    assert 21 <= failed(bench) <= 32
    bench.run(DAY / 4)
    assert failed(bench) <= 60
    assert bench.rows("SELECT max(asks) FROM ask") == [(1,)]


def test_tries_before_a_pause_is_over_do_not_make_it_longer(bench: Bench) -> None:
    """Those asked about sooner come after the outage no later than without them."""
    ctgo(bench, sim={"leads": 12, **MAIL})
    bench.place(fields=FIELDS)
    on_enrich(bench, refused(500))
    bench.once(60)
    assert failed(bench) == 12
    on_enrich(bench, lambda through: through())
    bench.run(300)
    assert bench.leads() == {"exported": 12}


def test_a_new_lead_waits_a_minute_at_most_for_those_whose_answers_were_lost(bench: Bench) -> None:
    world = ctgo(bench, sim={"leads": 8, **MAIL})
    bench.place("mail", fields=FIELDS)
    on_leads(bench, set(listed(bench)), lost)
    bench.once(600)
    lane = bench.lane("enrich", "main")
    world.add_leads(1)
    bench.once(61)
    assert (lane.code, lane.status) == ("unreachable", "paused")
    assert max(listed(bench)) in asks(bench)


def test_a_lead_that_is_always_answered_429_comes_after_all_others(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 12, **MAIL})
    bench.place("mail", fields=FIELDS)
    on_first(bench, 1, lambda _: httpx.Response(429, headers={"Retry-After": "2"}, json={}))
    bench.once(60)
    assert bench.deliveries("mail") == {"delivered": 11}
    assert bench.leads() == {"exported": 11, "enriching": 1}
    assert bench.lane("enrich", "main").code == "rate_limited"


@pytest.mark.parametrize(
    "answer", [lost, refused(500), refused(503), refused(502)], ids=["lost", "500", "503", "502"]
)
def test_an_outage_while_few_leads_come_spends_no_second_ask(
    bench: Bench, answer: Callable[[Through], httpx.Response]
) -> None:
    ctgo(bench, sim={"leads": 4, **MAIL})
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, answer)
    bench.once(90)
    on_enrich(bench, lambda through: through())
    bench.run(HOUR)
    assert bench.leads() == {"exported": 4}
    assert bench.deliveries("mail") == {"delivered": 4}


def test_a_lead_whose_answers_are_lost_twice_is_set_aside_where_an_address_is_needed(bench: Bench) -> None:
    ctgo(bench, sim={"leads": 2, **MAIL})
    bench.place("sheet", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    on_enrich(bench, lost)
    bench.once(DAY)
    assert bench.deliveries("sheet") == {"delivered": 2}
    assert bench.deliveries("mail") == {"rejected": 2}
    assert bench.exports() == {}
    with bench.ledger.write() as connection:
        rejections.retry(connection, Chosen(), bench.clock.now(), who="ana", exports={"main": True})
    bench.wake("deliver", "mail")
    bench.run(HOUR)
    assert bench.deliveries("mail") == {"dropped": 2}  # judged by what is known: nobody is asked a third time
    assert bench.leads() == {"exported": 2}
