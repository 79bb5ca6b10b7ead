"""A first pass over several pages of leads of any age: whatever happens between two pages, nobody is lost."""

from collections.abc import Callable, Collection
from typing import Any

import httpx
import pytest

from tests.support import DAY, Bench

Send = Callable[[], httpx.Response]
LEADS = 1200
OLD: dict[str, Any] = {"leads": LEADS, "spacing": 35 * DAY / LEADS, "rate_limit": 2000, "limit": 2000}
"""The oldest is five weeks old: beyond what a window of thirty days lists."""


def _between(bench: Bench, act: Callable[[], object], pages: int = 1) -> None:
    """Do something once, when page `pages` + 1 of a listing of leads is asked for; it may answer instead."""
    asked = 0

    def answering(request: httpx.Request, send: Send) -> httpx.Response:
        nonlocal asked
        if request.method != "GET" or "/leads" not in request.url.path or "limit=1&" in str(request.url):
            return send()
        asked += 1
        answer = act() if asked == pages + 1 else None
        return answer if isinstance(answer, httpx.Response) else send()

    bench.life.wires["main"].answering = answering


def _all_arrived(bench: Bench, theirs: Collection[int] = ()) -> None:
    """Assert that all are held and marked some hours later, but for those whom `theirs` exported unseen."""
    world = bench.accounts["main"].world
    bench.daemon(2 * 3600, poll=600)
    bench.check()
    held = {row[0] for row in bench.rows("SELECT lead_id FROM lead")}
    assert {row.id for row in world.listed()} - held <= set(theirs)
    assert {row.id for row in world.listed()} == set(world.exported)


@pytest.mark.parametrize("order", ["ascending", "descending", "id"])
@pytest.mark.parametrize("limit", [2000, 60])
def test_one_bad_gateway_between_two_pages_loses_nobody(bench: Bench, order: str, limit: int) -> None:
    bench.ctgo(**{**OLD, "order": order, "rate_limit": limit, "limit": limit})
    bench.place()
    _between(bench, lambda: httpx.Response(502))
    bench.once()
    assert bench.leads() == {"exported": LEADS}
    _all_arrived(bench)


# An export marks every row of its id, also those on pages that no pass has reached yet

SHARED: dict[str, Any] = {
    "leads": 60, "campaigns": 2, "repeats": 1.0, "spacing": DAY / 4, "rate_limit": 2000, "limit": 2000
}  # fmt: skip
"""Each lead has a row in two campaigns, under one id."""


def _campaigns_apart(bench: Bench) -> tuple[int, int]:
    """Make CTGO list one campaign after the other."""
    world = bench.ctgo(**SHARED)
    first, second = [it.id for it in world.campaigns]
    bench.accounts["main"].context["stream_ids"] = (first, second)
    return first, second


def _break(bench: Bench, campaign: int, times: int, query: str = "lifecycle=new") -> list[str]:
    """Make the next listings of a campaign fail; return the list of those that did."""
    broken: list[str] = []

    def answering(request: httpx.Request, send: Send) -> httpx.Response:
        if f"/streams/{campaign}/" in request.url.path and query in str(request.url) and len(broken) < times:
            broken.append(str(request.url))
            return httpx.Response(502)
        return send()

    bench.life.wires["main"].answering = answering
    return broken


def _every_row_arrived(bench: Bench) -> None:
    """Assert that each row, by id and campaign, is held, and each id exported."""
    world = bench.accounts["main"].world
    bench.daemon(2 * 3600, poll=600)
    bench.check()
    rows = {(row.id, row.stream_id, row.segment_id) for row in world.listed()}
    held = bench.rows(
        "SELECT l.lead_id, l.stream_id, l.segment_id FROM delivery d JOIN lead l ON l.seq = d.lead_seq"
    )
    assert set(held) == rows
    assert {row.id for row in world.listed()} == set(world.exported)


@pytest.mark.parametrize("times", [1, 2])
def test_a_first_pass_that_fails_between_two_campaigns_lets_nothing_be_exported(
    bench: Bench, times: int
) -> None:
    _, second = _campaigns_apart(bench)
    bench.place()
    broken, world = _break(bench, second, times), bench.accounts["main"].world
    for _ in range(times):
        bench.once(seconds=1)
        assert not world.exported
        bench.clock.advance(600)
    assert len(broken) == times
    _every_row_arrived(bench)


def test_a_first_pass_that_never_ends_holds_exports_for_six_hours_only(bench: Bench) -> None:
    """Then what it brought is exported, and a pass that ends lists exported leads too."""
    world = bench.ctgo(**OLD)
    bench.place()

    def answering(request: httpx.Request, send: Send) -> httpx.Response:
        return send() if request.url.params.get("offset", "0") == "0" else httpx.Response(502)

    bench.life.wires["main"].answering = answering
    bench.daemon(5 * 3600, poll=600)
    page = bench.leads()["exporting"]
    assert 0 < page < LEADS
    assert not world.exported
    bench.daemon(2 * 3600, poll=600)
    assert len(world.exported) == page
    bench.life.wires["main"].answering = None
    _all_arrived(bench)


def test_a_first_pass_that_was_killed_lets_nothing_be_exported_by_the_next_process(bench: Bench) -> None:
    _, second = _campaigns_apart(bench)
    bench.place()
    broken, world = _break(bench, second, 1), bench.accounts["main"].world
    bench.once(seconds=1)
    assert broken
    bench.crash()
    for _ in range(3):
        bench.life.exports["main"].step()
    assert not world.exported
    _every_row_arrived(bench)


