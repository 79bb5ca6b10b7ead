"""Marking at CTGO: repeated until it holds, halted with a fix, and never the ruin of a neighbour."""

import threading
from collections.abc import Callable

import httpx
import pytest

from syncd.simulator import Fault
from tests.support import DAY, Bench

BUDGET = b'{"error":"forbidden","message":"Your monthly budget is exhausted."}'


def test_a_lead_that_ctgo_no_longer_knows_is_gone(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    vanishing = world.listed()[0].id
    pull = bench.life.pulls["main"]
    pull.ask_live()
    pull.step()
    world.remove_lead(vanishing)
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 2, "gone": 1}
    assert bench.exports() == {"delivered": 2, "gone": 1}


@pytest.mark.parametrize("fault", [
    Fault("export", times=4, status=500),
    Fault("export", times=4, status=500, after_applying=True),
    Fault("export", times=2, status=409, body=b'{"error":"conflict"}'),
    Fault("export", times=3, status=502, body=b"<html>Bad gateway</html>"),
    Fault("export", times=3, status=429, headers={"Retry-After": "17"}, body=b'{"error":"rate_limited"}'),
], ids=str)  # fmt: skip
def test_an_export_is_repeated_until_it_holds(bench: Bench, fault: Fault) -> None:
    world = bench.ctgo(leads=6)
    bench.place()
    world.fail(fault)
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 6}
    assert len(world.exported) == 6


def test_an_export_whose_answer_was_lost_settles_although_a_repeat_is_409(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    bench.place()
    world.fail(Fault("export", times=1, status=500, after_applying=True))
    world.fail(Fault("export", times=1000, status=409, body=b'{"error":"conflict"}'))
    bench.daemon(2 * DAY, poll=600)
    bench.check()
    assert bench.leads() == {"exported": 1}


@pytest.mark.parametrize("status", [404, 409, 410, 422, 423])
def test_leads_that_ctgo_has_as_exported_already_are_exported(bench: Bench, status: int) -> None:
    world = bench.ctgo(leads=25)
    bench.place()
    world.fail(
        Fault("export", times=25, status=status, body=b'{"error":"already_exported"}', after_applying=True)
    )
    bench.once(600)
    assert bench.exports() == {"delivered": 25}
    assert bench.leads() == {"exported": 25}
    assert bench.lane("export", "main").status == "open"


def test_one_lead_that_cannot_be_exported_does_not_stop_the_pulling(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place()
    world.fail(Fault("export", times=1000, status=409, body=b'{"error":"conflict"}'))
    bench.daemon(DAY, poll=600)
    new = world.add_leads(3)
    bench.daemon(DAY / 24, poll=600)
    assert set(new) <= set(far.lead_ids())


def test_ten_alike_rejected_exports_halt_the_lane_and_return(bench: Bench) -> None:
    world = bench.ctgo(leads=12)
    bench.place()
    world.fail(Fault("export", times=1000, status=400, body=b'{"error":"bad_request"}'))
    bench.once()
    bench.check()
    assert bench.lane("export", "main").status == "halted"
    assert bench.exports() == {"pending": 12}


def test_a_key_refused_mid_run_halts_both_lanes_and_loses_nothing(bench: Bench) -> None:
    world = bench.ctgo(leads=130)
    bench.place()
    bench.once(seconds=30)
    done = len(world.exported)
    assert 0 < done < 130
    world.revoke()
    bench.clock.advance(60)
    bench.once()
    bench.check()
    for kind in ("pull", "export"):
        assert (bench.lane(kind, "main").status, bench.lane(kind, "main").code) == ("halted", "key_refused")
    asked = len(world.requests)
    bench.once()
    assert len(world.requests) == asked, "a halted source must not ask"
    world.gateway.restore_keys()
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 130}


def test_a_refused_key_is_asked_for_once_after_each_start(bench: Bench) -> None:
    world = bench.ctgo(leads=10)
    bench.place()
    bench.once(seconds=0)
    world.revoke("ctgo_test")
    for _ in range(3):
        bench.stop()
        asked = len(world.requests)
        bench.once()
        assert len(world.requests) - asked <= 2


def test_a_halt_of_the_source_keeps_the_export_lanes_own_count(bench: Bench) -> None:
    world = bench.ctgo(leads=5)
    bench.place()
    bench.once()
    assert bench.lane("export", "main").delivered == 5
    world.fail(Fault("leads", times=1, status=401))
    bench.clock.advance(60)
    bench.once()
    assert bench.lane("export", "main").status == "halted"
    assert bench.lane("export", "main").delivered == 5


def test_a_success_that_was_under_way_does_not_wipe_out_the_halts_reason(bench: Bench) -> None:
    world = bench.ctgo(leads=4)
    bench.place()
    together = threading.Barrier(4)
    first = world.listed()[0].id
    claimed: list[int] = []

    def refusing(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if request.method != "POST":
            return send()
        together.wait(10)
        if f"/{claimed[0]}/" in str(request.url):
            return httpx.Response(401, json={"error": "unauthorized"})
        return send()

    bench.life.wires["main"].answering = refusing
    bench.life.pulls["main"].ask_live()
    bench.life.pulls["main"].step()
    bench.life.delivers["crm"].step()
    claimed.append(bench.rows("SELECT lead_id FROM export ORDER BY id")[0][0])
    assert first
    bench.life.exports["main"].step()
    lane = bench.lane("export", "main")
    assert lane.status == "halted"
    assert lane.code == "key_refused"


def test_a_budget_that_is_used_up_pauses_the_lane_and_not_the_source(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    world.fail(Fault("export", times=1, status=403, body=BUDGET))
    bench.once(seconds=60)
    assert bench.lane("export", "main").code == "budget_exhausted"
    assert bench.lane("pull", "main").status == "open"
    bench.clock.advance(3600)
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 3}


def test_403_otherwise_halts(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    world.fail(Fault("leads", times=1, status=403, body=b'{"error":"subscription_required"}'))
    bench.once()
    bench.check()
    assert bench.lane("pull", "main").code == "subscription_required"
    bench.stop()
    bench.once()
    assert bench.leads() == {"exported": 3}


def test_an_hour_long_outage_is_waited_out(bench: Bench) -> None:
    world = bench.ctgo(leads=20)
    bench.place()
    until = bench.clock.true() + 3600

    def down(_: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if bench.clock.true() < until:
            raise httpx.ConnectError("refused")
        return send()

    bench.life.wires["main"].answering = down
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 20}
    assert len(world.requests) <= 25


@pytest.mark.parametrize("after", ["5", "-3", "1e99", "soon", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_any_retry_after_is_survived(bench: Bench, after: str) -> None:
    world = bench.ctgo(leads=4)
    bench.place()
    world.fail(
        Fault("*", times=3, status=429, headers={"Retry-After": after}, body=b'{"error":"rate_limited"}')
    )
    begun = bench.clock.monotonic()
    bench.once(seconds=5 * 3600)
    bench.check()
    assert bench.leads() == {"exported": 4}
    assert bench.clock.monotonic() - begun < 4 * 3600
