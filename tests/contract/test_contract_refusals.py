"""No endpoint may refuse in a way that the client was not tried with: the simulator's own table says what there is to try.

Every documented error of every endpoint, met as a user meets it; what every endpoint may answer besides; and every method of
the client.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.core.failure import CODES
from syncd.ctgo import Upstream
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import (
    LeadFilter,
    NewPair,
    NewSegment,
    NewStream,
    NewTemplate,
    StreamChanges,
    Tier,
)
from syncd.ctgo.campaigns.requests import Billing
from syncd.simulator import Fault
from syncd.simulator import refusals as no
from syncd.simulator.api.endpoints import ENDPOINTS
from syncd.simulator.refusals import Refusal
from tests.contract.test_client_on_simulator import AREAS, Meeting, meet
from tests.contract.test_endpoints import PENDING, nameless
from tests.ctgo.remote import BASE, KEY, failure_of

Act = Callable[[Meeting], object]
YES = Billing.ACCEPTED
SEGMENT = NewSegment.read({"description": "x", "appliedSearchFilters": {"skill": ["Pyhton"]}})
TEMPLATE = NewTemplate(name="Hello", message_body="Hi")


def pairs(**members: Any) -> tuple[NewPair, ...]:
    named: dict[str, Any] = {} if members.keys() & {"account_id", "account_handle"} else {"account_id": 3}
    filled: dict[str, Any] = {} if members.keys() & {"segment_id", "segment"} else {"segment_id": 9}
    return (NewPair(**named, **filled, **members),)


def wirings(**members: Any) -> list[tuple[str, Act]]:
    """Both calls that wire pairs."""
    wired = pairs(**members)
    return [
        ("POST /streams", lambda it: it.api.streams.create(NewStream(pairs=wired), billing=YES)),
        (
            "PATCH /streams/{streamId}",
            lambda it: it.api.streams.update(16, StreamChanges(pairs=wired), billing=YES),
        ),
    ]


def runnings(stream: int) -> list[tuple[str, Act]]:
    return [
        ("POST /streams/{streamId}/run", lambda it: it.api.runs.start(stream)),
        ("POST /streams/{streamId}/re-test", lambda it: it.api.runs.retest(stream)),
    ]


def enriching(lead: int = 90_211) -> list[tuple[str, Act]]:
    return [("POST /leads/{leadId}/enrich", lambda it: it.upstream.enrich(lead, ("email",), "any"))]


def lookings(handle: str = "mara") -> list[tuple[str, Act]]:
    return [
        ("POST /lookups/enrich", lambda it: it.api.lookups.enrich(handle)),
        ("POST /lookups/enrich-email", lambda it: it.api.lookups.enrich_email(handle)),
    ]


def sleeping(account: int) -> tuple[str, Act]:
    return "POST /accounts/{accountId}/sleep", lambda it: it.api.accounts.sleep(account, billing=YES)


def waking(account: int) -> tuple[str, Act]:
    return "POST /accounts/{accountId}/wake", lambda it: it.api.accounts.wake(account, billing=YES)


def changing(account: int, tier: Tier = Tier.PRO) -> tuple[str, Act]:
    return "POST /accounts/{accountId}/change-tier", lambda it: it.api.accounts.change_tier(
        account, tier, billing=YES
    )


def ordered(verb: str, /, **body: Any) -> Act:
    return lambda it: it.order(verb, **body)


def nothing(_: Meeting) -> None:
    pass


def crowded(it: Meeting) -> None:
    for _ in range(2):
        it.api.streams.create(NewStream(pairs=pairs(account_id=11)))


def templates(it: Meeting) -> None:
    it.api.templates.create(TEMPLATE)
    it.api.templates.create(NewTemplate(name="Other", message_body="Hi"))


def asleep_and_broke(it: Meeting) -> None:
    it.order("sleep", accountId=3)
    it.order("stripe")


def exported(it: Meeting) -> None:
    it.upstream.export(90_211)


def judged(lead_id: int = 90_211, segment_id: int = 6) -> Act:
    return lambda it: it.upstream.feedback(lead_id, segment_id, "bad", reason="bot")


HANDLE = {"account_handle": "newcomer", "account_tier": "growth"}
PAST_DUE = {"subscription": "past_due"}
Case = tuple[Refusal, str, Mapping[str, Any], Act, list[tuple[str, Act]]]
"""The refusal, our code for it, the simulator's options, what comes before, and the calls that meet it."""
CASES: list[Case] = [
    (no.SUBSCRIPTION_REQUIRED, "subscription_required", PAST_DUE, nothing, [*wirings(**HANDLE), waking(3), changing(3)]),
    (no.STRIPE, "payment_failed", {}, ordered("stripe"), [*wirings(**HANDLE), sleeping(3), changing(3)]),
    (no.STRIPE, "payment_failed", {}, asleep_and_broke, [waking(3)]),
    (no.FREE_ACCOUNT_LIMIT, "free_account_limit", {"subscription": "free_user"}, nothing, wirings(**HANDLE)),
    (no.STREAM_CAP_EXCEEDED, "stream_cap_exceeded", {}, crowded, wirings(account_id=11)),
    (no.HANDLE_NOT_FOUND, "handle_not_found", {}, nothing, [*wirings(account_handle="nobody_here"), *lookings("nobody_here")]),
    (no.HANDLE_PROTECTED, "handle_protected", {}, nothing, [*wirings(account_handle="locked_larry"), *lookings("locked_larry")]),
    (no.HANDLE_LOOKUP_FAILED, "handle_lookup_failed", {}, ordered("lookups", failures=1), [*wirings(**HANDLE), *lookings()]),
    (no.ACCOUNT_NOT_FOUND, "not_found", {}, nothing, [*wirings(account_id=77), sleeping(77), waking(77), changing(77)]),
    (no.SEGMENT_NOT_FOUND, "not_found", {}, nothing, wirings(segment_id=77)),
    (no.ORPHAN_LABEL, "orphan_label", {}, nothing,
     [*wirings(segment=SEGMENT), ("POST /segments", lambda it: it.api.segments.create(SEGMENT))]),
    (no.ACCOUNT_SLEEPS, "account_sleeping", {}, ordered("sleep", accountId=3), [changing(3)]),
    (no.TIER_UNCHANGED, "request_refused", {}, nothing, [changing(3, Tier.GROWTH)]),
    (no.STREAM_NOT_FOUND, "not_found", {}, nothing, [
        *runnings(77),
        ("GET /streams/{streamId}", lambda it: it.api.streams.show(77)),
        ("PATCH /streams/{streamId}", lambda it: it.api.streams.restore(77)),
        ("DELETE /streams/{streamId}", lambda it: it.api.streams.archive(77)),
        ("GET /streams/{streamId}/runs", lambda it: it.api.runs.of_stream(77)),
        ("GET /streams/{streamId}/runs/{runId}", lambda it: it.api.runs.show(77, 401)),
        ("GET /streams/{streamId}/leads", lambda it: it.api.leads.of_stream(77)),
    ]),
    (no.STREAM_ARCHIVED, "stream_archived", {}, lambda it: it.api.streams.archive(14), runnings(14)),
    (no.RUN_UNDER_WAY, "conflicting", {}, lambda it: it.api.runs.start(14), runnings(14)),
    (no.BUDGET_EXHAUSTED, "budget_exhausted", {"all_skipped": "refused"}, ordered("drain"), runnings(14)),
    (no.RUN_NOT_FOUND, "not_found", {}, nothing,
     [("GET /streams/{streamId}/runs/{runId}", lambda it: it.api.runs.show(14, 77))]),
    (no.LEAD_NOT_FOUND, "not_found", {}, nothing, [("POST /leads/{leadId}/export", lambda it: it.upstream.export(77))]),
    (no.ALREADY_EXPORTED, "already_exported", {"export_repeat": "conflict"}, exported,
     [("POST /leads/{leadId}/export", exported)]),
    (no.ENRICH_LEAD_NOT_FOUND, "not_found", {}, nothing, enriching(77)),
    (no.PROFILE_MISSING, "not_found", {"profile_missing_rate": 1.0}, nothing, [*enriching(), *lookings()]),
    (no.FEEDBACK_LEAD_NOT_FOUND, "not_found", {}, nothing, [("POST /leads/{leadId}/feedback", judged(77))]),
    (no.SEGMENT_NOT_FOUND, "not_found", {}, nothing, [("POST /leads/{leadId}/feedback", judged(segment_id=77))]),
    (no.NO_TEAM, "no_team", {"team": False}, nothing, [*enriching(), *lookings()]),
    (no.CREDITS_EXHAUSTED, "credits_exhausted", {"credits": 0}, nothing, [*enriching(), *lookings()]),
    (no.TEMPLATE_NOT_FOUND, "not_found", {}, nothing, [
        ("GET /dm-templates/{templateId}", lambda it: it.api.templates.show(77)),
        ("PUT /dm-templates/{templateId}", lambda it: it.api.templates.replace(77, TEMPLATE)),
        ("DELETE /dm-templates/{templateId}", lambda it: it.api.templates.delete(77)),
    ]),
    (no.TEMPLATE_EXISTS, "conflicting", {}, templates, [
        ("POST /dm-templates", lambda it: it.api.templates.create(TEMPLATE)),
        ("PUT /dm-templates/{templateId}", lambda it: it.api.templates.replace(
            next(one.id or 0 for one in it.api.templates.list() if one.name == "Other"), TEMPLATE)),
    ]),
    (no.API_KEY_NOT_FOUND, "not_found", {}, nothing,
     [("DELETE /lookups/api-keys/{keyId}", lambda it: it.api.lookups.revoke_key(77))]),
]  # fmt: skip
TRIED = [
    (refusal, code, options, before, endpoint, act)
    for refusal, code, options, before, calls in CASES
    for endpoint, act in calls
]


