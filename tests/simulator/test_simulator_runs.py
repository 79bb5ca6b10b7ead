"""Runs: what they find over time, what they cost, and what keeps one from beginning."""

from collections.abc import Sequence
from typing import Any

import pytest

from syncd.simulator.instants import iso
from syncd.simulator.leads.row import Row
from tests.simulator.conftest import START, Make, Simulator


def run(simulator: Simulator, stream: int = 14) -> Any:
    return simulator.post(f"/streams/{stream}/run").json


def shown(simulator: Simulator, run_id: int, stream: int = 14) -> dict[str, Any]:
    told: dict[str, Any] = simulator.get(f"/streams/{stream}/runs/{run_id}").json["run"]
    return told


def left(simulator: Simulator, account: int) -> tuple[int, int]:
    me = simulator.get("/me").json
    one = next(one for one in me["accounts"] if one["accountId"] == account)
    return one["dailySync"]["remaining"], one["monthlyRetest"]["remaining"]


def test_a_run_is_queued_for_every_pair_and_takes_a_slot_of_each_account(make: Make) -> None:
    simulator = make(leads=0)
    before = left(simulator, 3), left(simulator, 11)
    assert run(simulator) == {
        "queued": [{"trackedAccountId": 3, "syncRunId": 407}, {"trackedAccountId": 11, "syncRunId": 408}],
        "skipped": [],
    }
    assert before == ((3, 40), (1, 12))
    assert (left(simulator, 3), left(simulator, 11)) == ((2, 40), (0, 12))


def test_a_run_finds_its_leads_over_time(make: Make) -> None:
    simulator = make(leads=0, run_seconds=100, run_leads=6)
    run_id = run(simulator)["queued"][0]["syncRunId"]
    told = []
    for _ in range(11):
        one = shown(simulator, run_id)
        listed = len(simulator.leads("/streams/14/leads", accountId=3))
        assert one["candidatesPassedCount"] == listed
        told.append((one["status"], listed, [step["step"] for step in one["progressLog"]]))
        simulator.wait(10)
    statuses = [status for status, _, _ in told]
    assert statuses == ["queued"] + ["running"] * 9 + ["succeeded"]
    counts = [count for _, count, _ in told]
    assert counts == sorted(counts)
    assert (counts[4], counts[-1]) == (0, counts[9])
    assert len(set(counts)) > 2
    assert 3 <= counts[-1] <= 6
    assert told[-1][2] == ["start", "fetch_followers", "classify", "done"]


def test_a_run_that_is_over_says_what_it_found(make: Make) -> None:
    simulator = make(leads=0, run_seconds=100)
    run_id = run(simulator)["queued"][0]["syncRunId"]
    assert shown(simulator, run_id)["completedAt"] is None
    simulator.wait(500)
    one = shown(simulator, run_id)
    leads = simulator.leads("/streams/14/leads", accountId=3)
    assert one["completedAt"] == iso(START + 100)
    assert one["newFollowersCount"] > one["candidatesPassedCount"] == len(leads)
    assert one["mediumFitCount"] == sum(lead["matchConfidence"] == "medium" for lead in leads)
    assert all(one["triggeredAt"] < lead["discoveredAt"] < one["completedAt"] for lead in leads)
    names = (one["streamName"], one["xHandle"], one["segmentName"], one["source"], one["mode"])
    assert names == ("Indie founders", "northwindlabs", "Indie founders", "manual", "sync-then-search")


def test_each_completed_sync_is_told_once_with_its_leads_however_late_somebody_asks(make: Make) -> None:
    simulator = make(leads=3, run_seconds=100)
    told: list[set[int]] = []

    def observe(rows: Sequence[Row]) -> None:
        told.append({row.id for row in rows})

    simulator.world.sync_observers.append(observe)
    run(simulator)
    simulator.wait(99)
    assert simulator.ids() != []
    assert told == []
    simulator.wait(1_000)
    new = set(simulator.ids(limit=500)) - {90_211, 90_212, 90_213}
    assert len(told) == 2
    assert set.union(*told) == new
    assert sum(map(len, told)) == len(new)
    simulator.wait(1_000)
    simulator.ids()
    assert len(told) == 2


