"""The account's campaigns, segments and tracked accounts, and how the API shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.simulator.instants import iso
from syncd.simulator.options import Options

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One (tracked account, segment) of a campaign: where a lead comes from."""

    id: int
    stream_id: int
    account_id: int
    segment_id: int
    theme: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A stream: a name and its pairs."""

    id: int
    name: str
    archived: bool
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A tracked X account."""

    id: int
    handle: str
    tier: str
    followers: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A filter set, and the theme from which its people's bios are written."""

    id: int
    name: str
    description: str
    labels: Mapping[str, Sequence[str]]
    theme: str


ACCOUNTS = (
    Account(3, "northwindlabs", "growth", 9_100),
    Account(8, "contoso_hq", "pro", 48_200),
    Account(11, "tailspin_dev", "starter", 3_640),
    Account(12, "fabrikam_ui", "growth", 17_900),
)

SEGMENTS = (
    Segment(
        6, "Indie founders", "Indie founders selling to developers", {"job_role": ["Founder"]}, "founder"
    ),
    Segment(
        9,
        "DevRel",
        "Developer advocates who write or speak",
        {"job_role": ["Developer Advocate"]},
        "advocate",
    ),
    Segment(
        10, "Design engineers", "Designers who ship front-end code", {"skill": ["Design", "CSS"]}, "designer"
    ),
    Segment(13, "Data people", "Data engineers at small companies", {"skill": ["SQL", "Python"]}, "data"),
)

# Name, and its pairs as (account, segment) by position above.
CAMPAIGNS = (
    ("Indie founders", ((0, 0), (2, 0))),
    ("DevRel and friends", ((1, 1), (0, 1))),
    ("Design engineers", ((3, 2), (1, 2))),
    ("Data at small companies", ((1, 3), (2, 3))),
)


def build(options: Options) -> tuple[Campaign, ...]:
    """The campaigns the options ask for; beyond the named ones they repeat with a number."""
    return tuple(_campaign(index, options) for index in range(options.campaigns))


def _campaign(index: int, options: Options) -> Campaign:
    name, places = CAMPAIGNS[index % len(CAMPAIGNS)]
    wave = index // len(CAMPAIGNS) + 1
    stream_id = 14 + index
    pairs = tuple(
        Pair(
            71 + 2 * index + at,
            stream_id,
            ACCOUNTS[account].id,
            SEGMENTS[segment].id,
            SEGMENTS[segment].theme,
        )
        for at, (account, segment) in enumerate(places)
    )
    archived = index >= options.campaigns - options.archived_campaigns
    return Campaign(stream_id, name if wave == 1 else f"{name} {wave}", archived, pairs)


def stream_payload(campaign: Campaign, start: float) -> dict[str, Any]:
    """One campaign as `GET /streams` shows it; its field names are those of creating one."""
    handles = {account.id: account.handle for account in ACCOUNTS}
    return {
        "id": campaign.id,
        "name": campaign.name,
        "isActive": not campaign.archived,
        "isArchived": campaign.archived,
        "pairs": [
            {
                "pairId": pair.id,
                "accountId": pair.account_id,
                "accountHandle": handles[pair.account_id],
                "segmentId": pair.segment_id,
            }
            for pair in campaign.pairs
        ],
        "syncTimes": ["07:15"],
        "timezone": "UTC",
        "autoEnrichLinkedin": False,
        "autoEnrichEmail": False,
        "emailMode": "any",
        "deliveryDestination": "leads_only",
        "createdAt": iso(start - 30 * DAY),
    }


def segments_payload(campaigns: Sequence[Campaign], start: float) -> dict[str, Any]:
    """The body of `GET /segments`."""
    linked = [{pair.segment_id for pair in campaign.pairs} for campaign in campaigns if not campaign.archived]
    return {
        "segments": [
            {
                "id": segment.id,
                "userFacingId": f"seg_{segment.id}",
                "name": segment.name,
                "description": segment.description,
                "genderValues": [],
                "appliedSearchFilters": dict(segment.labels),
                "followerCountTiers": [],
                "linkedStreamCount": sum(segment.id in ids for ids in linked),
                "createdAt": iso(start - 30 * DAY),
                "updatedAt": iso(start - 30 * DAY),
            }
            for segment in SEGMENTS
        ]
    }


def accounts_payload(campaigns: Sequence[Campaign], start: float) -> dict[str, Any]:
    """The body of `GET /accounts`."""
    pairs = [pair for campaign in campaigns if not campaign.archived for pair in campaign.pairs]
    return {
        "active": [
            {
                "id": account.id,
                "xHandle": account.handle,
                "tier": account.tier,
                "isActive": True,
                "profileImageUrl": f"https://pbs.twimg.com/profile_images/{account.id}/{account.handle}.jpg",
                "lastKnownFollowerCount": account.followers,
                "lastKnownTweetCount": account.followers // 11,
                "tags": [],
                "addedAt": iso(start - 90 * DAY),
                "assignedSegmentIds": sorted(
                    {pair.segment_id for pair in pairs if pair.account_id == account.id}
                ),
                "pendingTier": None,
                "pendingTierEffectiveAt": None,
            }
            for account in ACCOUNTS
        ],
        "sleeping": [],
    }


def me_payload(balance: int, start: float, options: Options) -> dict[str, Any]:
    """The body of `GET /me`; `balance` is the team's enrichment credits."""
    me: dict[str, Any] = {
        "name": "Noor Example",
        "email": "noor@example.org",
        "subscriptionStatus": "active",
        "isFreeTier": False,
        "accounts": [
            {
                "accountId": account.id,
                "xHandle": account.handle,
                "tier": account.tier,
                "monthlyRetest": {
                    "used": 2,
                    "budget": 12,
                    "remaining": 10,
                    "billingPeriodStart": iso(start - 10 * DAY),
                },
                "dailySync": {"used": 1, "cap": 1, "remaining": 0},
            }
            for account in ACCOUNTS
        ],
        "credits": {
            "balance": balance,
            "lowBalanceThreshold": 10,
            "isLow": balance < 10,  # noqa: PLR2004 - the threshold above
            "autoTopupEnabled": options.auto_topup,
        },
        "totals": {"monthlyRetestRemaining": 10 * len(ACCOUNTS), "dailySyncRemaining": 0},
    }
    if not options.credits_told:
        del me["credits"]
    return me