def pending(endpoint: str) -> bool:
    method, _, path = endpoint.partition(" ")
    return (method, nameless(path)) in PENDING


OPERATIONS = {endpoint.operation: endpoint for endpoint in ENDPOINTS.values()}
ANSWERED = {("DELETE /webhooks/subscribe", no.SUBSCRIPTION_NOT_FOUND.code)}
"""What is an answer to the client and no failure: see `webhooks` among the areas."""


def test_every_error_of_every_endpoint_is_tried() -> None:
    promised = {
        (endpoint, refusal.code)
        for endpoint, operation in OPERATIONS.items()
        if not pending(endpoint)
        for refusal in operation.refusals
    }
    tried = {(endpoint, refusal.code) for refusal, _, _, _, endpoint, _ in TRIED}
    assert promised - tried == ANSWERED
    assert tried - promised == set()


@pytest.mark.parametrize("errors", ["codes", "sentences"])
@pytest.mark.parametrize(
    ("refusal", "code", "options", "before", "endpoint", "act"),
    TRIED,
    ids=[f"{row[4]}-{row[0].code}" for row in TRIED],
)
def test_an_error_has_its_code_a_sentence_and_a_fix(
    *,
    refusal: Refusal,
    code: str,
    options: Mapping[str, Any],
    before: Act,
    endpoint: str,
    act: Act,
    errors: str,
) -> None:
    it = meet(errors=errors, **options)
    before(it)
    at = len(it.world.requests)
    failure = failure_of(lambda: act(it))
    assert failure.code == code, failure
    assert str(refusal.status) in failure.detail
    assert failure.fix == CODES[code]
    refused = {
        (one.method, nameless(one.route.partition("/api/v2")[2]))
        for one in it.world.requests[at:]
        if one.status == refusal.status
    }
    method, _, path = endpoint.partition(" ")
    assert (method, nameless(path)) in refused


