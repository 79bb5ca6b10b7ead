"""Pages that lie, shift, end nowhere or hold rubbish: nothing is lost and no watermark moves on them."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from syncd.engine.pull.lane import MOMENT, PATIENCE
from syncd.engine.pull.passes import PAGE
from syncd.ledger.leads.recent import MOST
from syncd.simulator.leads.bad_data import FLAWS
from tests.support import Bench

NO_LEAD = {
    *("no_id", "null_id", "text_id", "huge_id", "no_profile", "profile_list", "text_instead", "null_instead"),
}
"""Flaws after which nobody knows which lead it is, or about whom; all others cost a field or some text."""


def test_malformed_leads_are_kept_aside_while_their_neighbours_proceed(bench: Bench) -> None:
    world = bench.ctgo(leads=200, malformed_rate=0.2, rate_limit=1000, limit=1000)
    far = bench.place()
    bench.once()
    bench.check()
    sound = [row for row in world.listed() if row.flaw not in NO_LEAD]
    assert len(sound) < 190
    assert {row.flaw for row in sound} == {None, *FLAWS} - NO_LEAD
    assert far.lead_ids() == sorted(row.id for row in sound)
    assert bench.leads()["exported"] == len(sound)
    broken = [row.flaw for row in world.listed() if row not in sound]
    alike = sum(broken.count(flaw) - 1 for flaw in ("text_instead", "null_instead"))  # not to be told apart
    assert bench.leads()["quarantined"] == len(broken) - alike


def test_a_quarantined_lead_is_replaced_by_a_listing_that_parses(bench: Bench) -> None:
    world = bench.ctgo(leads=5)
    far = bench.place()
    bad = world.add_leads(1)[0]
    world.amend_lead(bad, {"profile": {"xUserId": ["7"]}})
    bench.once()
    assert bench.leads() == {"exported": 5, "quarantined": 1}
    world.amend_lead(bad, {"profile": {"xUserId": "7"}})
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 6}
    assert bad in far.lead_ids()


@pytest.mark.parametrize("flaw", [{"streamId": "abc"}, {"segmentId": {"id": 4}}], ids=str)
def test_a_quarantined_lead_whose_key_was_unreadable_is_replaced_all_the_same(
    bench: Bench, flaw: dict[str, Any]
) -> None:
    world = bench.ctgo(leads=0)
    bench.place()
    bad = world.add_leads(1)[0]
    sound = {"streamId": world.listed()[0].stream_id, "segmentId": world.listed()[0].segment_id}
    world.amend_lead(bad, flaw)
    bench.once()
    world.amend_lead(bad, {name: sound[name] for name in flaw})
    bench.clock.advance(60)
    bench.once()
    assert bench.leads() == {"exported": 1}


def test_a_quarantined_lead_without_an_id_is_replaced_all_the_same(bench: Bench) -> None:
    world = bench.ctgo(leads=0)
    bench.place()
    bad = world.add_leads(1)[0]
    world.amend_lead(bad, {"id": None})
    bench.once()
    assert bench.leads() == {"quarantined": 1}
    world.amend_lead(bad, {"id": bad})
    bench.clock.advance(60)
    bench.once()
    assert bench.leads() == {"exported": 1}


def test_the_same_malformed_lead_is_quarantined_once_for_days(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    bad = world.add_leads(1)[0]
    world.amend_lead(bad, {"id": None})
    bench.daemon(3600)
    bench.check()
    assert bench.leads() == {"exported": 3, "quarantined": 1}


def test_an_id_that_ctgo_gives_to_another_person_is_set_aside_and_never_exported(bench: Bench) -> None:
    """CTGO restored its database, or counts anew. The known lead stays as it is, and the other one waits for a person."""
    world = bench.ctgo(leads=3)
    far = bench.place()
    bench.once()
    reused = world.listed()[0].id
    world.amend_lead(reused, {"profile": {"xUserId": "999"}})
    bench.daemon(3600)
    bench.check()
    assert bench.leads() == {"exported": 3, "quarantined": 1}
    assert bench.rows("SELECT lead_id, code FROM lead WHERE state = 'quarantined'") == [
        (reused, "lead_malformed")
    ]
    assert len(far.lead_ids()) == 3


@pytest.mark.parametrize("profile", [{}, {"xUserId": None}], ids=["no profile", "no X id"])
def test_a_known_lead_that_lost_its_x_id_is_nobody_else(bench: Bench, profile: dict[str, Any]) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    bench.once()
    world.amend_lead(world.listed()[0].id, {"profile": profile})
    bench.daemon(3600)
    assert bench.leads() == {"exported": 3}


def _page(rows: str, *, more: str, total: int = 9) -> httpx.Response:
    return httpx.Response(200, text=f'{{"leads":[{rows}],"total":{total},"hasMore":{more}}}')


@pytest.mark.parametrize(
    "answer",
    [
        lambda: _page("", more="true"),
        lambda: httpx.Response(200, text="<html>Sign in</html>"),
        lambda: httpx.Response(200, text='{"leads":[{"id":1},'),
        lambda: httpx.Response(200, text=""),
        lambda: httpx.Response(204),
        lambda: httpx.Response(200, text="null"),
        lambda: httpx.Response(200, content=b"\xff\xfe"),
        lambda: httpx.Response(200, text='{"leads":{},"total":3,"hasMore":false}'),
    ],
    ids=["empty with more", "html", "truncated", "nothing", "204", "null", "no utf-8", "no list"],
)
def test_a_page_that_is_none_moves_no_watermark_and_loses_nothing(
    bench: Bench, answer: Callable[[], httpx.Response]
) -> None:
    bench.ctgo(leads=5)
    far = bench.place()
    bad = [answer()]
    bench.life.wires["main"].answering = lambda _, send: bad.pop() if bad else send()
    pull = bench.life.pulls["main"]
    pull.ask_live()
    pull.step()
    assert bench.rows("SELECT watermark, started FROM source") == [(None, 0)]
    assert bench.lane("pull", "main").code in {"unexpected_answer", "page_short"}
    bench.run()
    bench.check()
    assert len(far.things) == 5
    assert bench.rows("SELECT listing FROM source") == [("all",)]


def test_a_byte_that_is_not_utf_8_in_one_lead_holds_up_nobody(bench: Bench) -> None:
    bench.ctgo(leads=5)
    far = bench.place()

    def spoilt(_: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        body, found = re.subn(rb'"displayName": ?"', b'"displayName":"\xff', send().read(), count=1)
        spoiling.append(found)
        return httpx.Response(200, content=body)

    spoiling: list[int] = []
    bench.life.wires["main"].answering = spoilt
    bench.once()
    bench.check()
    assert any(spoiling)
    assert (len(far.things), bench.leads()) == (5, {"exported": 5})


def test_the_same_page_twice_moves_no_watermark(bench: Bench) -> None:
    """Of a campaign's listing, whose paging is documented: there it is a fault."""
    world = bench.ctgo(leads=700, campaigns=1, rate_limit=1000, limit=1000)
    world_stream = world.campaigns[0].id
    bench.accounts["main"].context["stream_ids"] = (world_stream,)
    bench.place()
    kept: list[httpx.Response] = []

    def again(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if "offset=499" in str(request.url) and len(kept) == 1:
            kept.append(kept[0])
            return httpx.Response(200, content=kept[0].content)
        response = send()
        page = httpx.Response(
            response.status_code, content=response.read(), headers={"Date": response.headers["Date"]}
        )
        if not kept:
            kept.append(page)
        return page

    bench.life.wires["main"].answering = again
    pull = bench.life.pulls["main"]
    pull.ask_live()
    pull.step()
    pull.step()
    assert bench.lane("pull", "main").code == "page_repeated"
    assert bench.rows("SELECT watermark FROM source") == [(None,)]
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 700}