@pytest.mark.parametrize("first", ["limit", "window"])
def test_what_a_trial_exported_hides_no_other_row_of_its_id(bench: Bench, first: str) -> None:
    _campaigns_apart(bench)
    bench.place()
    world, now = bench.accounts["main"].world, bench.clock.now()
    if first == "limit":
        bench.once(limit=3)
    else:
        bench.life.pulls["main"].ask_window(now - 2 * DAY, None)
        bench.wake("pull", "main")
        bench.run()
    assert world.exported
    _every_row_arrived(bench)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_sweep_that_fails_between_two_campaigns_hides_no_row_of_an_id(bench: Bench, times: int) -> None:
    _, second = _campaigns_apart(bench)
    bench.place()
    bench.once()
    world = bench.accounts["main"].world
    world.add_leads(20, discovered=bench.clock.now() - 3 * DAY)  # a test that was made again
    broken = _break(bench, second, times)
    bench.clock.advance(60)
    bench.life.pulls["main"].ask_reconcile()
    bench.wake("pull", "main")
    bench.run(60)
    _every_row_arrived(bench)
    assert len(broken) == times


@pytest.mark.parametrize("order", ["ascending", "descending", "id"])
@pytest.mark.parametrize("pages", [1, 2])
def test_a_kill_between_two_pages_loses_nobody(bench: Bench, order: str, pages: int) -> None:
    bench.ctgo(**{**OLD, "order": order})
    bench.place()
    pull, deliver, export = (
        bench.life.pulls["main"], bench.life.delivers["crm"], bench.life.exports["main"]
    )  # fmt: skip
    pull.ask_live()
    for _ in range(pages):
        pull.step()
    for _ in range(3):  # the others have worked meanwhile
        deliver.step()
        export.step()
    bench.crash()
    bench.once()
    _all_arrived(bench)


@pytest.mark.parametrize("order", ["ascending", "descending", "id"])
@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("n", [1, 40])
def test_what_strangers_export_between_two_pages_hides_nobody(
    bench: Bench, order: str, after: int, n: int
) -> None:
    world = bench.ctgo(**{**OLD, "order": order})
    far = bench.place()
    theirs: list[int] = []

    def stranger() -> None:
        rows = world.listed() if order != "descending" else world.listed()[::-1]
        for row in rows[10 : 10 + n]:
            theirs.append(row.id)
            world.export(row.id)

    _between(bench, stranger, after)
    bench.once()
    assert set(far.lead_ids()) >= {row.id for row in world.listed()} - set(theirs)
    _all_arrived(bench)


def test_some_who_leave_while_others_come_hide_nobody(bench: Bench) -> None:
    """The count stands still, and all the same rows slide over the border between two pages."""
    world = bench.ctgo(**{**OLD, "order": "ascending"})
    bench.place()

    def swap() -> None:
        for row in world.listed()[10:13]:
            world.export(row.id)
        world.add_leads(3)

    _between(bench, swap)
    bench.once()
    assert sum(bench.leads().values()) == LEADS + 3
    _all_arrived(bench)


def test_exports_are_held_before_the_first_page_is_asked_for(bench: Bench) -> None:
    world = bench.ctgo(**OLD)
    bench.place()
    bench.once()
    world.add_leads(5)
    bench.clock.advance(60)
    bench.life.pulls["main"].ask_live()
    bench.life.pulls["main"].step()
    bench.life.delivers["crm"].step()
    claimed = {("main", 1)}
    bench.ledger.in_flight |= claimed  # one is being sent
    asked = len(world.requests)
    bench.life.pulls["main"].ask_reconcile()
    assert bench.life.pulls["main"].step().wait
    assert len(world.requests) == asked
    assert bench.life.exports["main"].step().wait is None
    bench.ledger.in_flight -= claimed
    bench.wake("pull", "main")
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": LEADS + 5}


def test_a_listing_that_never_stands_still_does_not_begin_the_source(bench: Bench) -> None:
    world = bench.ctgo(**{**OLD, "order": "ascending"})
    bench.place()
    rows = iter(world.listed()[:])
    theirs: list[int] = []
    restless = True

    def answering(request: httpx.Request, send: Send) -> httpx.Response:
        if restless and request.method == "GET" and "offset=" in str(request.url):
            theirs.append(next(rows).id)
            world.export(theirs[-1])
        return send()

    bench.life.wires["main"].answering = answering
    bench.once()
    assert bench.rows("SELECT started, watermark FROM source") == [(0, None)]
    assert bench.log.named("listing_restless")
    restless = False
    _all_arrived(bench, theirs)
    assert bench.rows("SELECT started FROM source") == [(1,)]


def test_a_listing_without_any_order_begins_the_source_once_all_rows_were_seen(bench: Bench) -> None:
    world = bench.ctgo(**{**OLD, "order": "shuffled"})
    far = bench.place()
    bench.once()
    assert bench.rows("SELECT started FROM source") == [(1,)]
    assert far.lead_ids() == sorted(row.id for row in world.listed())


def test_what_comes_in_front_meanwhile_costs_no_second_round(bench: Bench) -> None:
    world = bench.ctgo(**OLD)
    bench.place()
    _between(bench, lambda: world.add_leads(3))
    bench.life.pulls["main"].ask_live()
    while bench.life.pulls["main"].busy:
        bench.life.pulls["main"].step()
    assert len(world.requests) == 3


@pytest.mark.parametrize("ahead", [7200.0, -7200.0])
def test_a_source_that_begins_now_takes_ctgos_word_for_when_that_is(bench: Bench, ahead: float) -> None:
    world = bench.ctgo(leads=50, spacing=600.0, context={"start": "now"}, rate_limit=1000, limit=1000)
    far = bench.place()
    bench.clock.jump(ahead)
    bench.once()
    assert far.lead_ids() == []
    bench.clock.advance(60.0)
    new = world.add_leads(2)
    bench.clock.advance(60.0)
    bench.once()
    bench.check()
    assert far.lead_ids() == sorted(new)