# what every endpoint may answer besides

ONE_CALL: dict[str, Act] = {
    "GET /me": lambda it: it.api.me(),
    "GET /streams": lambda it: it.api.streams.list(),
    "POST /streams": lambda it: it.api.streams.create(NewStream(name="x", pairs=pairs())),
    "GET /streams/{streamId}": lambda it: it.api.streams.show(14),
    "PATCH /streams/{streamId}": lambda it: it.api.streams.update(14, StreamChanges(is_active=False)),
    "DELETE /streams/{streamId}": lambda it: it.api.streams.archive(14),
    **dict(runnings(14)),
    "GET /streams/{streamId}/runs": lambda it: it.api.runs.of_stream(14),
    "GET /streams/{streamId}/runs/{runId}": lambda it: it.api.runs.show(14, 401),
    "GET /streams/{streamId}/leads": lambda it: it.api.leads.of_stream(14, LeadFilter(lifecycle="new")),
    "GET /runs": lambda it: it.api.runs.list(),
    "GET /segments": lambda it: it.api.segments.list(),
    "POST /segments": lambda it: it.api.segments.create(NewSegment(description="x")),
    "GET /accounts": lambda it: it.api.accounts.list(),
    **dict([sleeping(3), waking(3), changing(3)]),
    "GET /leads": lambda it: it.api.leads.across(),
    "POST /leads/{leadId}/export": exported,
    **dict(enriching()),
    "POST /leads/{leadId}/feedback": judged(),
    "POST /webhooks/subscribe": lambda it: it.upstream.subscribe("https://hooks.example/a"),
    "DELETE /webhooks/subscribe": lambda it: it.upstream.unsubscribe(1),
    "GET /dm-templates": lambda it: it.api.templates.list(),
    "POST /dm-templates": lambda it: it.api.templates.create(TEMPLATE),
    "GET /dm-templates/{templateId}": lambda it: it.api.templates.show(1),
    "PUT /dm-templates/{templateId}": lambda it: it.api.templates.replace(1, TEMPLATE),
    "DELETE /dm-templates/{templateId}": lambda it: it.api.templates.delete(1),
    "GET /notification-settings": lambda it: it.api.notifications.show(),
    "PUT /notification-settings": lambda it: it.api.notifications.replace({"summaryFrequency": "off"}),
    **dict(lookings()),
    "GET /lookups/enrich/history": lambda it: it.api.lookups.history(),
    "GET /lookups/enrich-email/history": lambda it: it.api.lookups.email_history(),
    "POST /lookups/segments/from-description": lambda it: it.api.lookups.segment_from("x"),
    "DELETE /lookups/api-keys/{keyId}": lambda it: it.api.lookups.revoke_key(1),
}  # fmt: skip
EVERYWHERE: list[tuple[int, str, bytes, set[str]]] = [
    *((401, "key_refused", json.dumps({"error": refusal.sentence}).encode(), set[str]())
      for refusal in (no.NO_HEADER, no.BAD_KEY_SHAPE, no.UNKNOWN_KEY)),
    (403, "forbidden", b'{"error": "forbidden"}', set()),
    (403, "budget_exhausted", b'{"error": "budget_exhausted"}', set()),
    (403, "subscription_required", b'{"error": "subscription_required"}', set()),
    (410, "api_gone", b'{"error": "gone"}', set()),
    (429, "rate_limited", b'{"error": "rate_limited"}', set()),
    (429, "rate_limited", b"", set()),
    (429, "credits_exhausted", b'{"error": "credits_exhausted"}', set()),
    (503, "upstream_unavailable", b'{"error": "maintenance"}', {"outcome_unknown"}),
    (502, "upstream_unavailable", b"<html>", {"outcome_unknown"}),
    (200, "unexpected_answer", b"<html>", {"outcome_unknown"}),
]  # fmt: skip
"""A status, our code, a body, and the codes that may stand in its place: of an act that may have been carried out."""


