"""The switches: the content of the world, and each behaviour that the vendor leaves open.

The sentence beside a switch is its documentation, and its help on the command line.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

T = TypeVar("T")


def _switch(default: T, doc: str) -> T:
    switch: Any = field(default=default, metadata={"doc": doc})
    return switch  # type: ignore[no-any-return]  # a dataclass reads it as a field, a type checker as its default


@dataclass(frozen=True, slots=True)
class Options:
    """The behaviour of this CTGO. The defaults are the plainest reading of the documentation.

    Raises:
        ValueError: A share is not between 0 and 1, or a number is too small.
    """

    seed: int = _switch(7, "the same seed and the same clock give the same bytes")

    # The leads.
    leads: int = _switch(130, "leads already discovered at the start")
    skip: int = _switch(0, "people passed over: the leads begin with others, under higher ids")
    campaigns: int = _switch(3, "campaigns (streams) of the account")
    spacing: float = _switch(60.0, "seconds between the discoveries of the leads at the start")
    per_second: int = _switch(1, "leads discovered in the same second")
    leads_per_minute: float = _switch(0.0, "leads that arrive while the clock runs")
    repeats: float = _switch(0.0, "share of leads listed a second time, under another campaign or segment")
    repeat_ids: Literal["shared", "own"] = _switch("shared", "whether both rows of such a lead have one id")
    late_rate: float = _switch(0.0, "share of leads that are listed only some time after their discoveredAt")
    late_by: float = _switch(300.0, "seconds by which they are late")
    future_lead: bool = _switch(default=False, doc="one more lead, dated 2099")
    null_segment_rate: float = _switch(0.0, "share of leads without segmentId and matchConfidence")
    hostile_rate: float = _switch(0.0, "share of leads whose name and bio are an attack or a nuisance")
    malformed_rate: float = _switch(0.0, "share of leads that break the documented shape")
    archived_campaigns: int = _switch(0, "how many of the campaigns (the last ones) are archived")
    archived_in_streams: bool = _switch(default=False, doc="whether GET /streams lists archived campaigns")
    archived_in_leads: bool = _switch(default=True, doc="whether GET /leads lists their leads")

    # The listings.
    since: Literal["exclusive", "inclusive"] = _switch(
        "exclusive", "whether since leaves out its own instant"
    )
    order: Literal["ascending", "descending", "id", "shuffled"] = _switch(
        "descending", "order of a listing: by discoveredAt, by id, or another one at every request"
    )
    leads_route: Literal["paged", "ignored", "without_has_more", "bare", "missing"] = _switch(
        "paged",
        "GET /leads pages; or ignores limit and offset; or has no hasMore; or is a bare array; or is 404",
    )
    bad_parameters: Literal["refused", "lenient"] = _switch(
        "refused", "400 for them, or clamp or ignore them"
    )
    summary_filtered: bool = _switch(default=True, doc="whether summary=true counts within the other filters")
    contact_in_listings: Literal["no", "lead", "profile"] = _switch(
        "no", "where listings show email, emailStatus and linkedinUrl"
    )
    times: Literal["seconds", "milliseconds"] = _switch("seconds", "precision of instants")
    stream_envelope: Literal["named", "bare"] = _switch(
        "named", 'whether campaigns come as {"streams": …} and {"stream": …} or bare'
    )
    errors: Literal["codes", "sentences"] = _switch("codes", "what undocumented errors are called")

    # Keys and rate limits.
    api_keys: frozenset[str] = _switch(frozenset(), "the keys that are valid; none given: every key ctgo_…")
    revoked_keys: frozenset[str] = _switch(frozenset(), "keys that were revoked")
    rate_limit: int = _switch(60, "requests a minute for each key")
    window: Literal["fixed", "sliding"] = _switch("fixed", "window of the rate limit")
    fixed_from: Literal["first_request", "minute"] = _switch("first_request", "where a fixed window begins")
    retry_after: Literal["seconds", "date", "absent"] = _switch("seconds", "form of Retry-After on a 429")
    count_unauthorised: bool = _switch(
        default=False, doc="whether a refused key's requests are counted as well"
    )

    # Exports and enrichment.
    export_scope: Literal["id", "row"] = _switch("id", "one export flips every row of the id, or one row")
    export_status: Literal[200, 204] = _switch(200, "status of a successful export")
    export_repeat: Literal["ok", "again", "conflict"] = _switch(
        "ok", "a second export is harmless, moves exportedAt, or is 409"
    )
    credits: int = _switch(31, "enrichment credits of the team")
    credit_cost: int = _switch(1, "credits for each output that was found")
    contact_rate: float = _switch(0.8, "share of people of whom an email is known, and a LinkedIn page")
    missing_contact: Literal["null", "absent"] = _switch("null", "how enrich says that it found nothing")
    charge_when_empty: bool = _switch(default=False, doc="whether an output that was not found costs credits")
    charge_repeats: bool = _switch(default=False, doc="whether enriching a lead again costs credits again")
    profile_missing_rate: float = _switch(0.0, "share of people whose X profile enrich does not have: 404")
    credits_told: bool = _switch(default=True, doc="whether enrich and GET /me tell the balance")
    credits_retry_after: int = _switch(
        0, "Retry-After of a 429 for exhausted credits, in seconds; 0: it has none"
    )
    auto_topup: bool = _switch(
        default=False, doc="whether GET /me says that credits are topped up by themselves"
    )
    team: bool = _switch(default=True, doc="whether the user belongs to a team; enrich needs one")

    # Campaigns, runs and their cost.
    subscription: Literal["active", "trialing", "free_user", "past_due", "canceled"] = _switch(
        "active", "the user's subscription at the start"
    )
    unknown_handles: frozenset[str] = _switch(frozenset({"nobody_here"}), "handles that X does not know: 404")
    protected_handles: frozenset[str] = _switch(
        frozenset({"locked_larry"}), "handles whose accounts are private: 422"
    )
    run_seconds: float = _switch(20.0, "seconds from a run's start to its completion")
    run_leads: int = _switch(6, "leads that a run finds for one account and segment, at most")
    run_id_name: Literal["trackedAccountId", "accountId"] = _switch(
        "trackedAccountId",
        "what the answer of run and re-test calls an account: as their own pages, or the introduction",
    )
    retest_answer: Literal["pairs", "as_run"] = _switch(
        "pairs",
        "whether re-test answers with pairs and runId, as its sample, or in the shape of run, as its text",
    )
    all_skipped: Literal["success", "refused"] = _switch(
        "success",
        "a run whose accounts have all used up their budget succeeds with nothing queued, or is 403",
    )
    concurrent_runs: Literal["conflict", "queued"] = _switch(
        "conflict", "a run of a campaign whose last one is under way is 409, or is queued as well"
    )
    retest_delivers: bool = _switch(default=False, doc="whether a re-test's leads are delivered to webhooks")
    created_status: Literal[201, 200] = _switch(201, "status of a successful creation")
    paused_in_streams: bool = _switch(default=True, doc="whether GET /streams lists paused campaigns")
    grouped: Literal["list", "map", "refused"] = _switch(
        "list", "groupBy=stream answers with a list of groups, with a map from campaign to leads, or with 501"
    )
    segment_from_text: Literal["draft", "created"] = _switch(
        "created", "whether a segment from free text is created, as its line says, or only proposed"
    )

    webhook_body: Literal["envelope", "bare", "nothing"] = _switch("envelope", "what is POSTed to webhooks")

    # The machine.
    latency: float = _switch(0.0, "seconds an answer takes, after it was applied")
    request_log: int = _switch(100_000, "requests remembered one by one")

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if option.name.endswith("_rate") or option.name == "repeats":
                _require(0 <= value <= 1, f"{option.name} is a share between 0 and 1, not {value}")
            elif type(value) in (int, float) and option.name != "seed":
                least = 1 if option.name in ("campaigns", "per_second", "rate_limit") else 0
                _require(value >= least, f"{option.name} is at least {least}, not {value}")


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise ValueError(sentence)
