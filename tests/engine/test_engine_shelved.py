"""Exports of a source that no longer exports, or has left, are put off: nothing waits for them, and they come back with it."""

from collections.abc import Sequence

import pytest

from syncd.core.delivery import Delivery, Outcome
from syncd.engine.housekeeping import DAY, Housekeeping
from syncd.ledger import overview
from syncd.ledger.admin.forgotten import erase
from syncd.ledger.sql import Books
from syncd.simulator import Fault
from syncd.simulator.world import World
from tests.support import Bench, Remote, unreachable
from tests.support.virtual import Log

AWAY = ["off", "left"]


def _owing(bench: Bench) -> World:
    """Ten leads that are delivered, whose exports CTGO answers with errors."""
    world = bench.ctgo(leads=10)
    bench.place()
    world.fail(Fault("export", times=500, status=500))
    bench.once(seconds=0)
    assert bench.exports() == {"pending": 10}
    return world


def _go_away(bench: Bench, how: str) -> None:
    if how == "off":
        bench.accounts["main"].context["exports"] = False
    else:
        del bench.accounts["main"]
    bench.boot()


def _come_back(bench: Bench, world: World) -> None:
    bench.account("main", world)
    bench.boot()


@pytest.mark.parametrize("how", AWAY)
def test_its_leads_settle_and_nothing_is_left_to_do(bench: Bench, how: str) -> None:
    world = _owing(bench)
    world.gateway.clear_faults()
    _go_away(bench, how)
    bench.run()
    bench.check()
    assert bench.leads() == {"unexported": 10}
    assert bench.exports() == {"shelved": 10}
    with bench.ledger.read() as connection:
        assert overview.oldest_unsettled(connection) is None
    bench.clock.advance(91 * DAY)
    Housekeeping(bench.ledger, bench.clock, Log(), 90 * DAY).keep()
    bench.clock.advance(2 * DAY)
    Housekeeping(bench.ledger, bench.clock, Log(), 90 * DAY).keep()
    assert bench.rows("SELECT count(*) FROM payload") == [(0,)]
    assert not world.exported


@pytest.mark.parametrize("how", AWAY)
def test_what_was_owed_is_exported_when_it_comes_back(bench: Bench, how: str) -> None:
    world = _owing(bench)
    world.gateway.clear_faults()
    _go_away(bench, how)
    bench.run()
    _come_back(bench, world)
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 10}
    assert len(world.exported) == 10


def test_what_is_delivered_while_the_source_is_away_is_exported_when_it_comes_back(bench: Bench) -> None:
    world = bench.ctgo(leads=4, repeats=1.0)
    bench.place(batch_size=3).rule = unreachable
    bench.once(seconds=0)
    _go_away(bench, "left")
    bench.places["crm"].far.rule = None
    bench.run()
    bench.check()
    assert set(bench.leads()) == {"unexported"}
    assert set(bench.exports()) == {"shelved"}
    _come_back(bench, world)
    bench.once()
    bench.check()
    assert set(bench.leads()) == {"exported"}
    assert len(world.exported) == 4


def test_what_is_delivered_while_export_is_false_is_not_told_later(bench: Bench) -> None:
    world = bench.ctgo(leads=4, context={"exports": False})
    bench.place()
    bench.once()
    _come_back(bench, world)
    bench.once()
    assert bench.leads() == {"unexported": 4}
    assert not world.exported


def test_an_id_that_one_row_still_holds_is_owed_too(bench: Bench) -> None:
    world = bench.ctgo(leads=1, repeats=1.0)
    bench.place()
    far = bench.places["crm"].far
    held = world.rows()[1].stream_id
    bench.places["crm"].batch_size = 1

    def down_for_one(far: Remote, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return unreachable(far, batch) if batch[0].lead.stream_id == held else far.accept(batch)

    far.rule = down_for_one
    bench.once(seconds=600)
    assert bench.leads() == {"exporting": 1, "delivering": 1}
    _go_away(bench, "off")
    bench.check()
    far.rule = None
    bench.run()
    _come_back(bench, world)
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 2}
    assert len(world.exported) == 1


def test_a_mark_that_may_be_ours_stays_ours_while_exports_are_put_off(bench: Bench) -> None:
    world = bench.ctgo(leads=1)
    far = bench.place()
    lead_id = world.listed()[0].id
    world.fail(Fault("export", times=50, status=500, after_applying=True))
    bench.once(seconds=0)
    _go_away(bench, "off")
    other = world.add_leads(1)[0]
    world.amend_lead(other, {"id": lead_id, "streamId": 777, "exportedAt": "2026-09-21T00:00:00Z"})
    bench.once(seconds=3600)
    assert len(far.things) == 2


def test_who_is_forgotten_while_exports_are_put_off_is_not_exported_later(bench: Bench) -> None:
    world = _owing(bench)
    world.gateway.clear_faults()
    _go_away(bench, "off")
    with bench.ledger.write() as connection:
        erase(Books(connection, bench.clock.now()), [1, 2])
    _come_back(bench, world)
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 8, "forgotten": 2}
    assert len(world.exported) == 8
