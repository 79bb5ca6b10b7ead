"""The leads themselves: how they arrive, and every way in which they can be awkward."""

import json
from collections import Counter

import pytest

from syncd.simulator import Options, World
from syncd.simulator.instants import iso
from syncd.simulator.leads.bad_data import FLAWS, HOSTILE_TEXTS
from tests.simulator.conftest import START, Make


def test_the_same_seed_and_clock_give_the_same_bytes(make: Make) -> None:
    awkward = {
        "seed": 3,
        "repeats": 0.3,
        "late_rate": 0.2,
        "hostile_rate": 0.2,
        "malformed_rate": 0.2,
        "null_segment_rate": 0.2,
        "order": "shuffled",
        "leads_per_minute": 4,
    }

    def bodies(**options: object) -> list[bytes]:
        simulator = make(**options)
        shown = []
        for minute in range(3):
            simulator.time.instant = START + 60 * minute
            shown += [
                simulator.get(path, limit=500).data for path in ("/leads", "/streams/14/leads", "/streams")
            ]
        return shown

    assert bodies(**awkward) == bodies(**awkward)
    assert bodies(**awkward) != bodies(**{**awkward, "seed": 4})


def test_what_a_lead_is_does_not_depend_on_what_came_before(make: Make) -> None:
    at_start = make(leads=4, order="id").leads()
    one_by_one = make(leads=0, order="id")
    one_by_one.world.add_leads(4)
    same = ("id", "profile", "streamId", "segmentId")
    assert [[lead[m] for m in same] for lead in at_start] == [
        [lead[m] for m in same] for lead in one_by_one.leads()
    ]


def test_people_are_distinct(make: Make) -> None:
    people = [row.person for row in make(leads=5_000).world.listed()]
    for member in ("x_user_id", "handle", "email", "linkedin"):
        values = [value for person in people if (value := getattr(person, member)) is not None]
        assert len(set(values)) == len(values)


def test_some_names_are_not_latin(make: Make) -> None:
    names = [lead["profile"]["displayName"] for lead in make().leads(limit=500)]
    assert 0 < sum(not name.isascii() for name in names) < len(names) / 2


def test_leads_at_the_start_are_in_the_past(make: Make) -> None:
    shown = [lead["discoveredAt"] for lead in make(leads=3, spacing=60, order="ascending").leads()]
    assert shown == [iso(START - 180), iso(START - 120), iso(START - 60)]


def test_leads_arrive_over_time_at_the_instants_at_which_they_were_due(make: Make) -> None:
    simulator = make(leads=0, leads_per_minute=2, order="ascending")
    assert simulator.leads() == []
    simulator.time.instant = START + 95
    assert [lead["discoveredAt"] for lead in simulator.leads()] == [iso(START + at) for at in (30, 60, 90)]
    simulator.time.instant = START + 120
    assert len(simulator.leads()) == 4


def test_many_leads_share_a_second(make: Make) -> None:
    simulator = make(leads=30, per_second=10, leads_per_minute=60)
    simulator.time.instant = START + 30
    seconds = Counter(lead["discoveredAt"] for lead in simulator.leads(limit=500))
    assert list(seconds.values()) == [10] * 6


def test_late_leads_are_listed_after_their_discovery(make: Make) -> None:
    simulator = make(leads=0, late_rate=1, late_by=300)
    simulator.world.add_leads(1)
    assert simulator.leads() == []
    assert simulator.post("/leads/90211/export").status_code == 404
    simulator.time.instant = START + 300
    assert [lead["discoveredAt"] for lead in simulator.leads()] == [iso(START)]


def test_a_lead_can_be_back_dated_by_weeks_into_one_campaign(make: Make) -> None:
    simulator = make(leads=1)
    (lead,) = simulator.world.add_leads(1, discovered=START - 30 * 86_400, stream_id=16)
    assert lead in simulator.ids("/streams/16/leads")
    assert simulator.ids(since=iso(START - 3_600)) == [90_211]


@pytest.mark.parametrize("ids", ["shared", "own"])
def test_one_person_can_have_two_rows(make: Make, ids: str) -> None:
    leads = make(leads=40, repeats=1, repeat_ids=ids).leads(limit=500)
    assert len(leads) == 80
    assert len({lead["profile"]["xUserId"] for lead in leads}) == 40
    assert len({lead["id"] for lead in leads}) == (40 if ids == "shared" else 80)
    assert len({(lead["id"], lead["streamId"], lead["trackedXAccountId"]) for lead in leads}) == 80


def test_a_lead_may_have_no_segment(make: Make) -> None:
    lead = make(null_segment_rate=1).leads(limit=1)[0]
    assert (lead["segmentId"], lead["matchConfidence"]) == (None, None)


def test_one_lead_can_come_from_the_year_2099(make: Make) -> None:
    assert make(future_lead=True).leads(limit=1)[0]["discoveredAt"] == "2099-12-31T23:59:59Z"


def test_hostile_texts_arrive_unchanged(make: Make) -> None:
    simulator = make(leads=400, hostile_rate=1)
    names = {lead["profile"]["displayName"] for lead in simulator.leads(limit=500)}
    assert names == set(HOSTILE_TEXTS)


def test_every_flaw_is_valid_json_that_breaks_the_documented_shape(make: Make) -> None:
    simulator = make(leads=200, malformed_rate=1, order="ascending")
    body = simulator.get("/leads", limit=500).data.decode()
    shown = json.loads(body)["leads"]
    met = {row.flaw for row in simulator.world.listed()}
    assert met == set(FLAWS)
    assert any(lead is None for lead in shown)
    assert "9" * 300 in body
    assert r"\ud83d" in body
    assert r"\u0000" in body


def test_only_the_asked_share_is_malformed(make: Make) -> None:
    rows = make(leads=400, malformed_rate=0.1).world.listed()
    assert 20 < sum(row.flaw is not None for row in rows) < 60


def test_a_lead_can_change_and_vanish(make: Make) -> None:
    simulator = make(leads=2, order="id")
    first, second = simulator.ids()
    simulator.world.amend_lead(first, {"sourceType": "liker", "profile": {"bio": "new"}})
    lead = simulator.leads()[0]
    assert (lead["sourceType"], lead["profile"]["bio"]) == ("liker", "new")
    simulator.world.remove_lead(first)
    assert simulator.ids() == [second]
    assert simulator.post(f"/leads/{first}/export").status_code == 404


def test_a_late_lead_can_vanish_before_it_was_ever_listed(make: Make) -> None:
    simulator = make(leads=0)
    (lead,) = simulator.world.add_leads(1, listed_from=START + 60)
    simulator.world.remove_lead(lead)
    simulator.time.instant = START + 60
    assert simulator.leads() == []


def test_options_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="late_rate is a share between 0 and 1, not 2"):
        Options(late_rate=2)
    with pytest.raises(ValueError, match="per_second is at least 1, not 0"):
        Options(per_second=0)


def test_a_clock_that_steps_back_unlists_nothing(make: Make) -> None:
    simulator = make(leads=0, leads_per_minute=1)
    simulator.time.instant = START + 120
    assert len(simulator.leads()) == 2
    simulator.time.instant = START
    assert len(simulator.leads()) == 2


def test_a_world_reads_no_other_clock() -> None:
    world = World(Options(leads=1), lambda: 0.0)
    assert world.listed()[0].discovered == -60
