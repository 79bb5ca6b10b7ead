"""Campaigns, pairs, segments and tracked accounts, and those that exist at the start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from syncd.simulator.instants import DAY
from syncd.simulator.options import Options

FIRST_STREAM = 14
FIRST_PAIR = 71

# The default settings of a campaign, with the API's names.
SETUP: Mapping[str, Any] = MappingProxyType(
    {
        "syncTimes": ["07:15"],
        "timezone": "UTC",
        "autoEnrichLinkedin": False,
        "autoEnrichEmail": False,
        "emailMode": "any",
        "emailDigestOverride": None,
        "telegramOverride": None,
        "deliveryDestination": "leads_only",
        "webhookUrl": None,
        "csvEmailRecipients": None,
    }
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One (tracked account, segment) of a campaign. Each lead comes from one pair."""

    id: int
    stream_id: int
    account_id: int
    segment_id: int
    theme: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign, which the API calls a stream.

    Attributes:
        fed: It gets leads outside of runs. The API ends this by archiving or pausing; a campaign archived from the
            start keeps it, or else its listing would be empty.
        created: Epoch seconds.
        setup: The members of `SETUP`.
    """

    id: int
    name: str
    archived: bool
    pairs: tuple[Pair, ...]
    active: bool = True
    fed: bool = True
    created: float = 0.0
    setup: Mapping[str, Any] = field(default_factory=lambda: SETUP)


@dataclass(frozen=True, slots=True)
class Account:
    """A tracked X account.

    Attributes:
        added: Epoch seconds.
        pending_tier: The lower tier that begins at `pending_at` (epoch seconds), or None.
    """

    id: int
    handle: str
    tier: str
    followers: int
    added: float = 0.0
    asleep: bool = False
    pending_tier: str | None = None
    pending_at: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A set of filters, and the theme for the bios of its people."""

    id: int
    name: str | None
    description: str
    labels: Mapping[str, Sequence[str]]
    theme: str
    genders: Sequence[str] = ()
    follower_tiers: Sequence[str] = ()
    archived: bool = False
    created: float = 0.0


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
# No campaign uses it, and only `excludeArchived=false` lists it.
ARCHIVED_SEGMENT = Segment(4, "An old idea", "People who build robots", {}, "designer", archived=True)

# Name, and pairs as positions in ACCOUNTS and SEGMENTS.
CAMPAIGNS = (
    ("Indie founders", ((0, 0), (2, 0))),
    ("DevRel and friends", ((1, 1), (0, 1))),
    ("Design engineers", ((3, 2), (1, 2))),
    ("Data at small companies", ((1, 3), (2, 3))),
)


def build(options: Options, start: float) -> tuple[Campaign, ...]:
    """Build the campaigns for the options. After the last name, names repeat with a number."""
    return tuple(_campaign(index, options, start) for index in range(options.campaigns))


def _campaign(index: int, options: Options, start: float) -> Campaign:
    name, places = CAMPAIGNS[index % len(CAMPAIGNS)]
    wave = index // len(CAMPAIGNS) + 1
    stream_id = FIRST_STREAM + index
    pairs = tuple(
        Pair(
            FIRST_PAIR + 2 * index + at,
            stream_id,
            ACCOUNTS[account].id,
            SEGMENTS[segment].id,
            SEGMENTS[segment].theme,
        )
        for at, (account, segment) in enumerate(places)
    )
    archived = index >= options.campaigns - options.archived_campaigns
    name = name if wave == 1 else f"{name} {wave}"
    return Campaign(stream_id, name, archived, pairs, active=not archived, created=start - 30 * DAY)