def test_leads_that_no_run_produced_are_a_sync_of_their_own_when_they_are_listed(make: Make) -> None:
    simulator = make(leads=3, leads_per_minute=6)
    told: list[list[int]] = []
    simulator.world.sync_observers.append(lambda rows: told.append([row.id for row in rows]))
    simulator.order("leads", count=2)
    simulator.world.add_leads(1, listed_from=START + 5)
    assert told == [[90_214, 90_215]]
    simulator.wait(10)
    simulator.ids()
    assert told == [[90_214, 90_215], [90_216, 90_217]]


def test_a_sleeping_account_and_a_spent_budget_are_skipped_in_a_success(make: Make) -> None:
    simulator = make(leads=0)
    simulator.order("sleep", accountId=3)
    simulator.order("drain", accountId=11, budget="sync")
    answer = simulator.post("/streams/14/run")
    assert (answer.status_code, answer.json) == (
        200,
        {
            "queued": [],
            "skipped": [
                {"trackedAccountId": 3, "reason": "account_sleeping"},
                {"trackedAccountId": 11, "reason": "budget_exhausted"},
            ],
        },
    )


def test_budgets_come_back_with_the_day_and_the_period(make: Make) -> None:
    simulator = make(leads=0)
    simulator.order("drain")
    assert left(simulator, 3) == (0, 0)
    simulator.wait(86_400)
    assert left(simulator, 3) == (3, 0)
    simulator.wait(20 * 86_400)
    assert left(simulator, 3) == (3, 40)


def test_a_run_whose_budgets_are_all_spent_may_be_403(make: Make) -> None:
    simulator = make(leads=0, all_skipped="refused")
    simulator.order("drain")
    for verb in ("run", "re-test"):
        answer = simulator.post(f"/streams/14/{verb}")
        assert (answer.status_code, answer.json["error"]) == (403, "budget_exhausted")
    simulator.order("sleep", accountId=3)
    assert simulator.post("/streams/14/run").status_code == 200


@pytest.mark.parametrize("verb", ["run", "re-test"])
def test_an_archived_campaign_refuses(make: Make, verb: str) -> None:
    simulator = make()
    simulator.send("DELETE", "/streams/14")
    answer = simulator.post(f"/streams/14/{verb}")
    assert (answer.status_code, answer.json) == (400, {"error": "Stream is archived"})


def test_a_run_beside_a_run_is_409_or_queued(make: Make) -> None:
    simulator = make(leads=0, run_seconds=100)
    run(simulator, 15)
    answer = simulator.post("/streams/15/run")
    assert (answer.status_code, answer.json["error"]) == (409, "run_in_progress")
    assert simulator.post("/streams/16/run").status_code == 200
    simulator.wait(100)
    assert simulator.post("/streams/15/run").status_code == 200
    other = make(leads=0, concurrent_runs="queued")
    assert [len(run(other, 15)["queued"]) for _ in range(2)] == [2, 2]


def test_a_run_may_fail_half_way(make: Make) -> None:
    simulator = make(leads=0, run_seconds=100)
    simulator.order("fail-run", message="X did not answer.")
    first, second = (one["syncRunId"] for one in run(simulator)["queued"])
    simulator.wait(49)
    assert shown(simulator, first)["errorMessage"] is None
    simulator.wait(51)
    told = shown(simulator, first)
    assert (told["status"], told["errorMessage"], told["completedAt"]) == (
        "failed",
        "X did not answer.",
        iso(START + 50),
    )
    assert told["candidatesPassedCount"] == 0
    assert shown(simulator, second)["status"] == "succeeded"


