"""CTGO's answers as rows and fields for people. Pure; an unknown value is empty. `--json` shows everything.

The columns are those that identify a thing and show its state.
"""

from typing import TYPE_CHECKING

from syncd.cli.output import date_time

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.accounts import TrackedAccount
    from syncd.ctgo.campaigns.runs import Run
    from syncd.ctgo.campaigns.streams import Campaign, Pair, Segment
    from syncd.ctgo.models import Account, Budget, Me

Fields = list[tuple[str, object]]
Row = tuple[object, ...]

STREAM_COLUMNS = ("id", "name", "state", "pairs", "accounts", "syncs at")
PAIR_COLUMNS = ("account", "handle", "segment")
SEGMENT_COLUMNS = ("id", "name", "description", "campaigns")
ACCOUNT_COLUMNS = ("id", "handle", "tier", "state", "followers", "segments", "next tier")
RUN_COLUMNS = (
    "run", "campaign", "account", "segment", "status", "followers", "leads", "medium", "enriched", "started",
)  # fmt: skip
BUDGET_COLUMNS = ("account", "handle", "tier", "syncs today", "re-tests this period")


def stream_row(campaign: "Campaign") -> Row:
    """Make a row of the list of campaigns."""
    pairs = None if campaign.pairs is None else len(campaign.pairs)
    handles = dict.fromkeys(_account(pair) for pair in campaign.pairs or ())
    return (
        campaign.id,
        campaign.name,
        _stream_state(campaign),
        pairs,
        ", ".join(handles),
        ", ".join(campaign.sync_times or ()),
    )


def stream_fields(campaign: "Campaign") -> Fields:
    """List the fields of a campaign without its pairs."""
    wanted = {"LinkedIn": campaign.auto_enrich_linkedin, "email": campaign.auto_enrich_email}
    enriched = [name for name, on in wanted.items() if on]
    mail = f" ({campaign.email_mode})" if campaign.auto_enrich_email and campaign.email_mode else ""
    return [
        ("campaign", campaign.id),
        ("name", campaign.name),
        ("state", _stream_state(campaign)),
        ("syncs at", " ".join((*(campaign.sync_times or ()), campaign.timezone or "")).strip()),
        ("enriches", " and ".join(enriched) + mail if enriched else "nothing"),
        ("delivery", campaign.delivery),
        ("webhook", campaign.webhook_url),
        ("email digest", campaign.email_digest),
        ("telegram", _yes(campaign.telegram)),
        ("CSV by email", _recipients(campaign)),
        ("created", date_time(campaign.created_at)),
    ]


def pair_row(pair: "Pair") -> Row:
    """Make a row of a campaign's pairs."""
    return (pair.account_id, _handle(pair.handle), pair.segment_id)


def segment_row(segment: "Segment") -> Row:
    """Make a row of the list of segments."""
    return (segment.id, segment.name, segment.description, segment.linked_streams)


def segment_fields(segment: "Segment") -> Fields:
    """List the fields of a segment."""
    labels = [(name, ", ".join(found)) for name, found in (segment.labels or {}).items()]
    return [
        ("segment", segment.id),
        ("name", segment.name),
        ("description", segment.description),
        *labels,
        ("genders", ", ".join(segment.genders or ())),
        ("follower tiers", ", ".join(segment.follower_tiers or ())),
        ("campaigns", segment.linked_streams),
        ("created", date_time(segment.created_at)),
    ]


def account_row(account: "TrackedAccount", *, asleep: bool) -> Row:
    """Make a row of the list of tracked accounts."""
    segments = None if account.segment_ids is None else len(account.segment_ids)
    return (
        account.id,
        _handle(account.handle),
        account.tier,
        "asleep" if asleep else "awake",
        account.followers,
        segments,
        _pending(account),
    )


