"""No bill changes by accident, and nothing that changes one is asked for twice: the state is read instead."""

from collections.abc import Callable
from typing import Any

import pytest

from syncd.core.failure import Failure
from syncd.ctgo.campaigns.accounts import Accounts, has_tier, is_asleep
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import (
    NewPair,
    NewSegment,
    NewStream,
    NewTemplate,
    StreamChanges,
    Tier,
    handles_of,
)
from syncd.ctgo.campaigns.requests import Billing
from syncd.ctgo.campaigns.streams import Campaign, has_pairs, newcomer
from tests.ctgo.remote import failure_of
from tests.ctgo.stage import LOST, UNSENT, Line, Stage

YES = Billing.ACCEPTED
PAIR = NewPair.read({"accountHandle": "@Contoso_HQ", "accountTier": "pro", "segmentId": 6})
DRAFT = NewStream(name="Founders", pairs=(PAIR,))
CHANGES = StreamChanges(pairs=(PAIR,))
OLD = {"id": 14, "name": "Founders"}
NEW = {"id": 15, "name": "Founders"}

ACTS: list[tuple[str, Callable[[Api, Any], Any]]] = [
    ("POST /accounts/3/sleep", lambda api, billing: api.accounts.sleep(3, billing=billing)),
    ("POST /accounts/3/wake", lambda api, billing: api.accounts.wake(3, billing=billing)),
    (
        "POST /accounts/3/change-tier",
        lambda api, billing: api.accounts.change_tier(3, Tier.PRO, billing=billing),
    ),
    ("POST /streams", lambda api, billing: api.streams.create(DRAFT, billing=billing)),
    ("PATCH /streams/14", lambda api, billing: api.streams.update(14, CHANGES, billing=billing)),
    ("POST /streams", lambda api, billing: api.request("POST", "/streams", DRAFT.body(), billing=billing)),
    ("POST /accounts/3/wake", lambda api, billing: api.request("POST", "/accounts/3/wake", billing=billing)),
]


@pytest.mark.parametrize(("asked", "act"), ACTS)
@pytest.mark.parametrize("billing", [None, True, "accepted", 1])
def test_without_a_yes_nothing_is_sent(asked: str, act: Callable[[Api, Any], Any], billing: Any) -> None:
    stage = Stage({})
    failure = failure_of(lambda: act(stage.api(), billing))
    assert failure.code == "billing_not_accepted"
    assert failure.fix
    assert stage.asked == [], asked


def test_a_campaign_of_accounts_that_are_tracked_needs_no_yes() -> None:
    stage = Stage({"GET /streams": (200, []), "POST /streams": (201, NEW), "PATCH /streams/14": (200, OLD)})
    known = (NewPair(account_id=3, segment_id=6),)
    stage.api().streams.create(NewStream(pairs=known))
    stage.api().streams.update(14, StreamChanges(pairs=known))
    assert handles_of(NewStream(pairs=known)) == ()
    assert handles_of(NewStream(pairs=(PAIR, PAIR, *known))) == ("contoso_hq",)


def accounts(*active: dict[str, Any], asleep: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"active": list(active), "sleeping": list(asleep)}


GROWTH = {"id": 3, "xHandle": "northwindlabs", "tier": "growth", "pendingTier": None}
PRO = {**GROWTH, "tier": "pro"}
FALLING = {**PRO, "pendingTier": "growth"}
CONTOSO = {"id": 11, "xHandle": "contoso_hq", "tier": "pro"}

UNCLEAR: list[Line] = [
    LOST,
    (500, b""),
    (502, b"<html>"),
    (504, b""),
    (502, {"error": "Your card was declined."}),
    (503, {"error": "handle_lookup_failed"}),
    (409, {"error": "conflict"}),
    (200, b"<html>"),
    (200, b"{"),
    (200, {"hello": "world"}),
    (404, b"<html>"),
    (408, b""),
]


def played(act: str, script: dict[str, Any]) -> tuple[Any, list[str]]:
    """What came of an act, and what was asked besides."""
    stage = Stage(script)
    calls: dict[str, Callable[[Api], Any]] = {
        "sleep": lambda api: api.accounts.sleep(3, billing=YES),
        "wake": lambda api: api.accounts.wake(3, billing=YES),
        "tier": lambda api: api.accounts.change_tier(3, Tier.PRO, billing=YES),
        "create": lambda api: api.streams.create(DRAFT, billing=YES),
        "update": lambda api: api.streams.update(14, CHANGES, billing=YES),
    }
    try:
        found = calls[act](stage.api())
    except Failure as why:
        found = why
    posts = [asked for asked in stage.asked if not asked.startswith("GET")]
    assert len(posts) == 1, "an act is sent once"
    return found, stage.asked


