"""The client against the simulator, which were written from the same pages by different hands: every endpoint, every error."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from syncd.clock import SystemClock
from syncd.core.failure import Failure
from syncd.ctgo import Upstream
from syncd.ctgo.campaigns.api import Api
from syncd.ctgo.campaigns.drafts import NewPair, NewSegment, NewStream, NewTemplate, StreamChanges, Tier
from syncd.ctgo.campaigns.requests import Billing
from syncd.simulator import Options, World, create_app
from tests.contract.endpoints import ENDPOINTS
from tests.contract.test_endpoints import PENDING, nameless
from tests.ctgo.remote import BASE, KEY, failure_of

YES = Billing.ACCEPTED
NEW = NewPair.read(
    {
        "accountHandle": "newcomer",
        "accountTier": "growth",
        "segment": {"description": "Founders", "appliedSearchFilters": {"job_role": ["Founder"]}},
    }
)
OLD = NewPair(account_id=3, segment_id=9)


@dataclass
class Meeting:
    """A simulator and the client that asks it; `instant` is the simulator's time."""

    world: World
    api: Api
    upstream: Upstream
    control: Any
    instant: list[float] = field(default_factory=list)

    def order(self, verb: str, **body: Any) -> None:
        assert self.control.post(f"/_sim/{verb}", json=body).status_code == 200

    def asked(self) -> set[tuple[str, str]]:
        routes = (request.route.partition(" ") for request in self.world.requests)
        return {(method, nameless(path.removeprefix("/api/v2"))) for method, _, path in routes}


def meet(**options: Any) -> Meeting:
    instant = [1_790_000_000.0]
    world = World(Options(**{"rate_limit": 10_000, **options}), lambda: instant[0])
    app = create_app(world.options, world=world)
    upstream = Upstream(BASE, SecretStr(KEY), SystemClock(), transport=httpx.WSGITransport(app))
    return Meeting(world, Api(upstream.ask), upstream, app.test_client(), instant)


def streams(it: Meeting) -> None:
    made = it.api.streams.create(NewStream(name="Mine", pairs=(OLD, NEW)), billing=YES)
    assert made.id == 17
    shown = it.api.streams.show(17)
    assert (shown.name, [pair.account_id for pair in shown.pairs or ()]) == ("Mine", [3, 13])
    changed = StreamChanges(email_digest_override=None, is_active=False, timezone="Europe/Paris")
    it.api.streams.update(17, changed)
    assert it.api.streams.show(17).timezone == "Europe/Paris"
    it.api.streams.archive(17)
    assert 17 not in [campaign.id for campaign in it.api.streams.list()]
    it.api.streams.restore(17)
    assert 17 in [campaign.id for campaign in it.api.streams.list()]


def runs(it: Meeting) -> None:
    started = it.api.runs.start(14)
    run_id = (started.queued or ())[0].run_id or 0
    assert it.api.runs.show(14, run_id).status == "queued"
    it.instant[0] += 3_600
    run = it.api.runs.show(14, run_id)
    assert (run.outcome, run.handle, run.log is not None) == ("succeeded", "northwindlabs", True)
    assert (run.passed or 0) > 0
    assert run.id in [one.id for one in it.api.runs.of_stream(14)]
    assert run.id in [one.id for one in it.api.runs.list(limit=100)]
    queued = it.api.runs.retest(14, account_id=3).queued or ()
    assert [(one.pair_id, one.segment_id) for one in queued] == [(71, 6)]
    assert it.api.runs.show(14, queued[0].run_id or 0).source == "manual"


def accounts(it: Meeting) -> None:
    it.api.accounts.sleep(3, billing=YES)
    assert [one.id for one in it.api.accounts.list().sleeping or ()] == [3]
    it.api.accounts.wake(3, billing=YES)
    actions = [
        it.api.accounts.change_tier(3, tier, billing=YES).action
        for tier in (Tier.STARTER, Tier.GROWTH, Tier.PRO)
    ]
    assert actions == ["downgrade_scheduled", "pending_cancelled", "upgraded"]
    assert it.api.me().is_free_tier is False


def segments(it: Meeting) -> None:
    made = it.api.segments.create(NewSegment(description="Founders", gender_values=("female",)))
    assert made.id in [segment.id for segment in it.api.segments.list()]
    assert len(it.api.segments.list(archived=True)) == len(it.api.segments.list()) + 1