def test_a_re_test_takes_the_monthly_budget_and_finds_fewer(make: Make) -> None:
    simulator = make(leads=0)
    told: list[Sequence[Row]] = []
    simulator.world.sync_observers.append(told.append)
    answer = simulator.post("/streams/14/re-test", {})
    assert answer.json == {
        "queued": [
            {"pairId": 71, "trackedAccountId": 3, "segmentId": 6, "runId": 407},
            {"pairId": 72, "trackedAccountId": 11, "segmentId": 6, "runId": 408},
        ],
        "skipped": [],
    }
    assert left(simulator, 3) == (3, 39)
    simulator.wait(20)
    assert 2 <= len(simulator.ids()) <= 4
    assert shown(simulator, 407)["newFollowersCount"] == 0
    assert told == []


def test_a_re_tests_leads_may_be_told_too(make: Make) -> None:
    simulator = make(leads=0, retest_delivers=True)
    told: list[Sequence[Row]] = []
    simulator.world.sync_observers.append(told.append)
    simulator.post("/streams/14/re-test")
    simulator.wait(20)
    assert len(simulator.ids()) == sum(map(len, told)) > 0


@pytest.mark.parametrize(
    ("body", "pairs"), [({"accountId": 3}, [71]), ({"segmentId": 6}, [71, 72]), ({"accountId": 8}, [])]
)
def test_a_re_test_may_be_of_an_account_or_a_segment(make: Make, body: Any, pairs: list[int]) -> None:
    queued = make(leads=0).post("/streams/14/re-test", body).json["queued"]
    assert [one["pairId"] for one in queued] == pairs


def test_a_free_user_has_no_re_tests(make: Make) -> None:
    simulator = make(subscription="free_user")
    skipped = simulator.post("/streams/14/re-test").json["skipped"]
    assert [one["reason"] for one in skipped] == ["free_tier", "free_tier"]


def test_the_names_in_answers_of_run_and_re_test_are_switches(make: Make) -> None:
    simulator = make(leads=0, run_id_name="accountId", retest_answer="as_run", concurrent_runs="queued")
    assert run(simulator)["queued"][0] == {"accountId": 3, "syncRunId": 407}
    assert simulator.post("/streams/14/re-test").json["queued"][0] == {"accountId": 3, "syncRunId": 409}


def test_enriching_by_itself_costs_credits_until_there_are_none(make: Make) -> None:
    simulator = make(leads=0, contact_rate=1, credits=4, run_leads=6)
    simulator.send("PATCH", "/streams/14", {"autoEnrichEmail": True})
    runs = [one["syncRunId"] for one in run(simulator)["queued"]]
    assert simulator.get("/me").json["credits"]["balance"] == 4
    simulator.wait(20)
    assert simulator.get("/me").json["credits"]["balance"] == 0
    assert sum(shown(simulator, one)["enrichedCount"] for one in runs) == 4


def test_a_campaign_shows_the_runs_of_its_pairs_whoever_began_them(make: Make) -> None:
    simulator = make(leads=0)
    same = simulator.post("/streams", {"pairs": [{"accountId": 3, "segmentId": 6}]}).json["id"]
    run_id = run(simulator)["queued"][0]["syncRunId"]
    assert [one["id"] for one in simulator.get(f"/streams/{same}/runs").json["runs"]] == [run_id, 401]
    assert shown(simulator, run_id, same)["streamId"] == 14
    answer = simulator.get(f"/streams/15/runs/{run_id}")
    assert (answer.status_code, answer.json["error"]) == (404, "run_not_found")


def test_runs_are_listed_newest_first_and_in_numbers(make: Make) -> None:
    simulator = make(leads=30, campaigns=20)
    ids = [one["id"] for one in simulator.get("/runs").json["runs"]]
    assert ids == list(range(440, 410, -1))
    assert len(simulator.get("/runs", limit=100).json["runs"]) == 40
    for limit in ("0", "101", "x", "٣"):
        assert simulator.get("/runs", limit=limit).status_code == 400
        assert simulator.get("/streams/14/runs", limit=limit).status_code == 400


def test_the_leads_of_the_start_were_found_by_runs_before_it(make: Make) -> None:
    simulator = make(leads=100)
    runs = simulator.get("/runs", limit=100).json["runs"]
    assert {one["source"] for one in runs} == {"cron"}
    assert sum(one["candidatesPassedCount"] for one in runs) == 100
