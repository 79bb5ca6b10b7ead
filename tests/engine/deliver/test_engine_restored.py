"""Yesterday's ledger, restored: nothing is created twice, nothing is exported early, and nothing is lost (I-14)."""

from pathlib import Path

import pytest

from syncd.ledger import Ledger
from syncd.ledger.admin import backups, restoration
from syncd.simulator import Fault
from tests.engine.enrich.test_engine_enriching import FIELDS, asks, ctgo
from tests.support import DAY, Bench, unreachable


def back_up(bench: Bench) -> Path:
    to = bench.path.with_name("past.db")
    backups.back_up(bench.path, to, force=True)
    return to


def restore(bench: Bench, past: Path) -> restoration.Carried:
    """As `syncd restore` does it."""
    bench.stop()
    part = backups.fresh(bench.path.with_name("syncd.db.restoring"))
    backups.copy(past, part)
    with Ledger.open(part) as ledger:
        carried = restoration.bring_up_to_now(ledger, bench.path, bench.clock.now(), who="me", name=str(past))
    backups.replace(bench.path, part, bench.path.with_name("syncd.db.before-restore-1"))
    return carried


@pytest.mark.parametrize("objects", ["people", "leads"])
@pytest.mark.parametrize("source", ["exports", "does not"])
@pytest.mark.parametrize("replaced", ["sound", "damaged"])
def test_nothing_is_created_twice_whatever_was_done_since(
    bench: Bench, objects: str, source: str, replaced: str
) -> None:
    world = bench.ctgo(leads=6, context={"exports": source == "exports"})
    far = bench.place(people=objects == "people", upsert=False)
    bench.once()
    far.rule = unreachable
    world.add_leads(4)
    bench.once(60)
    assert bench.deliveries()["pending"] == 4
    past = back_up(bench)
    far.rule = None
    world.add_leads(5)
    bench.clock.advance(3600)
    bench.once()
    assert len(far.things) == 15
    if replaced == "damaged":
        bench.stop()
        bench.path.write_bytes(b"\xff" * 4096)
    restore(bench, past)
    world.add_leads(2)
    bench.once(DAY)
    bench.daemon(2 * 3600.0, poll=600)
    bench.check()
    assert len(far.things) == 17
    assert far.duplicates() == []
    if source == "exports":
        assert len(world.exported) == 17


def test_nothing_is_created_twice_though_the_clock_was_a_month_behind_when_it_was_restored(
    bench: Bench,
) -> None:
    world = bench.ctgo(leads=6, context={"exports": False})
    far = bench.place(upsert=False)
    bench.once()
    past = back_up(bench)
    world.add_leads(5)
    bench.clock.advance(60)
    bench.once()
    bench.clock.jump(-30 * DAY)
    restore(bench, past)
    bench.clock.jump(30 * DAY)
    bench.once()
    assert len(far.things) == 11
    assert far.duplicates() == []


def test_what_was_exported_since_is_known_for_our_own(bench: Bench) -> None:
    world = bench.ctgo(leads=2)
    far = bench.place(upsert=False)
    other = bench.place("hook", required=False, upsert=True)
    bench.once()
    past = back_up(bench)
    bench.clock.advance(60)
    other.rule = unreachable
    (lead_id,) = world.add_leads(1)
    bench.once(3600)
    assert lead_id in world.exported
    calls = len(far.calls)
    restore(bench, past)
    again = world.add_leads(1)[0]
    world.amend_lead(again, {"id": lead_id, "streamId": 777, "exportedAt": "2026-09-21T00:00:00Z"})
    other.rule = None
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert bench.leads() == {"exported": 4}
    assert len(far.things) == len(other.things) == 4
    assert len(far.calls) == calls + 1, "the lead itself is not sent again"
    assert world.export_counts[lead_id] == 1


def test_what_was_under_way_at_the_backup_and_is_exported_since_stays_exported(bench: Bench) -> None:
    bench.ctgo(leads=4)
    far = bench.place(upsert=False)
    far.rule = unreachable
    bench.once(60)
    assert bench.deliveries()["pending"] == 4
    past = back_up(bench)
    far.rule = None
    bench.once()
    assert bench.deliveries() == {"delivered": 4}
    restore(bench, past)
    assert bench.deliveries() == {"delivered": 4}
    bench.check()


def test_what_was_owed_since_is_exported_without_being_sent_again(bench: Bench) -> None:
    world = bench.ctgo(leads=2)
    far = bench.place(upsert=False)
    bench.once()
    past = back_up(bench)
    bench.clock.advance(60)
    world.fail(Fault("export", times=500, status=500))
    world.add_leads(1)
    bench.once(0)
    assert bench.exports() == {"delivered": 2, "pending": 1}
    restore(bench, past)
    assert bench.exports() == {"delivered": 2, "pending": 1}
    world.gateway.clear_faults()
    bench.run()
    bench.check()
    assert bench.leads() == {"exported": 3}
    assert len(far.things) == 3


def test_an_export_that_was_made_since_is_not_repeated(bench: Bench) -> None:
    world = bench.ctgo(leads=2)
    bench.place()
    world.fail(Fault("export", times=500, status=500))
    bench.once(0)
    past = back_up(bench)
    world.gateway.clear_faults()
    bench.run()
    restore(bench, past)
    assert bench.leads() == {"exported": 2}
    bench.run()
    bench.check()
    assert set(world.export_counts.values()) == {1}


def test_without_the_time_of_the_restore_things_are_created_twice(bench: Bench) -> None:
    """Negative control."""
    world = bench.ctgo(leads=6, context={"exports": False})
    far = bench.place(upsert=False)
    bench.once()
    past = back_up(bench)
    world.add_leads(5)
    bench.clock.advance(60)
    bench.once()
    restore(bench, past)
    bench.sql("DELETE FROM upkeep WHERE name = 'restore'")
    bench.once()
    assert len(far.duplicates()) == 5
    far.things.clear()
    bench.sql("DELETE FROM delivery")
    bench.sql("DELETE FROM lead")
    bench.sql("DELETE FROM tally")


def test_a_newer_lead_of_a_person_is_not_written_over_by_an_older_one(bench: Bench) -> None:
    world = bench.ctgo(leads=0)
    far = bench.place(people=True)
    far.rule = unreachable
    old = world.add_leads(1)[0]
    world.amend_lead(old, {"profile": {"xUserId": "777", "bio": "then"}})
    bench.once(60)
    past = back_up(bench)
    far.rule = None
    bench.clock.advance(3600)
    new = world.add_leads(1)[0]
    world.amend_lead(new, {"profile": {"xUserId": "777", "bio": "now"}})
    bench.once()
    assert far.things[0].fields["bio"] == "now"
    restore(bench, past)
    bench.once()
    assert far.things[0].fields["bio"] == "now"
    bench.check()


def test_what_was_paid_for_since_is_not_paid_for_again(bench: Bench) -> None:
    world = ctgo(
        bench, sim={"leads": 4, "contact_rate": 1.0, "charge_repeats": True}, per_day=2, when_exhausted="hold"
    )
    bench.place(fields=FIELDS)
    bench.once(600)
    assert bench.leads()["enriching"] == 2
    past = back_up(bench)
    bench.clock.advance(DAY)
    bench.once(600)
    assert len(asks(bench)) == 4
    restore(bench, past)
    bench.once(5 * DAY)
    assert len(asks(bench)) == 4
    assert bench.leads() == {"exported": 4}
    assert len(world.exported) == 4
    bench.check()
