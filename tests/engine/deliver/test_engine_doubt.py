"""One answer decides nothing: whoever a remote turns away, the others get through, and nobody pays for the lane."""

from collections.abc import Sequence
from itertools import pairwise

import httpx
import pytest

from syncd.core.delivery import Delivery, Outcome
from syncd.core.failure import Failure, Halt, Pause, Reject, Retry
from syncd.core.lane_state import Policy
from syncd.core.verdict import HALT_LIMIT, UNTRIED_PAUSE
from syncd.ledger.admin.rejections import Chosen, retry
from syncd.simulator import Fault
from tests.support import DAY, Bench, Remote, Rule, pulled, rejects

REFUSALS = {
    "422": Reject("refused", "The receiver answered 422."),
    "403": Halt("access", "The receiver answered 403."),
    "500": Pause("unavailable", "The receiver answered 500.", unexplained=True),
    "423": Pause("locked", "The receiver answered 423.", after=2.0),
}


def turns_away(why: Failure, *guilty: int) -> Rule:
    """A remote that answers so to any call with one of these leads in it; without any, to every call."""

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        found = [d.lead.id in guilty or not guilty for d in batch]
        if isinstance(why, Reject):
            return [why if bad else far.write(d) for d, bad in zip(batch, found, strict=True)]
        if any(found):
            raise why
        return far.accept(batch)

    return rule


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("status", REFUSALS)
def test_ten_good_leads_behind_twelve_that_are_turned_away_arrive_in_one_run(
    bench: Bench, status: str, *, size: int
) -> None:
    bench.ctgo(leads=22)
    far = bench.place(batch_size=size)
    ids = pulled(bench)
    far.rule = turns_away(REFUSALS[status], *ids[:12])
    bench.once(seconds=900)
    bench.check()
    assert set(far.lead_ids()) == set(ids[12:])


@pytest.mark.parametrize("size", [1, 100])
def test_refused_credentials_are_asked_about_a_few_times_and_cost_nobody_anything(
    bench: Bench, *, size: int
) -> None:
    bench.ctgo(leads=40)
    far = bench.place(batch_size=size)
    pulled(bench)
    far.rule = turns_away(REFUSALS["403"])
    bench.once()
    bench.check()
    lane = bench.lane("deliver", "crm")
    assert (lane.status, lane.code) == ("halted", "access")
    assert len(far.calls) == HALT_LIMIT
    assert bench.rows("SELECT DISTINCT state, attempts FROM delivery") == [("pending", 0)]
    asked = [call[0].lead.id for call in far.calls if len(call) == 1]
    assert len(set(asked)) == len(asked), "each time another lead"
    far.rule = None
    bench.stop()
    bench.once()
    assert bench.leads() == {"exported": 40}


def test_who_stops_the_lane_alone_is_set_aside_with_that_code_once_others_went_through(bench: Bench) -> None:
    world = bench.ctgo(leads=10)
    far = bench.place(batch_size=1)
    ids = pulled(bench)
    far.rule = turns_away(REFUSALS["403"], ids[0])
    for _ in range(30):
        world.add_leads(2)
        bench.clock.advance(3600)
        bench.once(seconds=600)
    bench.check()
    assert bench.deliveries() == {"delivered": 69, "rejected": 1}
    assert bench.rows("SELECT code FROM delivery WHERE state = 'rejected'") == [("access",)]


@pytest.mark.parametrize(("named", "state"), [(True, "rejected"), (False, "pending")])
def test_two_that_are_refused_alone_in_a_lane_are_set_aside_if_the_remote_names_them(
    bench: Bench, state: str, *, named: bool
) -> None:
    bench.ctgo(leads=2)
    far = bench.place()
    pulled(bench)
    why = Retry("failed", "The receiver does not take it.", of_record=named)
    far.rule = lambda _, batch: [why] * len(batch)
    bench.run(DAY)
    bench.check()
    assert bench.deliveries() == {state: 2}
    assert bench.rows("SELECT DISTINCT code FROM delivery") == [("failed",)]
    assert bench.lane("deliver", "crm").status == ("open" if named else "halted")


