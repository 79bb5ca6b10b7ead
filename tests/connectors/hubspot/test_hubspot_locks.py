"""A lock of HubSpot's lasts two seconds; one that lasts longer is some contact's, and holds nobody else up."""

from collections.abc import Iterator

import pytest

from syncd.connector import Delivered, Delivery, Failure, Pause, Refused
from syncd.testing import LaneHarness
from tests.connectors.hubspot.hubspot_bench import ALWAYS, Hub, hub

MANY = 20


@pytest.fixture
def it() -> Iterator[Hub]:
    with hub() as it:
        yield it


def known(it: Hub) -> list[Delivery]:
    """Leads of people who have a contact."""
    leads = [it.lead(n, emailed=False) for n in range(1, MANY + 1)]
    ids = [each.remote_id for each in it.send(*leads) if isinstance(each, Delivered)]
    it.fake.requests.clear()
    return [it.lead(n, emailed=False, remote_id=id_) for n, id_ in enumerate(ids, 1)]


def locked(it: Hub, lead: Delivery, times: int) -> None:
    assert lead.remote_id is not None
    it.fake.portal.locked[lead.remote_id] = times


def raised(it: Hub, *leads: Delivery) -> Failure | Refused:
    try:
        it.send(*leads)
    except (Failure, Refused) as why:
        return why
    raise AssertionError("nothing was raised")


def test_a_lock_is_waited_out_for_as_long_as_hubspot_says_it_lasts(it: Hub) -> None:
    leads = known(it)
    locked(it, leads[3], 1)
    why = raised(it, *leads)
    assert isinstance(why, Pause)
    assert (why.code, why.after, why.unexplained) == ("hubspot_locked", 2.0, False)
    assert len(it.send(*leads)) == MANY


def test_a_lock_that_lasts_has_the_batch_halved(it: Hub) -> None:
    leads = known(it)
    locked(it, leads[3], 2)
    kinds = [type(raised(it, *leads)) for _ in range(2)]
    assert kinds == [Pause, Refused]


def test_one_that_lasts_for_a_single_contact_makes_a_suspect_and_is_asked_ever_more_slowly(it: Hub) -> None:
    lead = known(it)[3]
    locked(it, lead, 3)
    why = [raised(it, lead) for _ in range(3)]
    assert [isinstance(each, Pause) and (each.after, each.unexplained) for each in why] == [
        (2.0, False),
        (None, True),
        (None, True),
    ]


def test_a_wait_that_hubspot_asks_for_is_kept_also_then(it: Hub) -> None:
    lead = known(it)[3]
    for _ in range(2):
        it.fake.answer_next(200, {"results": [{"id": lead.remote_id, "properties": {}}]})
        it.fake.answer_next(423, "", {"Retry-After": "30"})
    why = [raised(it, lead) for _ in range(2)]
    assert [isinstance(each, Pause) and (each.after, each.unexplained) for each in why] == [
        (30.0, False),
        (30.0, True),
    ]


def test_a_contact_that_stays_locked_holds_nobody_else_up(it: Hub) -> None:
    leads = known(it)
    locked(it, leads[3], 16)
    began = it.bench.clock.now()
    harness = LaneHarness(it.bench, *leads)
    for _ in range(60):
        if harness.pending == [leads[3].id]:
            break
        if wait := harness.lane.wait(it.bench.clock.now()):
            it.bench.clock.advance(wait + 0.001)
        harness.step()
    assert it.bench.clock.now() - began < 30
    assert len(it.fake.requests) < 2 * MANY
    assert harness.settle().ids("delivered") == [each.id for each in leads]


def test_an_account_that_is_locked_costs_nobody_an_attempt() -> None:
    with hub(ALWAYS) as it:
        for _ in range(6):
            it.fake.answer_next(423, "")
        harness = LaneHarness(it.bench, *(it.lead(n, emailed=False) for n in range(1, MANY + 1))).settle()
        assert harness.ids("delivered") == list(range(1, MANY + 1))
        assert {change.attempts for change in harness.settled.values()} == {1}
        assert len(harness.calls) < MANY
