"""Names of campaigns, segments and tracked accounts: asked for rarely, and never in anybody's way."""

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from tests.support import Bench

NAMED = {"campaign": "{{ stream_name }}", "segment": "{{ segment_name }}", "account": "{{ account_handle }}"}


def asked(bench: Bench) -> Counter[str]:
    paths = [request.path.removeprefix("/api/v2") for request in bench.accounts["main"].world.requests]
    return Counter(path for path in paths if path in {"/streams", "/segments", "/accounts"})


def fields(bench: Bench) -> list[dict[str, object]]:
    return [thing.fields for thing in bench.places["crm"].far.things]


def broken(status: int, body: object = None) -> Callable[..., httpx.Response]:
    """Lists of names fail; all else is let through."""

    def answering(request: httpx.Request, through: Callable[[], httpx.Response]) -> httpx.Response:
        lists = ("/streams", "/segments", "/accounts")
        return httpx.Response(status, json=body) if request.url.path.endswith(lists) else through()

    return answering


def test_the_first_lead_that_is_delivered_has_its_names(bench: Bench) -> None:
    bench.ctgo(leads=5)
    bench.place(fields=NAMED)
    bench.once()
    assert all(set(NAMED) == set(found) for found in fields(bench))
    assert {found["campaign"] for found in fields(bench)} <= {
        "Indie founders",
        "DevRel and friends",
        "Design engineers",
    }
    assert asked(bench) == {"/streams": 1, "/segments": 1, "/accounts": 1}


def test_a_mapping_without_names_asks_for_none(bench: Bench) -> None:
    bench.ctgo(leads=5)
    bench.place()
    bench.once()
    assert asked(bench) == {}


def test_only_the_lists_that_are_used_are_asked_for_and_hourly_at_most(bench: Bench) -> None:
    bench.ctgo(leads=1, leads_per_minute=1)
    bench.place(fields={"segment": "{{ segment_name }}"})
    bench.daemon(3 * 3600, reconcile=None)
    assert set(asked(bench)) == {"/segments"}
    assert 2 <= asked(bench)["/segments"] <= 3


def test_an_idle_source_asks_for_no_names(bench: Bench) -> None:
    bench.ctgo(leads=0)
    bench.place(fields=NAMED)
    bench.daemon(3 * 3600)
    assert asked(bench) == {}


def test_a_restart_does_not_ask_again_within_the_hour(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    bench.place(fields=NAMED)
    bench.once()
    bench.stop()
    world.add_leads(1)
    bench.clock.advance(5)
    bench.once()
    assert len(fields(bench)) == 2
    assert set(asked(bench).values()) == {1}


@pytest.mark.parametrize(
    ("status", "body"), [(500, None), (404, {"error": "x"}), (200, {"no": "list"}), (403, None)]
)
def test_trouble_with_names_stops_no_pull_and_no_delivery(bench: Bench, status: int, body: object) -> None:
    world = bench.ctgo(leads=5)
    bench.place(fields={**NAMED, "handle": "{{ handle }}"})
    bench.life.wires["main"].answering = broken(status, body)
    before = bench.clock.monotonic()
    bench.once()
    assert bench.clock.monotonic() - before < 60
    assert [set(found) for found in fields(bench)] == [{"handle"}] * 5
    assert bench.leads() == {"exported": 5} == {"exported": len(world.exported)}


def test_a_campaign_that_is_gone_from_the_list_keeps_its_last_name(bench: Bench) -> None:
    world = bench.ctgo(leads=1, campaigns=1)
    bench.place(fields=NAMED)
    bench.once()
    world.streams.campaigns = ()
    world.add_leads(1)
    bench.clock.advance(3700)
    bench.once()
    assert [found["campaign"] for found in fields(bench)] == ["Indie founders"] * 2
    assert asked(bench)["/streams"] == 2


def test_a_where_by_name_takes_the_leads_of_that_campaign_and_no_others(bench: Bench) -> None:
    world = bench.ctgo(leads=20)
    bench.place(where="stream_name == 'Indie founders'")
    bench.once()
    theirs = {row.id for row in world.listed() if row.stream_id == 14}
    assert set(bench.places["crm"].far.lead_ids()) == theirs
    assert bench.leads() == {"exported": len(theirs), "unwanted": 20 - len(theirs)}


def test_a_where_waits_visibly_for_a_name_that_cannot_be_had_yet(bench: Bench) -> None:
    bench.ctgo(leads=4, campaigns=1)
    bench.place(where="stream_name == 'Indie founders'")
    bench.life.wires["main"].answering = broken(500)
    bench.once(120)
    assert bench.deliveries() == {"pending": 4}
    assert set(bench.rows("SELECT state, code FROM delivery")) == {("pending", "name_unknown")}
    bench.life.wires["main"].answering = None
    bench.run(3600)
    assert bench.leads() == {"exported": 4}


@pytest.mark.parametrize("status", [404, 200])
def test_a_where_by_a_name_that_ctgo_does_not_tell_is_set_aside_and_no_silent_no(
    bench: Bench, status: int
) -> None:
    bench.ctgo(leads=4, campaigns=1)
    bench.place(where="stream_name != 'Spam'")
    bench.life.wires["main"].answering = broken(status, {"streams": []})
    bench.once()
    assert bench.leads() == {"rejected": 4}
    assert bench.rows("SELECT DISTINCT code, detail FROM delivery") == [
        ("filter_failed", "where: CTGO tells no name of campaign 14.")
    ]


def test_a_lead_without_a_segment_has_no_name_of_one_to_wait_for(bench: Bench) -> None:
    bench.ctgo(leads=3, null_segment_rate=1.0)
    bench.place(where="segment_name == 'DevRel'")
    bench.once()
    assert bench.leads() == {"unwanted": 3}


def test_a_source_that_is_halted_asks_for_no_names(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    far = bench.place(fields=NAMED)
    bench.life.pulls["main"].ask_live()
    bench.life.pulls["main"].step()
    world.revoke("ctgo_test")
    bench.life.pulls["main"].ask_live()
    bench.run(60)
    assert bench.lane("pull", "main").status == "halted"
    assert len(far.things) == 3
    assert asked(bench).total() <= 1


def test_a_first_pull_is_judged_by_name_when_it_comes_in_and_floods_no_gate(bench: Bench) -> None:
    world = bench.ctgo(leads=60)
    bench.place(where="stream_name == 'Indie founders'", gate=30)
    bench.once()
    theirs = {row.id for row in world.listed() if row.stream_id == 14}
    assert len(theirs) < 30
    assert bench.rows("SELECT count(*) FROM delivery") == [(len(theirs),)]
    assert set(bench.places["crm"].far.lead_ids()) == theirs


def test_a_pull_that_waits_for_names_waits_moments_and_keeps_its_page(bench: Bench) -> None:
    bench.ctgo(leads=4, campaigns=1)
    bench.place(where="stream_name == 'Indie founders'")
    bench.life.wires["main"].answering = broken(500)
    before = bench.clock.monotonic()
    bench.once(30)
    assert bench.clock.monotonic() - before <= 31
    assert bench.deliveries() == {"pending": 4}
    listings = [r for r in bench.accounts["main"].world.requests if r.path.endswith("/leads")]
    assert len(listings) == 1
