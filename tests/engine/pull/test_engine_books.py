"""The books against CTGO's count: what no cursor listed is found by the hour, and what cannot be found is told."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from syncd.core.reconciliation import Books
from syncd.ledger import sources
from syncd.ledger.admin.actions import pause_lanes
from tests.support import DAY, Bench

HOUR = 3600.0
ROOM: dict[str, Any] = {"rate_limit": 2000, "limit": 2000}


def _books(bench: Bench) -> Books:
    with bench.ledger.read() as connection:
        return sources.load_books(connection, "main")


def _sweeps(bench: Bench) -> int:
    """How often a listing of un-exported leads was begun."""
    asked = [r.query for r in bench.accounts["main"].world.requests if "lifecycle=new" in r.query]
    return len([query for query in asked if "limit=500" in query and "offset=0" in query])


@pytest.mark.parametrize("exports", [True, False])
@pytest.mark.parametrize("age", [2 * HOUR, 40 * DAY, 400 * DAY])
def test_a_lead_that_comes_late_is_found_within_an_hour_whatever_its_age(
    bench: Bench, *, age: float, exports: bool
) -> None:
    world = bench.ctgo(leads=30, context={"exports": exports}, **ROOM)
    far = bench.place()
    bench.daemon(2 * HOUR, reconcile=None, checks=True)
    late = world.add_leads(1, discovered=bench.clock.true() - age)
    bench.daemon(2 * HOUR, reconcile=None, checks=True)
    bench.check()
    assert set(late) <= set(far.lead_ids())
    assert _books(bench).missing == 0


def test_even_books_cost_one_request_an_hour(bench: Bench) -> None:
    world = bench.ctgo(leads=30, **ROOM)
    bench.place()
    bench.daemon(HOUR, reconcile=None, checks=True)
    begun = _sweeps(bench)
    for _ in range(4):
        world.add_leads(7)
        bench.daemon(HOUR, reconcile=None, checks=True)
    bench.check()
    assert _sweeps(bench) == begun
    asked = [r for r in world.requests if "limit=1&" in r.query]
    assert 3 <= len(asked) <= 5


def test_a_lead_that_a_strangers_export_outweighs_is_found_by_the_reconcile_pass(bench: Bench) -> None:
    """The counts are even, so the comparison is content: a whole sweep looks at the rows themselves."""
    world = bench.ctgo(leads=30, **ROOM)
    bench.place()
    with bench.ledger.write() as connection:
        pause_lanes(connection, [("deliver", "crm")], bench.clock.now(), who="me", until=None, reason="")
    bench.daemon(2 * HOUR, poll=600, reconcile=None, checks=True)
    begun = _sweeps(bench)
    world.export(world.listed()[3].id)
    late = world.add_leads(1, discovered=bench.clock.true() - 40 * DAY)
    bench.daemon(2 * HOUR, poll=600, reconcile=None, checks=True)
    assert _sweeps(bench) == begun
    bench.daemon(12 * HOUR, poll=600, reconcile=6 * HOUR, checks=True)
    assert bench.rows("SELECT count(*) FROM lead WHERE lead_id = ?", late[0]) == [(1,)]


def test_an_export_by_somebody_else_makes_one_sweep_and_no_alarm(bench: Bench) -> None:
    world = bench.ctgo(leads=30, **ROOM, context={"exports": False})
    bench.place()
    bench.daemon(2 * HOUR, reconcile=None, checks=True)
    begun = _sweeps(bench)
    world.export(world.listed()[3].id)
    bench.daemon(3 * HOUR, reconcile=None, checks=True)
    assert _sweeps(bench) == begun + 1
    assert not bench.log.named("leads_missing")


def _counting(bench: Bench, more: Callable[[int], int]) -> None:
    """CTGO's `total` of un-exported leads is another than what it lists."""
    import json  # noqa: PLC0415

    def answering(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        response = send()
        if "lifecycle=new" not in str(request.url):
            return response
        body: dict[str, Any] = json.loads(response.read())
        body["total"] = more(body["total"])
        return httpx.Response(200, json=body, headers={"Date": response.headers["Date"]})

    bench.life.wires["main"].answering = answering


def test_what_ctgo_counts_and_never_lists_is_told_once_and_then_reckoned_with(bench: Bench) -> None:
    bench.ctgo(leads=30, **ROOM)
    bench.place()
    bench.daemon(HOUR, reconcile=None, checks=True)
    _counting(bench, lambda total: total + 2)
    bench.daemon(HOUR, reconcile=None, checks=True)
    assert _books(bench).is_missing
    assert _books(bench).missing == 2
    bench.daemon(3 * HOUR, reconcile=None, checks=True)
    assert (_books(bench).missing, _books(bench).unmet) == (0, 2)
    told = [it for it in bench.log.named("leads_missing") if it["swept"]]
    assert len(told) == 1
    quiet = _sweeps(bench)
    bench.daemon(3 * HOUR, reconcile=None, checks=True)
    assert _sweeps(bench) == quiet
    _counting(bench, lambda total: total + 3)
    bench.daemon(HOUR, reconcile=None, checks=True)
    assert _books(bench).missing == 1


def test_a_count_that_means_nothing_is_not_told_for_ever(bench: Bench) -> None:
    world = bench.ctgo(leads=30, **ROOM)
    bench.place()
    bench.once()
    _counting(bench, lambda _: len(world.listed()))  # exported ones as well
    for _ in range(12):
        world.add_leads(2)
        bench.daemon(HOUR, reconcile=None, checks=True)
    bench.check()
    assert len([it for it in bench.log.named("leads_missing") if it["swept"]]) <= 4
    assert not _books(bench).is_missing


def test_a_listing_that_does_not_count_is_swept_all_the_same(bench: Bench) -> None:
    bench.ctgo(leads=30, **ROOM)
    far = bench.place()
    bench.boot()
    _counting(bench, lambda _: None)  # type: ignore[arg-type,return-value]
    bench.daemon(HOUR, reconcile=None, checks=True)
    world = bench.accounts["main"].world
    late = world.add_leads(1, discovered=bench.clock.true() - 40 * DAY)
    bench.daemon(2 * HOUR, reconcile=None, checks=True)
    assert set(late) <= set(far.lead_ids())


def test_a_ledger_of_an_older_version_is_swept_in_its_first_hour(bench: Bench) -> None:
    world = bench.ctgo(leads=30, **ROOM)
    far = bench.place()
    bench.once()
    bench.sql("DELETE FROM reconciliation")
    late = world.add_leads(2, discovered=bench.clock.true() - 40 * DAY)
    bench.daemon(1.5 * HOUR, reconcile=None, checks=True)
    assert set(late) <= set(far.lead_ids())


@pytest.mark.parametrize("route", ["missing", "ignored"])
def test_a_source_that_lists_by_campaign_is_compared_too(bench: Bench, route: str) -> None:
    world = bench.ctgo(leads=30, leads_route=route, campaigns=3, **ROOM)
    far = bench.place()
    bench.daemon(HOUR, reconcile=None, checks=True)
    late = world.add_leads(1, discovered=bench.clock.true() - 40 * DAY)
    bench.daemon(2 * HOUR, reconcile=None, checks=True)
    bench.check()
    assert set(late) <= set(far.lead_ids())


def test_the_listing_of_all_campaigns_is_tried_again_with_each_reconcile_pass(bench: Bench) -> None:
    world = bench.ctgo(leads=30, **ROOM)
    bench.place()
    cut = [2]

    def answering(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path.endswith("/v2/leads") and cut[0]:
            cut[0] -= 1
            return httpx.Response(200, text='{"leads":[{"id":1},')
        return send()

    bench.life.wires["main"].answering = answering
    bench.daemon(HOUR / 2, reconcile=None)
    assert bench.rows("SELECT listing FROM source") == [("campaigns",)]
    bench.life.pulls["main"].ask_reconcile()
    bench.wake("pull", "main")
    bench.run()
    assert bench.rows("SELECT listing FROM source") == [("all",)]
    assert len(bench.log.named("listing_changed")) == 2
    asked = len(world.requests)
    bench.clock.advance(60)
    bench.once()
    assert len(world.requests) == asked + 1


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 500, 502, 504])
def test_one_campaign_that_is_refused_does_not_stand_for_its_source(bench: Bench, status: int) -> None:
    world = bench.ctgo(leads=60, campaigns=3, **ROOM)
    ids = [it.id for it in world.campaigns]
    bench.accounts["main"].context["stream_ids"] = ids
    far = bench.place()

    def answering(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if f"/streams/{ids[0]}/" in request.url.path:
            return httpx.Response(status, json={"error": "forbidden", "message": "No."})
        return send()

    bench.life.wires["main"].answering = answering
    bench.daemon(HOUR, poll=300, reconcile=None)
    bench.check()
    assert len(far.things) == len([row for row in world.listed() if row.stream_id != ids[0]])
    assert len(bench.log.named("campaign_skipped")) == 1
    lane = bench.lane("pull", "main")
    assert (lane.status, lane.code) == ("open", "campaign_fails" if status >= 500 else "")
    bench.life.wires["main"].answering = None
    bench.daemon(600, poll=300, reconcile=None)
    assert bench.lane("pull", "main").code == ""


@pytest.mark.parametrize("configured", [True, False])
def test_campaigns_of_which_none_can_be_found_are_trouble_and_not_an_empty_list(
    bench: Bench, *, configured: bool
) -> None:
    world = bench.ctgo(leads=6, campaigns=2, **ROOM)
    if configured:
        bench.accounts["main"].context["stream_ids"] = [it.id for it in world.campaigns]
    far = bench.place()

    def away(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path.endswith("/leads"):
            return httpx.Response(404, json={"error": "Not found"})
        return send()

    bench.life.wires["main"].answering = away
    bench.daemon(600, poll=60, reconcile=None)
    lane = bench.lane("pull", "main")
    assert (lane.status, lane.code) == ("paused", "campaigns_not_found")
    assert bench.rows("SELECT watermark FROM source") == [(None,)]

    bench.life.wires["main"].answering = None
    bench.daemon(600, poll=60, reconcile=None)
    bench.check()
    assert len(far.things) == 6


def test_a_source_whose_known_campaigns_are_all_gone_is_well(bench: Bench) -> None:
    bench.ctgo(leads=6, campaigns=2, **ROOM)
    bench.place()
    bench.daemon(600, poll=60, reconcile=None)
    bench.sql("UPDATE source SET listing = 'campaigns'")

    def away(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if request.url.path.endswith("/streams"):
            return httpx.Response(200, json={"streams": []})
        if "/streams/" in request.url.path:
            return httpx.Response(404, json={"error": "Not found"})
        return send()

    bench.life.wires["main"].answering = away
    bench.daemon(600, poll=60, reconcile=None)
    bench.check()
    assert bench.lane("pull", "main").status == "open"


def test_campaigns_that_all_fail_are_an_outage_after_which_each_is_listed(bench: Bench) -> None:
    world = bench.ctgo(leads=60, campaigns=3, **ROOM)
    bench.accounts["main"].context["stream_ids"] = [it.id for it in world.campaigns]
    far = bench.place()
    bench.life.wires["main"].answering = lambda *_: httpx.Response(503)
    bench.daemon(HOUR, poll=60, reconcile=None)
    assert bench.lane("pull", "main").status == "paused"
    assert bench.rows("SELECT started FROM source") == [(0,)]
    bench.life.wires["main"].answering = None
    bench.daemon(600, poll=60, reconcile=None)
    bench.check()
    assert set(far.lead_ids()) == {row.id for row in world.listed()}


@pytest.mark.parametrize("killed", [False, True])
def test_a_campaign_that_failed_for_hours_loses_no_row_of_an_id_that_was_exported(
    bench: Bench, *, killed: bool
) -> None:
    world = bench.ctgo(leads=60, campaigns=2, repeats=1.0, spacing=3 * HOUR, **ROOM)
    first, second = [it.id for it in world.campaigns]
    bench.accounts["main"].context["stream_ids"] = [first, second]
    far = bench.place()
    bench.life.wires["main"].answering = lambda request, send: (
        httpx.Response(500) if f"/streams/{second}/" in request.url.path else send()
    )
    bench.daemon(2 * HOUR, poll=300)
    assert world.exported
    if killed:
        bench.crash()
    bench.life.wires["main"].answering = None
    bench.daemon(3 * HOUR, poll=300)
    bench.check()
    rows = {(row.id, row.stream_id) for row in world.listed()}
    assert set(bench.rows("SELECT lead_id, stream_id FROM lead WHERE state = 'exported'")) == rows
    assert len(far.things) == len({(row.id, row.stream_id, row.segment_id) for row in world.listed()})


def test_a_source_whose_campaigns_are_all_refused_halts(bench: Bench) -> None:
    world = bench.ctgo(leads=6, campaigns=2, **ROOM)
    bench.accounts["main"].context["stream_ids"] = [it.id for it in world.campaigns]
    bench.place()
    refusal = httpx.Response(403, json={"error": "forbidden", "message": "No."})
    bench.life.wires["main"].answering = lambda _, __: refusal
    bench.once()
    assert bench.lane("pull", "main").status == "halted"