def test_a_new_lead_is_asked_at_once_where_only_one_has_spoken(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place()
    (bad,) = pulled(bench)
    far.rule = turns_away(REFUSALS["403"], bad)
    bench.run()
    assert (bench.lane("deliver", "crm").status, len(far.calls)) == ("halted", 1)
    (new,) = world.add_leads(1)
    bench.clock.advance(60)
    bench.once(seconds=5)
    assert far.lead_ids() == [new]


def test_the_next_probe_of_a_halted_lane_asks_about_a_new_lead_before_those_that_were_retried(
    bench: Bench,
) -> None:
    world = bench.ctgo(leads=20)
    far = bench.place(policy=Policy(probe=3600.0), batch_size=10)
    far.rule = rejects(*pulled(bench))
    bench.once(60)
    assert bench.lane("deliver", "crm").status == "halted"
    bench.sql("UPDATE delivery SET suspect = 0, due_at = 0")  # as a retry leaves those that were rejected
    new = world.add_leads(3)
    bench.daemon(3700)
    bench.check()
    assert set(far.lead_ids()) == set(new)


@pytest.mark.parametrize("poisoned", [40, 400])
def test_healthy_leads_behind_many_poisoned_ones_wait_minutes_and_not_hours(
    bench: Bench, poisoned: int
) -> None:
    world = bench.ctgo(leads=poisoned, limit=10_000, rate_limit=10_000)
    far = bench.place(policy=Policy(probe=3600.0), batch_size=1)
    far.rule = rejects(*pulled(bench))
    bench.once(60)
    assert bench.lane("deliver", "crm").status == "halted"
    new = world.add_leads(3)
    bench.daemon(1800)
    bench.check()
    assert set(far.lead_ids()) == set(new)


def test_a_daily_quota_rejects_nobody(bench: Bench) -> None:
    world = bench.ctgo(leads=30)
    far = bench.place(batch_size=1)
    pulled(bench)
    quota = {"left": 0}

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if not quota["left"]:
            raise Pause("quota", "No calls left today.", after=4 * 3600.0)
        quota["left"] -= 1
        return far.accept(batch)

    far.rule = rule
    for _ in range(20):
        bench.daemon(DAY, poll=6 * 3600, reconcile=None)
        world.add_leads(1)
        quota["left"] = 2
    bench.check()
    assert set(bench.deliveries()) <= {"delivered", "pending"}
    assert bench.rows("SELECT max(attempts) FROM delivery WHERE state = 'pending'") <= [(0,)]


def test_what_is_decided_before_it_is_sent_is_no_word_on_the_lane(bench: Bench) -> None:
    world = bench.ctgo(leads=12)
    far = bench.place()
    far.rule = turns_away(REFUSALS["422"], *pulled(bench))
    bench.run()
    bench.sql("UPDATE delivery SET state = 'rejected'")
    bench.sql("UPDATE tally SET state = 'rejected' WHERE kind = 'delivery'")
    bench.sql("UPDATE lead SET state = 'rejected'")
    bench.sql("UPDATE tally SET state = 'rejected' WHERE kind = 'lead'")
    bench.sql("DELETE FROM lane WHERE kind = 'deliver'")
    bench.sql("DELETE FROM payload")
    bench.stop()
    far.rule = None
    with bench.ledger.write() as connection:
        assert retry(connection, Chosen(), bench.clock.now(), who="ana", exports={}) == 12
    bench.run()
    assert (bench.lane("deliver", "crm").status, bench.deliveries()) == ("open", {"rejected": 12})
    new = world.add_leads(3)
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert bench.lane("deliver", "crm").status == "open"
    assert far.lead_ids() == sorted(new)
    assert bench.rows("SELECT DISTINCT code FROM delivery WHERE state = 'rejected'") == [("payload_gone",)]


def test_a_retry_waits_as_long_as_it_asks_to(bench: Bench) -> None:
    bench.ctgo(leads=1)
    far = bench.place()
    pulled(bench)
    at: list[float] = []

    def rule(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        at.append(bench.clock.monotonic())
        return [Retry("later", "In six hours.", after=6 * 3600.0)] if len(at) < 4 else far.accept(batch)

    far.rule = rule
    bench.run(3 * DAY)
    bench.check()
    assert bench.deliveries() == {"delivered": 1}
    assert all(b - a >= 6 * 3600 for a, b in pairwise(at))


def test_a_wait_that_was_written_before_the_clock_went_back_is_over(bench: Bench) -> None:
    bench.ctgo(leads=1)
    far = bench.place()
    pulled(bench)
    far.script.append(lambda *_: [Retry("later", "In six hours.", after=6 * 3600.0)])
    bench.life.delivers["crm"].step()
    bench.clock.jump(-3 * DAY)
    bench.stop()
    bench.run(3600)
    assert bench.deliveries() == {"delivered": 1}


# Exports


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b'{"error":"forbidden"}'),
        (402, b'{"error":"payment_required"}'),
        (403, b"<html>Request blocked</html>"),
        (400, b'{"error":"Stream is archived"}'),
    ],
    ids=["403", "402", "firewall", "archived"],
)
def test_an_export_that_is_refused_stops_neither_the_others_nor_the_pull(
    bench: Bench, status: int, body: bytes
) -> None:
    world = bench.ctgo(leads=12)
    far = bench.place()
    first = world.listed()[-1].id
    bench.life.wires["main"].answering = lambda request, send: (
        httpx.Response(status, content=body) if f"/leads/{first}/export" in str(request.url) else send()
    )
    bench.once()
    bench.check()
    assert bench.exports().get("delivered") == 11
    assert bench.lane("pull", "main").status == "open"
    new = world.add_leads(3)
    bench.clock.advance(60)
    bench.once()
    assert set(new) <= set(far.lead_ids())
    assert len(world.exported) == 14