@pytest.mark.parametrize("line", UNCLEAR)
def test_an_account_that_is_as_wanted_after_an_unclear_answer_was_changed(line: Line) -> None:
    asleep = accounts(asleep=(GROWTH,))
    slept, asked = played("sleep", {"POST /accounts/3/sleep": line, "GET /accounts": (200, asleep)})
    assert (slept.account_id, slept.asleep, slept.awake) == (3, True, False)
    assert asked == ["POST /accounts/3/sleep", "GET /accounts"]
    woken, _ = played("wake", {"POST /accounts/3/wake": line, "GET /accounts": (200, accounts(GROWTH))})
    assert (woken.asleep, woken.awake) == (False, True)
    raised, _ = played("tier", {"POST /accounts/3/change-tier": line, "GET /accounts": (200, accounts(PRO))})
    assert (raised.account.tier, raised.action) == ("pro", None)


@pytest.mark.parametrize("line", UNCLEAR)
def test_an_account_that_is_as_it_was_was_not_changed_and_the_failure_says_so(line: Line) -> None:
    awake, asleep = accounts(GROWTH), accounts(asleep=(GROWTH,))
    for act, path, state in (
        ("sleep", "sleep", awake),
        ("wake", "wake", asleep),
        ("tier", "change-tier", awake),
    ):
        failure, asked = played(act, {f"POST /accounts/3/{path}": line, "GET /accounts": (200, state)})
        assert failure.code != "outcome_unknown"
        assert failure.detail.endswith("Looked at afterwards, it has not been done.")
        assert str(failure) == f"{failure.code}: {failure.detail}"
        assert asked[-1] == "GET /accounts"


@pytest.mark.parametrize("line", UNCLEAR)
@pytest.mark.parametrize(
    "state", [LOST, (500, b""), (200, b"<html>"), (200, accounts()), (200, accounts(CONTOSO))]
)
def test_where_the_state_does_not_tell_nobody_says_that_nothing_happened(line: Line, state: Line) -> None:
    for act, path in (("sleep", "sleep"), ("wake", "wake"), ("tier", "change-tier")):
        failure, asked = played(act, {f"POST /accounts/3/{path}": line, "GET /accounts": state})
        assert failure.code == "outcome_unknown"
        assert failure.detail.endswith("Whether it was done is not known.")
        assert len(asked) == 2


def test_a_request_that_never_left_is_no_reason_to_look() -> None:
    failure, asked = played("sleep", {"POST /accounts/3/sleep": UNSENT})
    assert (failure.code, len(asked)) == ("unreachable", 1)


@pytest.mark.parametrize(
    "line",
    [
        (400, {"error": "x"}),
        (401, {"error": "x"}),
        (403, {"error": "subscription_required"}),
        (404, {"error": "Account not found"}),
        (429, {}),
    ],
)
def test_a_plain_refusal_is_no_reason_to_look(line: Line) -> None:
    failure, asked = played("wake", {"POST /accounts/3/wake": line})
    assert failure.code not in {"outcome_unknown", "unexpected_answer"}
    assert len(asked) == 1


def test_an_account_that_neither_list_has_is_neither_asleep_nor_awake() -> None:
    state = Accounts.model_validate(accounts(GROWTH, asleep=(CONTOSO,)))
    assert [is_asleep(state, number) for number in (3, 11, 9)] == [False, True, None]
    assert is_asleep(Accounts(), 3) is None


@pytest.mark.parametrize(
    ("row", "tier", "has"),
    [
        (PRO, Tier.PRO, True),
        (GROWTH, Tier.PRO, False),
        (FALLING, Tier.GROWTH, True),
        (FALLING, Tier.PRO, False),  # the downgrade to come was not cancelled
        (FALLING, Tier.STARTER, False),
        ({"id": 3}, Tier.PRO, None),
        (CONTOSO, Tier.PRO, None),
    ],
)
def test_a_tier_is_what_an_account_will_have_at_the_periods_end(
    row: dict[str, Any], tier: Tier, has: object
) -> None:
    assert has_tier(Accounts.model_validate(accounts(row)), 3, tier) is has


@pytest.mark.parametrize("line", UNCLEAR)
def test_a_campaign_that_came_to_the_list_was_created(line: Line) -> None:
    made, asked = played("create", {"GET /streams": [(200, [OLD]), (200, [OLD, NEW])], "POST /streams": line})
    assert (made.id, made.accounts) == (15, None)
    assert asked == ["GET /streams", "POST /streams", "GET /streams"]


@pytest.mark.parametrize("line", UNCLEAR)
def test_one_of_the_same_name_that_was_there_before_is_not_taken_for_it(line: Line) -> None:
    script = {"GET /streams": (200, [OLD]), "POST /streams": line, "GET /accounts": (200, accounts(GROWTH))}
    failure, asked = played("create", script)
    assert failure.code != "outcome_unknown"
    assert failure.detail.endswith("it has not been done.")
    assert asked[-1] == "GET /accounts"