def test_a_campaigns_listing_that_never_says_if_there_is_more_is_read_to_its_end(bench: Bench) -> None:
    world = bench.ctgo(leads=700, campaigns=1, rate_limit=1000, limit=1000)
    bench.accounts["main"].context["stream_ids"] = (world.campaigns[0].id,)
    bench.place()

    def bare(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        response = send()
        if request.method == "POST" or not str(request.url.path).endswith("/leads"):
            return response
        page = json.loads(response.read())
        return httpx.Response(200, json={"leads": page["leads"]}, headers={"Date": response.headers["Date"]})

    bench.life.wires["main"].answering = bare
    bench.life.pulls["main"].ask_live()
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 700}


def test_a_listing_without_end_is_given_up(bench: Bench) -> None:
    bench.ctgo(leads=4)
    bench.place()
    row = '{{"id":{0},"discoveredAt":"2026-09-20T00:00:00Z","profile":{{"xUserId":"{0}"}}}}'
    pages = [row.format(1), row.format(2)]
    asked: list[str] = []

    def endless(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if request.method == "POST" or "/streams" in str(request.url):
            return send()
        asked.append(str(request.url))
        return _page(pages[len(asked) % 2], more="true", total=4)

    bench.life.wires["main"].answering = endless
    bench.once(seconds=1800)
    assert len(asked) < 150


def test_rows_that_vanish_and_appear_while_paging_lose_nothing(bench: Bench) -> None:
    world = bench.ctgo(leads=1100, rate_limit=1000, limit=1000, order="descending")
    far = bench.place()
    seen = 0

    def shifting(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        nonlocal seen
        if request.method == "GET":
            seen += 1
            if seen == 2:
                for row in world.listed()[-40:]:
                    world.remove_lead(row.id)
            if seen == 3:
                world.add_leads(30)
        return send()

    bench.life.wires["main"].answering = shifting
    bench.once()
    bench.daemon(7300, poll=600)
    bench.check()
    assert {row.id for row in world.listed()} <= set(far.lead_ids())


def test_exports_wait_while_a_pass_over_new_leads_is_between_pages(bench: Bench) -> None:
    world = bench.ctgo(leads=1300, rate_limit=2000, limit=2000)
    bench.place()
    listings: list[int] = []

    def watching(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if request.method == "GET":
            listings.append(len(world.exported))
        return send()

    bench.life.wires["main"].answering = watching
    bench.once()
    bench.check()
    assert listings == [0, 0, 0]
    assert bench.leads() == {"exported": 1300}


def test_exports_of_a_first_pass_that_fails_between_pages_wait_for_its_end(bench: Bench) -> None:
    """A page that is not listed yet may hold another row of an id, which an export would mark unseen."""
    world = bench.ctgo(leads=700, rate_limit=2000, limit=2000)
    bench.place(batch_size=500)
    down = False

    def half(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        nonlocal down
        if request.method == "GET" and down:
            return httpx.Response(500)
        down = down or request.method == "GET"
        return send()

    bench.life.wires["main"].answering = half
    bench.once(seconds=3600)
    assert (bench.leads(), len(world.exported)) == ({"exporting": 500}, 0)
    bench.life.wires["main"].answering = None
    bench.once()
    bench.check()
    assert len(world.exported) == 700


def test_a_pull_that_is_ahead_of_its_connectors_waits_a_little_and_never_for_long(bench: Bench) -> None:
    bench.ctgo(leads=2990, rate_limit=1000, limit=1000)
    bench.place()
    pull, deliver = bench.life.pulls["main"], bench.life.delivers["crm"]
    pull.ask_live()
    waits, known = [], []
    while pull.busy:  # nobody delivers meanwhile
        waits.append(pull.step().wait)
        known.append(sum(bench.counts("lead", "main").values()))
    assert known[-1] == 2990
    ahead = waits.index(MOMENT)
    assert MOST - PAGE < known[ahead] <= MOST
    assert waits[ahead:].count(MOMENT) == 2 * PATIENCE
    for _ in range(10):
        deliver.step()
    assert not bench.ledger.fresh.is_full(["crm"])
