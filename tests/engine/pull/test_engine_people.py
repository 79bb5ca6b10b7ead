"""Where an object is a person: one each, the newest lead's content, found again by its remote id."""

import pytest

from syncd.simulator.leads.store import FUTURE
from tests.support import DAY, Bench, iso, lost_answer, unreachable


def _two_leads_of_one(bench: Bench, *, newest_first: bool) -> tuple[int, int]:
    """Two leads of one person, under ids of their own; the older one's id and the newer one's."""
    world = bench.ctgo(leads=0, order="descending" if newest_first else "ascending")
    older, newer = world.add_leads(1, discovered=bench.clock.true() - 600)[0], world.add_leads(1)[0]
    for lead_id, bio in ((older, "old"), (newer, "new")):
        world.amend_lead(lead_id, {"profile": {"xUserId": "42", "bio": bio}})
    return older, newer


@pytest.mark.parametrize(("newest_first", "size"), [(True, 1), (False, 1), (False, 100), (True, 100)])
def test_the_newest_lead_of_a_person_wins(bench: Bench, *, newest_first: bool, size: int) -> None:
    _two_leads_of_one(bench, newest_first=newest_first)
    far = bench.place(people=True, batch_size=size)
    bench.once()
    bench.check()
    assert [thing.fields["bio"] for thing in far.things] == ["new"]
    assert bench.leads() == {"exported": 2}


def test_an_older_lead_settles_with_the_newer_one_unsent(bench: Bench) -> None:
    older, newer = _two_leads_of_one(bench, newest_first=True)
    far = bench.place(people=True, batch_size=1)
    bench.once()
    bench.check()
    assert far.things[0].writes == [newer]
    assert [d.lead.id for call in far.calls for d in call] == [newer]
    assert older in bench.accounts["main"].world.exported


def test_an_older_lead_that_comes_later_settles_unsent(bench: Bench) -> None:
    world = bench.ctgo(leads=0)
    far = bench.place(people=True)
    newer = world.add_leads(1)[0]
    world.amend_lead(newer, {"profile": {"xUserId": "42"}})
    bench.once()
    older = world.add_leads(1, discovered=bench.clock.true() - 600)[0]
    world.amend_lead(older, {"profile": {"xUserId": "42"}, "discoveredAt": iso(bench.clock.true() - 600)})
    bench.clock.advance(60)
    bench.once()
    bench.check()
    assert far.things[0].writes == [newer]
    assert bench.leads() == {"exported": 2}


@pytest.mark.parametrize("known", ["now", "by an earlier version", "in one call"])
def test_a_lead_dated_2099_supersedes_no_later_one(bench: Bench, known: str) -> None:
    world = bench.ctgo(leads=0)
    far = bench.place(people=True)
    if known == "in one call":
        far.rule = unreachable
    for bio, dated in (("2099", FUTURE), ("today", None), ("tomorrow", None)):
        lead_id = world.add_leads(1)[0]
        changes = {"profile": {"xUserId": "42", "bio": bio}}
        world.amend_lead(lead_id, changes | ({"discoveredAt": iso(dated)} if dated else {}))
        bench.once(seconds=60)
        if dated and known == "by an earlier version":
            bench.sql("UPDATE person SET discovered_at = ?", FUTURE)
        bench.clock.advance(DAY)
    far.rule = None
    bench.run()
    bench.check()
    assert [thing.fields["bio"] for thing in far.things] == ["tomorrow"]
    if known != "in one call":
        assert len(far.things[0].writes) == 3
    assert bench.leads() == {"exported": 3}
    assert bench.rows("SELECT discovered_at FROM person")[0][0] <= bench.clock.now()


def test_a_later_lead_of_a_person_is_given_the_remote_id(bench: Bench) -> None:
    world = bench.ctgo(leads=0)
    far = bench.place(people=True, upsert=False)
    for _ in range(2):
        world.amend_lead(world.add_leads(1)[0], {"profile": {"xUserId": "42"}})
        bench.clock.advance(60)
        bench.once()
    bench.check()
    assert [d.remote_id for call in far.calls for d in call] == [None, "r1"]


@pytest.mark.parametrize("size", [1, 100])
def test_two_leads_of_a_person_in_one_pass_make_one_object(bench: Bench, size: int) -> None:
    """Where there is no upsert and a search lags, the remote id is all there is."""
    _two_leads_of_one(bench, newest_first=False)
    far = bench.place(people=True, upsert=False, batch_size=size)
    far.search_lag = 30.0
    bench.once()
    bench.check()
    assert len(far.things) == 1


def test_people_of_two_sources_share_their_object(bench: Bench) -> None:
    for name in ("main", "other"):
        world = bench.ctgo(name, leads=0, key=f"ctgo_{name}")
        world.amend_lead(world.add_leads(1)[0], {"profile": {"xUserId": "42"}})
    far = bench.place(people=True, upsert=False)
    bench.once()
    bench.check()
    assert len(far.things) == 1
    assert bench.leads("main") == bench.leads("other") == {"exported": 1}


def test_an_outage_between_two_leads_of_a_person_makes_no_duplicate(bench: Bench) -> None:
    _two_leads_of_one(bench, newest_first=False)
    far = bench.place(people=True, upsert=False, batch_size=1)
    far.script.extend([unreachable, lambda far, batch: far.accept(batch), unreachable])
    bench.once()
    bench.check()
    assert len(far.things) == 1


def test_what_one_lead_may_have_made_is_looked_for_before_another_of_the_person_is_written(
    bench: Bench,
) -> None:
    """A probe is another delivery, and may be of the very person whose answer was lost."""
    _two_leads_of_one(bench, newest_first=True)
    far = bench.place(people=True, upsert=False, batch_size=1)
    far.script.append(lost_answer)
    bench.once()
    bench.check()
    assert len(far.things) == 1
    assert bench.leads() == {"exported": 2}


def test_what_a_dropped_lead_may_have_made_is_looked_for_too(bench: Bench) -> None:
    world = bench.ctgo(leads=0)
    far = bench.place(people=True, upsert=False)
    far.rule = lost_answer
    for _ in range(2):
        world.amend_lead(world.add_leads(1)[0], {"profile": {"xUserId": "42"}})
        bench.clock.advance(60)
        bench.once(30)
        bench.sql("UPDATE delivery SET state = 'rejected', settled_at = 1 WHERE state = 'pending' AND id = 1")
        far.rule = None
    bench.run()
    assert far.duplicates() == []