def test_there_is_a_call_for_every_endpoint() -> None:
    assert {endpoint for endpoint in OPERATIONS if not pending(endpoint)} == ONE_CALL.keys()


@pytest.mark.parametrize("endpoint", ONE_CALL)
def test_what_any_endpoint_may_refuse_has_the_same_code_everywhere(endpoint: str) -> None:
    for status, code, body, instead in EVERYWHERE:
        it = meet(leads=1)
        it.world.fail(Fault("*", 9, status, body))
        failure = failure_of(lambda it=it: ONE_CALL[endpoint](it))  # type: ignore[misc]
        assert failure.code in {code, *instead}, (status, body)
        assert failure.fix


@pytest.mark.parametrize("endpoint", ONE_CALL)
def test_without_a_network_every_endpoint_is_unreachable_and_nothing_is_in_doubt(endpoint: str) -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    it = meet(leads=1)
    it.upstream = Upstream(BASE, SecretStr(KEY), SystemClock(), transport=httpx.MockTransport(gone))
    it.api = Api(it.upstream.ask)
    failure = failure_of(lambda: ONE_CALL[endpoint](it))
    assert (failure.code, failure.unsent) == ("unreachable", True)


# every method


def test_every_method_of_the_client_has_met_the_simulator() -> None:
    called: set[str] = set()

    class Noting:
        def __init__(self, within: object, where: str) -> None:
            self._within, self._where = within, where

        def __getattr__(self, name: str) -> Any:
            member = getattr(self._within, name)
            if callable(member):
                called.add(f"{self._where}{name}")
                return member
            return Noting(member, f"{self._where}{name}.")

    for area in AREAS:
        it = meet(contact_rate=1)
        api: Any = Noting(it.api, "")
        it.api = api
        area(it)
    assert every_method(Api(lambda *_: None), "") - called == {"request"}  # type: ignore[arg-type]


def every_method(thing: object, where: str) -> set[str]:
    named = {n: getattr(thing, n) for n in dir(thing) if not n.startswith("_")}
    within = [every_method(it, f"{where}{n}.") for n, it in named.items() if not inspect.isroutine(it)]
    return {f"{where}{n}" for n, it in named.items() if inspect.isroutine(it)}.union(*within)
