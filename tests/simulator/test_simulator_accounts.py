"""Tracked accounts: asleep and awake, tiers now and later, and what Stripe says."""

from typing import Any

import pytest

from syncd.simulator.campaigns.accounts import BEGUN, PERIOD
from syncd.simulator.instants import iso
from tests.simulator.conftest import START, Make, Simulator

END = START - BEGUN + PERIOD


def account(simulator: Simulator, account_id: int = 3) -> dict[str, Any]:
    body = simulator.get("/accounts").json
    return next(one for one in (*body["active"], *body["sleeping"]) if one["id"] == account_id)


def change(simulator: Simulator, tier: str, account_id: int = 3) -> Any:
    return simulator.post(f"/accounts/{account_id}/change-tier", {"newTier": tier})


def test_an_account_sleeps_and_wakes(make: Make) -> None:
    simulator = make()
    asleep = {"success": True, "accountId": 3, "asleep": True}
    assert [simulator.post("/accounts/3/sleep").json for _ in range(2)] == [asleep] * 2
    body = simulator.get("/accounts").json
    assert [one["id"] for one in body["active"]] == [8, 11, 12]
    assert [(one["id"], one["isActive"]) for one in body["sleeping"]] == [(3, False)]
    assert 3 not in [one["accountId"] for one in simulator.get("/me").json["accounts"]]
    assert simulator.post("/accounts/3/wake").json == {"success": True, "accountId": 3, "awake": True}
    assert account(simulator)["isActive"] is True


def test_no_leads_come_from_a_sleeping_account(make: Make) -> None:
    simulator = make(leads=0, leads_per_minute=60)
    simulator.post("/accounts/3/sleep")
    simulator.wait(120)
    assert {lead["trackedXAccountId"] for lead in simulator.leads()} == {8, 11, 12}


def test_an_upgrade_is_at_once(make: Make) -> None:
    simulator = make()
    answer = change(simulator, "pro").json
    assert (answer["action"], answer["account"]["tier"]) == ("upgraded", "pro")
    assert answer["account"] == account(simulator)
    assert "effectiveAt" not in answer


def test_a_downgrade_waits_for_the_end_of_the_period(make: Make) -> None:
    simulator = make()
    answer = change(simulator, "starter").json
    assert (answer["action"], answer["effectiveAt"]) == ("downgrade_scheduled", iso(END))
    assert (answer["account"]["tier"], answer["account"]["pendingTier"]) == ("growth", "starter")
    assert answer["account"]["pendingTierEffectiveAt"] == iso(END)
    simulator.time.instant = END - 1
    assert account(simulator)["tier"] == "growth"
    simulator.time.instant = END
    assert (account(simulator)["tier"], account(simulator)["pendingTier"]) == ("starter", None)


def test_a_scheduled_downgrade_is_cancelled_by_the_tier_there_is_or_a_higher_one(make: Make) -> None:
    simulator = make()
    for tier, action in (("growth", "pending_cancelled"), ("pro", "upgraded")):
        change(simulator, "starter")
        assert change(simulator, tier).json["action"] == action
        assert account(simulator)["pendingTier"] is None
    simulator.time.instant = END
    assert account(simulator)["tier"] == "pro"


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/accounts/77/sleep", None, 404, "Account not found"),
        ("/accounts/77/wake", None, 404, "Account not found"),
        ("/accounts/77/change-tier", {"newTier": "pro"}, 404, "Account not found"),
        ("/accounts/12/change-tier", {"newTier": "pro"}, 400, "Wake this account first to change its tier."),
        ("/accounts/3/change-tier", {"newTier": "growth"}, 400, "tier_unchanged"),
        ("/accounts/3/change-tier", {"newTier": "top"}, 400, "invalid_body"),
        ("/accounts/3/change-tier", {}, 400, "invalid_body"),
        ("/accounts/3/change-tier", None, 400, "invalid_body"),
    ],
)
def test_what_cannot_be_done_is_refused(make: Make, path: str, body: Any, status: int, error: str) -> None:
    simulator = make()
    simulator.order("sleep", accountId=12)
    answer = simulator.post(path, body)
    assert (answer.status_code, answer.json["error"]) == (status, error)


@pytest.mark.parametrize("subscription", ["free_user", "past_due", "canceled"])
def test_what_raises_the_bill_needs_a_subscription(make: Make, subscription: str) -> None:
    simulator = make()
    simulator.order("sleep", accountId=12)
    simulator.order("subscription", status=subscription)
    assert simulator.get("/me").json["subscriptionStatus"] == subscription
    assert simulator.get("/me").json["isFreeTier"] is (subscription == "free_user")
    for answer in (simulator.post("/accounts/12/wake"), change(simulator, "pro")):
        assert (answer.status_code, answer.json["error"]) == (403, "subscription_required")
    assert simulator.post("/accounts/3/sleep").status_code == 200


def test_stripe_fails_in_its_own_words_and_nothing_changes(make: Make) -> None:
    simulator = make()
    simulator.order("sleep", accountId=12)
    before = simulator.get("/accounts").json
    simulator.order("stripe", message="Your card was declined.", times=3)
    for answer in (
        change(simulator, "pro"),
        simulator.post("/accounts/12/wake"),
        simulator.post("/accounts/3/sleep"),
    ):
        assert (answer.status_code, answer.json) == (502, {"error": "Your card was declined."})
    assert simulator.get("/accounts").json == before
    assert change(simulator, "pro").status_code == 200


def test_an_answer_that_is_lost_has_changed_what_it_changed(make: Make) -> None:
    simulator = make()
    simulator.order("fail", route="change_tier", status=504, after_applying=True)
    assert change(simulator, "pro").status_code == 504
    assert account(simulator)["tier"] == "pro"


def test_a_downgrade_leaves_no_budget_below_zero(make: Make) -> None:
    simulator = make(leads=0, run_seconds=1)
    for _ in range(3):
        simulator.post("/streams/14/run")
        simulator.wait(2)
    change(simulator, "starter")
    simulator.time.instant = END
    simulator.order("drain", accountId=3)
    shown = next(one for one in simulator.get("/me").json["accounts"] if one["accountId"] == 3)
    assert shown["dailySync"] == {"used": 1, "cap": 1, "remaining": 0}
    assert shown["monthlyRetest"] == {
        "used": 12,
        "budget": 12,
        "remaining": 0,
        "billingPeriodStart": iso(END),
    }