def leads(it: Meeting) -> None:
    page = it.api.leads.of_stream(14, limit=5)
    assert (len(page.rows), page.has_more) == (5, True)
    assert it.api.leads.across(limit=500).total == 130
    counts = [it.api.leads.count_of_stream(stream) for stream in (14, 15, 16)]
    assert sum((one.high or 0) + (one.medium or 0) for one in (*counts,)) == 130
    assert (it.api.leads.count().high or 0) == sum(one.high or 0 for one in counts)
    assert {group["streamId"] for group in it.api.leads.grouped()["groups"]} == {14, 15, 16}
    it.upstream.export(90_211)
    it.upstream.feedback(90_211, 6, "bad", reason="wrong_job", text="a student")
    (told,) = it.world.feedback.stored.values()
    assert (told.judgement.feedback, told.judgement.reason, told.judgement.freeform) == (
        "bad",
        "wrong_job",
        "a student",
    )
    assert it.upstream.enrich(90_211, ("email", "linkedin_url"), "any").credits_remaining is not None


def templates(it: Meeting) -> None:
    made = it.api.templates.create(NewTemplate(name="Hello", message_body="Hi"))
    changed = it.api.templates.replace(made.id or 0, NewTemplate(name="Hello", message_body="Hey"))
    assert it.api.templates.show(made.id or 0).message == changed.message == "Hey"
    assert [one.name for one in it.api.templates.list()] == ["Hello"]
    it.api.templates.delete(made.id or 0)
    assert it.api.templates.list() == ()


def notifications(it: Meeting) -> None:
    settings = it.api.notifications.show().document()
    assert it.api.notifications.replace({**settings, "summaryFrequency": "off"}).document() == {
        **settings,
        "summaryFrequency": "off",
    }


def lookups(it: Meeting) -> None:
    found = it.api.lookups.enrich("@mara")
    assert it.api.lookups.history()[0].handle == "mara"
    assert it.api.lookups.enrich_email("mara").email == found.email
    assert it.api.lookups.email_history()[0].email == found.email
    made = it.api.lookups.segment_from("women who are founders")
    assert made.labels == {"job_role": ("Founder",)}
    assert made.id in [segment.id for segment in it.api.segments.list()]
    it.api.lookups.revoke_key(1)
    assert failure_of(it.api.me).code == "key_refused"


def webhooks(it: Meeting) -> None:
    ours = it.upstream
    number = ours.subscribe("https://hooks.example/a", {"streamId": 14})
    assert ours.subscribe("https://hooks.example/a") == number
    assert ours.subscribe("https://hooks.example/b") != number
    assert ours.unsubscribe(number)
    assert not ours.unsubscribe(number), "there is none any more"


AREAS: tuple[Callable[[Meeting], None], ...] = (
    streams,
    runs,
    accounts,
    segments,
    leads,
    templates,
    notifications,
    lookups,
    webhooks,
)


def test_the_client_asks_for_every_endpoint_and_understands_the_answer() -> None:
    asked = set()
    for area in AREAS:
        it = meet(contact_rate=1)
        area(it)
        asked |= it.asked()
    every = {(method, nameless(path)) for method, path in ENDPOINTS}
    assert every - asked - PENDING == set()
    assert asked - every == set()


def creating(pair: NewPair) -> Callable[[Meeting], object]:
    return lambda it: it.api.streams.create(NewStream(pairs=(pair,)), billing=YES)


def prepared(verb: str, /, **body: Any) -> Callable[[Meeting], None]:
    return lambda it: it.order(verb, **body)


def nothing(it: Meeting) -> None:
    assert it


def archived(it: Meeting) -> None:
    it.api.streams.archive(14)


def running(it: Meeting) -> None:
    it.api.runs.start(14)


def capped(it: Meeting) -> None:
    for _ in range(2):
        it.api.streams.create(NewStream(pairs=(NewPair(account_id=11, segment_id=9),)))


