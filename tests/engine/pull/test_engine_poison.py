"""One lead that offends the remote, or a mapping, costs nobody else anything."""

import pytest

from syncd.core.delivery import Delivery, Route
from syncd.ledger.admin.rejections import Chosen, retry
from tests.support import (
    DAY,
    Bench,
    chokes_on,
    pulled,
    refuses,
    rejects,
)


@pytest.mark.parametrize("size", [1, 10, 100])
@pytest.mark.parametrize("upsert", [True, False])
def test_one_lead_that_makes_the_remote_answer_500_blocks_nobody(
    bench: Bench, *, size: int, upsert: bool
) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=size, upsert=upsert)
    ids = pulled(bench)
    far.rule = chokes_on(ids[0])
    bench.run(DAY)
    bench.check()
    assert far.lead_ids() == sorted(ids[1:])


def test_two_leads_that_make_the_remote_answer_500_block_nobody(bench: Bench) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=10)
    ids = pulled(bench)
    far.rule = chokes_on(ids[0], ids[15])
    bench.run(DAY)
    bench.check()
    assert far.lead_ids() == sorted(set(ids) - {ids[0], ids[15]})


def test_new_leads_pass_one_that_makes_the_remote_answer_500(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place(batch_size=1)
    ids = pulled(bench)
    far.rule = chokes_on(ids[0])
    bench.run(600)
    new = world.add_leads(3)
    bench.clock.advance(60)
    bench.once(seconds=DAY)
    bench.check()
    assert set(new) <= set(far.lead_ids())


def test_halving_a_refused_call_isolates_the_guilty_one(bench: Bench) -> None:
    bench.ctgo(leads=100, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=100)
    ids = pulled(bench)
    far.rule = refuses(ids[42])
    bench.run()
    bench.check()
    assert far.lead_ids() == sorted(set(ids) - {ids[42]})
    assert bench.deliveries() == {"delivered": 99, "rejected": 1}
    assert len(far.calls) < 20
    assert bench.leads() == {"exported": 99, "rejected": 1}


def test_success_clears_the_batch_limit(bench: Bench) -> None:
    world = bench.ctgo(leads=30, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=30)
    far.rule = refuses(pulled(bench)[3])
    bench.run()
    world.add_leads(30)
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert len(far.calls[-1]) == 30


def test_one_rejected_lead_changes_no_others_outcome(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place()
    bad = pulled(bench)[7]
    far.rule = rejects(bad)
    bench.run()
    bench.check()
    assert bench.deliveries() == {"delivered": 29, "rejected": 1}
    assert bench.leads() == {"exported": 29, "rejected": 1}


@pytest.mark.parametrize("size", [1, 100])
def test_a_renamed_field_rejects_nobody_and_halts(bench: Bench, size: int) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=size)
    far.rule = rejects()
    bench.once()
    bench.check()
    assert bench.deliveries() == {"pending": 40}
    assert bench.lane("deliver", "crm").status == "halted"
    far.rule = None
    bench.stop()
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 40}
    assert len(far.things) == 40


@pytest.mark.parametrize("size", [1, 100])
def test_after_a_renamed_field_one_bad_lead_does_not_hold_the_lane(bench: Bench, size: int) -> None:
    bench.ctgo(leads=40, rate_limit=1000, limit=1000)
    far = bench.place(batch_size=size)
    ids = pulled(bench)
    far.rule = rejects()
    bench.run()
    far.rule = rejects(ids[0])
    for _ in range(3):
        bench.stop()
        bench.once()
    bench.check()
    assert len(far.things) == 39


def test_a_mapping_that_fails_for_every_lead_sets_them_aside_and_stops_no_lane(bench: Bench) -> None:
    bench.ctgo(leads=30)
    far = bench.place(fields={"n": "{{ handle + 1 }}"})
    bench.once()
    bench.check()
    assert (bench.deliveries(), bench.leads()) == ({"rejected": 30}, {"rejected": 30})
    assert bench.lane("deliver", "crm").status == "open"
    bench.stop()
    bench.places["crm"].fields = {"n": "{{ handle }}"}
    with bench.ledger.write() as connection:
        retry(connection, Chosen(code="mapping_failed"), bench.clock.now(), who="ana", exports={})
    bench.run()
    bench.check()
    assert (len(far.things), bench.leads()) == (30, {"exported": 30})


def test_a_connector_whose_route_fails_for_one_lead_serves_the_others(bench: Bench) -> None:
    bench.ctgo(leads=20)
    far = bench.place()
    bad = pulled(bench)[4]

    def route(delivery: Delivery) -> Route:
        if delivery.lead.id == bad:
            raise KeyError("no email")
        return Route("all", str(delivery.lead.key))

    bench.places["crm"].route = route
    bench.stop()
    bench.tolerant = True
    bench.run(DAY)
    bench.check()
    assert len(far.things) == 19