def account_fields(account: "TrackedAccount", *, asleep: bool) -> Fields:
    """List the fields of a tracked account."""
    return [
        ("account", account.id),
        ("handle", _handle(account.handle)),
        ("tier", account.tier),
        ("next tier", _pending(account)),
        ("state", "asleep: neither synced nor billed" if asleep else "awake: synced and billed"),
        ("followers", account.followers),
        ("posts", account.tweets),
        ("tags", ", ".join(account.tags or ())),
        ("segments", ", ".join(map(str, account.segment_ids or ()))),
        ("added", date_time(account.added_at)),
    ]


def run_row(run: "Run") -> Row:
    """Make a row of a list of runs."""
    return (
        run.id,
        run.stream_name or run.stream_id,
        _handle(run.handle) or run.account_id,
        run.segment_name or run.segment_id,
        run.status,
        run.new_followers,
        run.passed,
        run.medium_fit,
        run.enriched,
        date_time(run.triggered_at),
    )


def run_fields(run: "Run") -> Fields:
    """List the fields of a run without its log."""
    return [
        ("run", run.id),
        ("campaign", _both(run.stream_id, run.stream_name)),
        ("account", _both(run.account_id, _handle(run.handle))),
        ("segment", _both(run.segment_id, run.segment_name)),
        ("status", run.status),
        ("error", run.error),
        ("source", run.source),
        ("mode", run.mode),
        ("started", date_time(run.triggered_at)),
        ("completed", date_time(run.completed_at)),
        ("new followers", run.new_followers),
        ("leads", run.passed),
        ("of these medium", run.medium_fit),
        ("enriched", run.enriched),
    ]


def me_fields(me: "Me") -> Fields:
    """List the owner of a key, and the credits and budgets that are left."""
    totals = me.totals
    return [
        ("name", me.name),
        ("email", me.email),
        ("subscription", me.subscription_status),
        ("free tier", _yes(me.is_free_tier)),
        ("credits", _credits(me)),
        ("syncs left today", totals.daily_sync_remaining if totals else None),
        ("re-tests left this period", totals.monthly_retest_remaining if totals else None),
    ]


def budget_row(account: "Account") -> Row:
    """Make a row of an account's budgets."""
    return (
        account.account_id,
        _handle(account.handle),
        account.tier,
        _spent(account.daily_sync),
        _spent(account.monthly_retest),
    )


def _account(pair: "Pair") -> str:
    return f"@{pair.handle}" if pair.handle else f"account {pair.account_id}"


def _stream_state(campaign: "Campaign") -> str:
    if campaign.is_archived:
        return "archived"
    return "" if campaign.is_active is None else "active" if campaign.is_active else "paused"


def _recipients(campaign: "Campaign") -> str:
    to = (campaign.csv_email or {}).get("to")
    return ", ".join(map(str, to)) if isinstance(to, list) else str(to or "")


def _pending(account: "TrackedAccount") -> str:
    if not account.pending_tier:
        return ""
    return f"{account.pending_tier} {date_time(account.pending_tier_at)}".strip()


def _credits(me: "Me") -> str:
    if me.credits is None or me.credits.balance is None:
        return ""
    low = ", which is low" if me.credits.is_low else ""
    topped = ", topped up automatically" if me.credits.auto_topup else ""
    return f"{me.credits.balance}{low}{topped}"


def _spent(budget: "Budget | None") -> str:
    """Describe a budget as far as it is known: `1 of 3 used, 2 left`."""
    if budget is None:
        return ""
    most = budget.cap if budget.cap is not None else budget.budget
    used = "" if budget.used is None else f"{budget.used}{'' if most is None else f' of {most}'} used"
    left = "" if budget.remaining is None else f"{budget.remaining} left"
    return ", ".join(part for part in (used, left) if part)


def _handle(handle: str | None) -> str:
    return f"@{handle}" if handle else ""


def _both(number: int | None, name: str | None) -> str:
    return " ".join(str(part) for part in (number, name) if part)


def _yes(flag: bool | None) -> str:
    return "" if flag is None else "yes" if flag else "no"