MISSING = b'{"error":"Not Found","message":"Cannot POST"}'


def test_an_export_that_is_said_to_cost_credits_holds_up_no_other(bench: Bench) -> None:
    world = bench.ctgo(leads=12)
    bench.place()
    first = min(it.id for it in world.listed())
    bench.life.wires["main"].answering = lambda request, send: (
        httpx.Response(429, content=b'{"error":"credits_exhausted"}')
        if f"/leads/{first}/export" in str(request.url)
        else send()
    )
    bench.once(600)
    bench.check()
    assert bench.exports() == {"delivered": 11, "pending": 1}


@pytest.mark.parametrize("body", [b'{"ok": false}', b'{"error": "lead_locked"}', b'{"success": false}'])
def test_an_export_whose_answer_says_that_it_failed_is_not_done(bench: Bench, body: bytes) -> None:
    world = bench.ctgo(leads=12)
    bench.place()
    first = min(it.id for it in world.listed())
    bench.life.wires["main"].answering = lambda request, send: (
        httpx.Response(200, content=body) if f"/leads/{first}/export" in str(request.url) else send()
    )
    bench.once(600)
    bench.check()
    assert bench.exports() == {"delivered": 11, "pending": 1}


def test_an_export_route_that_is_away_settles_nobody(bench: Bench) -> None:
    bench.ctgo(leads=60, rate_limit=1000, limit=1000)
    bench.place()
    bench.life.wires["main"].answering = lambda request, send: (
        httpx.Response(404, content=MISSING) if request.method == "POST" else send()
    )
    bench.once()
    bench.check()
    lane = bench.lane("export", "main")
    assert (lane.status, lane.code) == ("halted", "export_route_missing")
    assert bench.exports() == {"pending": 60}
    assert bench.lane("pull", "main").status == "open"
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 60}


@pytest.mark.parametrize("leads", [40, 100])
@pytest.mark.parametrize("gone", [25, 36])
def test_leads_that_are_gone_among_others_are_gone(bench: Bench, gone: int, leads: int) -> None:
    world = bench.ctgo(leads=leads, rate_limit=1000, limit=1000)
    bench.place()
    ids = pulled(bench)
    for lead_id in ids[-gone:]:
        world.remove_lead(lead_id)
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": leads - gone, "gone": gone}


def test_a_gone_export_that_is_listed_as_new_again_is_due_again(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    bench.place()
    world.fail(Fault("export", times=1, status=404, body=MISSING))
    bench.once()
    assert bench.leads() == {"exported": 2, "gone": 1}
    bench.daemon(2 * 3600, poll=600, reconcile=1800)
    bench.check()
    assert bench.leads() == {"exported": 3}
    assert len(world.exported) == 3


@pytest.mark.parametrize("size", [1, 100])
def test_a_new_lead_waits_a_minute_at_most_behind_ten_that_hang(bench: Bench, *, size: int) -> None:
    world = bench.ctgo(leads=10)
    far = bench.place(batch_size=size)
    ids, arrived = pulled(bench), {}

    def hangs(there: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        if any(delivery.lead.id in ids for delivery in batch):
            bench.clock.advance(30.0)
            raise Pause("timed_out", "The receiver did not answer.", unexplained=True)
        arrived.update(dict.fromkeys((delivery.lead.id for delivery in batch), bench.clock.now()))
        return there.accept(batch)

    far.rule = hangs
    bench.daemon(2 * 3600.0)
    waits = []
    for n in range(12):
        world.add_leads(1)
        begun = bench.clock.now()
        bench.daemon(600.0 + 97 * n, poll=10.0, reconcile=None)
        [new] = arrived
        waits.append(arrived.pop(new) - begun)
    bench.check()
    assert max(waits) <= UNTRIED_PAUSE + 2 * 30.0 + 10.0, "the pause, two calls that hang, and a poll"


def test_a_new_lead_waits_as_long_as_the_remote_asked_for_though_it_gave_no_reason(bench: Bench) -> None:
    world = bench.ctgo(leads=3)
    far = bench.place()
    pulled(bench)
    far.rule = turns_away(Pause("unavailable", "The receiver answered 503.", after=280.0, unexplained=True))
    begun = bench.clock.now()
    bench.daemon(120.0, poll=10.0, reconcile=None)
    world.add_leads(1)
    far.rule = None
    bench.daemon(150.0, poll=10.0, reconcile=None)
    assert (len(far.calls), far.lead_ids()) == (1, [])
    bench.daemon(60.0, poll=10.0, reconcile=None)
    assert (len(far.lead_ids()), bench.clock.now() - begun < 340.0) == (4, True)
    bench.check()