def test_a_campaign_that_is_not_there_but_whose_account_is_may_have_been_billed() -> None:
    script = {"GET /streams": (200, []), "POST /streams": LOST, "GET /accounts": (200, accounts(CONTOSO))}
    assert played("create", script)[0].code == "outcome_unknown"


def test_nothing_is_created_when_the_list_cannot_be_read_first() -> None:
    stage = Stage({"GET /streams": (500, b"")})
    assert failure_of(lambda: stage.api().streams.create(DRAFT, billing=YES)).code == "upstream_unavailable"
    assert stage.asked == ["GET /streams"]


def campaigns(*rows: tuple[int, str]) -> list[Campaign]:
    return [Campaign(id=number, name=name) for number, name in rows]


def test_a_newcomer_is_told_by_its_name_or_by_being_the_only_one() -> None:
    both = campaigns((14, "a"), (15, "b"), (16, "c"))
    assert newcomer({14, 15}, both, None) == both[2]
    assert newcomer({14}, both, "b") == both[1]
    assert newcomer({14}, both, None) is None
    assert newcomer({14}, campaigns((15, "b"), (16, "b")), "b") is None
    assert newcomer({14, 15, 16}, both, "b") is False
    assert newcomer(set(), [], None) is False


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([{"accountId": 11, "segmentId": 6}], None),
        ([{"accountId": 3, "segmentId": 6}], "unreachable"),
        ([{"accountId": 11, "segmentId": 6}, {"accountId": 3, "segmentId": 6}], "unreachable"),
        ([], "unreachable"),
        (None, "outcome_unknown"),
        ([{"accountId": 11}], "outcome_unknown"),
    ],
)
def test_an_update_that_was_lost_is_judged_by_the_campaigns_pairs(pairs: Any, code: str | None) -> None:
    script = {
        "PATCH /streams/14": LOST,
        "GET /streams/14": (200, {"id": 14, "pairs": pairs}),
        "GET /accounts": (200, accounts(GROWTH, CONTOSO)),
    }
    found, _ = played("update", script)
    assert (found.code if code else (found.id, found.diff)) == (code or (14, None))


def test_a_new_segment_matches_a_pair_that_no_known_segment_takes() -> None:
    inline = NewSegment(description="x")
    wanted = (NewPair(account_id=3, segment=inline), NewPair(account_id=3, segment_id=6))
    shown = [{"accountId": 3, "segmentId": 6}, {"accountId": 3, "segmentId": 22}]
    campaign = Campaign.model_validate({"id": 14, "pairs": shown})
    assert has_pairs(campaign, wanted, Accounts())
    assert not has_pairs(campaign, wanted[1:], Accounts())
    assert not has_pairs(campaign, (wanted[1], wanted[1]), Accounts())
    assert not has_pairs(campaign, (*wanted[:1], PAIR), Accounts())


ONCE: list[tuple[str, Callable[[Api], Any]]] = [
    ("POST /streams/14/run", lambda api: api.runs.start(14)),
    ("POST /streams/14/re-test", lambda api: api.runs.retest(14)),
    ("POST /segments", lambda api: api.segments.create(NewSegment(description="x"))),
    ("POST /dm-templates", lambda api: api.templates.create(NewTemplate(name="x", message_body="x"))),
    ("POST /lookups/enrich", lambda api: api.lookups.enrich("mara")),
    ("POST /lookups/enrich-email", lambda api: api.lookups.enrich_email("mara")),
    ("POST /streams/14/run", lambda api: api.request("POST", "/streams/14/run")),
    ("DELETE /accounts/3", lambda api: api.request("DELETE", "/accounts/3", billing=YES)),
]


@pytest.mark.parametrize(("asked", "act"), ONCE)
def test_what_cannot_be_repeated_says_that_it_may_have_been_done(
    asked: str, act: Callable[[Api], Any]
) -> None:
    stage = Stage({asked: LOST})
    failure = failure_of(lambda: act(stage.api()))
    assert failure.code == "outcome_unknown"
    assert failure.__context__ is None
    assert stage.asked == [asked]
    unsent = Stage({asked: UNSENT})
    assert failure_of(lambda: act(unsent.api())).code == "unreachable"


def test_what_can_be_repeated_fails_as_any_request_does() -> None:
    stage = Stage({"DELETE /streams/14": LOST, "PATCH /streams/14": LOST})
    assert failure_of(lambda: stage.api().streams.archive(14)).code == "unreachable"
    assert failure_of(lambda: stage.api().streams.restore(14)).code == "unreachable"