ORPHAN = NewSegment.read({"description": "x", "appliedSearchFilters": {"job_role": ["Foundr"]}})
Step = Callable[[Meeting], object]
ERRORS: list[tuple[str, dict[str, Any], Step, Step]] = [
    ("handle_not_found", {}, nothing, creating(NewPair(account_handle="nobody_here", segment_id=6))),
    ("handle_protected", {}, nothing, creating(NewPair(account_handle="locked_larry", segment_id=6))),
    ("handle_lookup_failed", {}, prepared("lookups", failures=1), creating(NEW)),
    ("free_account_limit", {"subscription": "free_user"}, nothing, creating(NEW)),
    ("subscription_required", {"subscription": "past_due"}, nothing, creating(NEW)),
    ("stream_cap_exceeded", {}, capped, creating(NewPair(account_id=11, segment_id=9))),
    ("payment_failed", {}, prepared("stripe"), creating(NEW)),
    ("orphan_label", {}, nothing, lambda it: it.api.segments.create(ORPHAN)),
    ("not_found", {}, nothing, lambda it: it.api.streams.show(77)),
    ("not_found", {}, nothing, lambda it: it.api.runs.start(77)),
    ("not_found", {}, nothing, lambda it: it.api.runs.show(14, 77)),
    ("stream_archived", {}, archived, lambda it: it.api.runs.start(14)),
    ("stream_archived", {}, archived, lambda it: it.api.runs.retest(14)),
    ("conflicting", {}, running, lambda it: it.api.runs.start(14)),
    ("budget_exhausted", {"all_skipped": "refused"}, prepared("drain"), lambda it: it.api.runs.start(14)),
    ("not_found", {}, nothing, lambda it: it.api.accounts.sleep(77, billing=YES)),
    ("not_found", {}, nothing, lambda it: it.api.accounts.wake(77, billing=YES)),
    (
        "subscription_required",
        {"subscription": "canceled"},
        nothing,
        lambda it: it.api.accounts.wake(3, billing=YES),
    ),
    (
        "account_sleeping",
        {},
        prepared("sleep", accountId=3),
        lambda it: it.api.accounts.change_tier(3, Tier.PRO, billing=YES),
    ),
    (
        "payment_failed",
        {},
        prepared("stripe"),
        lambda it: it.api.accounts.change_tier(3, Tier.PRO, billing=YES),
    ),
    ("payment_failed", {}, prepared("stripe"), lambda it: it.api.accounts.sleep(3, billing=YES)),
    ("not_found", {}, nothing, lambda it: it.api.templates.show(7)),
    ("not_found", {}, nothing, lambda it: it.api.lookups.revoke_key(7)),
    ("credits_exhausted", {"credits": 0}, nothing, lambda it: it.api.lookups.enrich("mara")),
    ("no_team", {"team": False}, nothing, lambda it: it.api.lookups.enrich_email("mara")),
    ("handle_protected", {}, nothing, lambda it: it.api.lookups.enrich("locked_larry")),
    ("rate_limited", {"rate_limit": 1}, lambda it: it.api.me(), lambda it: it.api.me()),
    ("key_refused", {"revoked_keys": frozenset({KEY})}, nothing, lambda it: it.api.me()),
]


@pytest.mark.parametrize("errors", ["codes", "sentences"])
@pytest.mark.parametrize(
    ("code", "options", "before", "act"), ERRORS, ids=[f"{at}-{row[0]}" for at, row in enumerate(ERRORS)]
)
def test_every_refusal_reaches_the_operator_by_its_code(
    code: str, options: dict[str, Any], before: Step, act: Step, errors: str
) -> None:
    it = meet(errors=errors, **options)
    before(it)
    failure: Failure = failure_of(lambda: act(it))
    assert (failure.code, bool(failure.detail)) == (code, True)


@pytest.mark.parametrize("name", ["trackedAccountId", "accountId"])
@pytest.mark.parametrize("answer", ["pairs", "as_run"])
def test_contradictory_names_are_read_alike(name: str, answer: str) -> None:
    it = meet(run_id_name=name, retest_answer=answer, concurrent_runs="queued")
    it.order("sleep", accountId=11)
    for started in (it.api.runs.start(14), it.api.runs.retest(14)):
        assert [one.account_id for one in started.queued or ()] == [3]
        assert [(one.account_id, one.reason) for one in started.skipped or ()] == [(11, "account_sleeping")]
        assert it.api.runs.show(14, (started.queued or ())[0].run_id or 0).account_id == 3


def test_a_lost_answer_of_a_billing_act_is_looked_for_and_not_repeated() -> None:
    it = meet()
    it.order("fail", route="create_stream", status=504, after_applying=True)
    assert it.api.streams.create(NewStream(name="Mine", pairs=(NEW,)), billing=YES).id == 17
    it.order("fail", route="change_tier", status=504, after_applying=True)
    it.api.accounts.change_tier(3, Tier.PRO, billing=YES)
    it.order("fail", route="sleep_account", status=504, after_applying=True)
    it.api.accounts.sleep(3, billing=YES)
    sent = [request.route for request in it.world.requests]
    assert [
        sent.count(f"POST /api/v2{path}")
        for path in ("/streams", "/accounts/{id}/change-tier", "/accounts/{id}/sleep")
    ] == [1, 1, 1]
