"""The campaigns, and the pairs of their bodies. A call that creates or changes a campaign is atomic.

Nothing here is thread-safe: hold the world's lock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.simulator.campaigns.accounts import TERMS, Accounts
from syncd.simulator.campaigns.models import FIRST_PAIR, FIRST_STREAM, SETUP, Campaign, Pair, Segment, build
from syncd.simulator.campaigns.segments import Segments
from syncd.simulator.instants import iso
from syncd.simulator.leads.people import draw
from syncd.simulator.options import Options
from syncd.simulator.refusals import (
    BAD_BODY,
    FREE_ACCOUNT_LIMIT,
    HANDLE_LOOKUP_FAILED,
    HANDLE_NOT_FOUND,
    HANDLE_PROTECTED,
    STREAM_CAP_EXCEEDED,
    STREAM_NOT_FOUND,
    SUBSCRIPTION_REQUIRED,
    RefusedError,
)

HANDLE_SHAPE = re.compile(r"[A-Za-z0-9_]{1,20}")  # X allows 15; a made-up handle may end with a number
RECIPIENTS = ("to", "cc", "format")
STARTER = "starter"


class XHandles:
    """An X that knows every handle except those in the options.

    Attributes:
        failures: Number of look-ups that fail from now on. Callers may set it.
    """

    def __init__(self, options: Options) -> None:
        self.failures = 0
        self._unknown = {handle.lower() for handle in options.unknown_handles}
        self._protected = {handle.lower() for handle in options.protected_handles}

    def resolve(self, handle: str) -> str:
        """Return the handle without its `@`.

        Raises:
            RefusedError: X does not answer, or the handle is unknown or private.
        """
        if self.failures > 0:
            self.failures -= 1
            raise RefusedError(HANDLE_LOOKUP_FAILED)
        bare = handle.removeprefix("@")
        if bare.lower() in self._unknown or not HANDLE_SHAPE.fullmatch(bare):
            raise RefusedError(HANDLE_NOT_FOUND)
        if bare.lower() in self._protected:
            raise RefusedError(HANDLE_PROTECTED)
        return bare


@dataclass(frozen=True, slots=True)
class MadePairs:
    """The pairs that were made.

    Attributes:
        tuples: (account id, segment id) of each pair.
        accounts: The answer's part about accounts that the body named by a handle.
        segments: The answer's part about new segments.
    """

    tuples: list[tuple[int, int]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)


class PairDrafts:
    """The checked pairs of a body. Nothing is made before `make`.

    Attributes:
        account_ids: Their accounts that are tracked already.
        new_handles: Their other handles and tiers, by the handle in lower case.

    Raises:
        RefusedError: An id, a handle or a label is unknown, X does not answer, or a pair is repeated.
    """

    def __init__(
        self,
        pairs: Sequence[Mapping[str, Any]],
        accounts: Accounts,
        segments: Segments,
        handles: XHandles,
        now: float,
    ) -> None:
        self.account_ids: set[int] = set()
        self.new_handles: dict[str, tuple[str, str]] = {}
        self._accounts = accounts
        self._segments = segments
        self._handles = handles
        self._now = now
        self._pairs = [(self._account(pair), self._segment(pair)) for pair in pairs]
        known = [
            (account, segment) for (_, account), segment in self._pairs if not isinstance(segment, Segment)
        ]
        if len(set(known)) < len(known):
            raise RefusedError(BAD_BODY, "pairs: one pair is repeated")

    def make(self) -> MadePairs:
        """Make the missing accounts and segments.

        Raises:
            RefusedError: Stripe refuses a new account; then nothing is made.
        """
        for _ in self.new_handles:
            self._accounts.stripe.agree()
        new_ids = {
            key: self._accounts.add(handle, tier, self._now).id
            for key, (handle, tier) in self.new_handles.items()
        }
        made = MadePairs()
        shown = set()
        for (named, account), segment in self._pairs:
            account_id = new_ids[account] if isinstance(account, str) else account
            if named and account_id not in shown:
                shown.add(account_id)
                made.accounts.append(self._account_entry(account_id, created=isinstance(account, str)))
            if isinstance(segment, Segment):
                segment_id = self._segments.keep(segment).id
                made.segments.append({"segmentId": segment_id, "segmentCreated": True})
            else:
                segment_id = segment
            made.tuples.append((account_id, segment_id))
        return made

    def _account_entry(self, account_id: int, *, created: bool) -> dict[str, Any]:
        handle = self._accounts.get(account_id).handle
        entry: dict[str, Any] = {"handle": handle, "accountId": account_id, "accountCreated": created}
        return {**entry, "billingDelta": "stripe_quantity_incremented"} if created else entry

    def _account(self, pair: Mapping[str, Any]) -> tuple[bool, int | str]:
        """Return True if the body names a handle, and the account's id, or the key of a new account."""
        if "accountId" in pair:
            account = self._accounts.get(pair["accountId"])
        else:
            handle = pair["accountHandle"]
            found = self._accounts.named(handle.removeprefix("@"))
            if found is None:
                bare = self._handles.resolve(handle)
                self.new_handles.setdefault(bare.lower(), (bare, pair.get("accountTier", STARTER)))
                return True, bare.lower()
            account = found
        self.account_ids.add(account.id)
        return "accountHandle" in pair and "accountId" not in pair, account.id

    def _segment(self, pair: Mapping[str, Any]) -> int | Segment:
        if "segmentId" in pair:
            return self._segments.get(pair["segmentId"]).id
        return self._segments.draft(pair["segment"], self._now)


class Streams:
    """The campaigns of the user.

    Attributes:
        campaigns: Every campaign, archived ones included. Callers may set it.
    """

    def __init__(
        self, options: Options, start: float, accounts: Accounts, segments: Segments, handles: XHandles
    ) -> None:
        self.campaigns = build(options, start)
        self._options = options
        self._accounts = accounts
        self._segments = segments
        self._handles = handles
        self._pairs = FIRST_PAIR + sum(len(campaign.pairs) for campaign in self.campaigns)
        self._streams = FIRST_STREAM + len(self.campaigns)

    def get(self, stream_id: int) -> Campaign:
        """Return a campaign.

        Raises:
            RefusedError: No campaign has this id: 404.
        """
        for campaign in self.campaigns:
            if campaign.id == stream_id:
                return campaign
        raise RefusedError(STREAM_NOT_FOUND)

    def listed(self) -> list[Campaign]:
        """Return the campaigns that `GET /streams` lists."""
        options = self._options
        return [
            campaign
            for campaign in self.campaigns
            if (
                options.archived_in_streams
                if campaign.archived
                else campaign.active or options.paused_in_streams
            )
        ]

    def linked(self) -> list[Pair]:
        """Return the pairs of every active campaign."""
        return [pair for campaign in self.campaigns if campaign.active for pair in campaign.pairs]

    def fed(self) -> list[Pair]:
        """Return the pairs that get leads outside of runs."""
        return [
            pair
            for campaign in self.campaigns
            if campaign.fed
            for pair in campaign.pairs
            if not self._accounts.get(pair.account_id).asleep
        ]

    def create(self, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Create a campaign, and return the answer.

        Raises:
            RefusedError: A part is not possible; then nothing is made.
        """
        drafts = self._drafts(body["pairs"], now)
        self._allow(drafts, None)
        made = drafts.make()
        stream_id, self._streams = self._streams, self._streams + 1
        campaign = Campaign(
            id=stream_id,
            name=body.get("name") or self._name(made),
            archived=False,
            pairs=tuple(self._pair(stream_id, *tuple_) for tuple_ in made.tuples),
            created=now,
            setup={**SETUP, "syncTimes": [self._slot(stream_id)], **_setup(body)},
        )
        self.campaigns = (*self.campaigns, campaign)
        return {"id": campaign.id, "accounts": made.accounts, "segments": made.segments}

    def update(self, stream_id: int, body: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Change a campaign, and return the answer.

        Raises:
            RefusedError: A part is not possible; then nothing changes.
        """
        campaign = self.get(stream_id)
        changed = replace(campaign, setup={**campaign.setup, **_setup(body)})
        if body.get("name"):
            changed = replace(changed, name=body["name"])
        archived = body.get("isArchived", campaign.archived)
        active = body.get("isActive", campaign.active) and not archived
        changed = replace(changed, archived=archived, active=active)
        if (archived, active) != (campaign.archived, campaign.active):
            changed = replace(changed, fed=active and not archived)
        answer: dict[str, Any] = {"id": stream_id}
        if "pairs" in body:
            drafts = self._drafts(body["pairs"], now)
            self._allow(drafts, campaign)
            made = drafts.make()
            kept = {(pair.account_id, pair.segment_id): pair for pair in campaign.pairs}
            pairs = tuple(kept.get(tuple_) or self._pair(stream_id, *tuple_) for tuple_ in made.tuples)
            changed = replace(changed, pairs=pairs)
            answer["pairsDiff"] = {"addedAccounts": made.accounts, "addedSegments": made.segments}
        self._replace(changed)
        return answer

    def archive(self, stream_id: int) -> None:
        """Archive a campaign and keep its leads. A repeat is harmless.

        Raises:
            RefusedError: No campaign has this id.
        """
        self._replace(replace(self.get(stream_id), archived=True, active=False, fed=False))

    def payload(self, campaign: Campaign) -> dict[str, Any]:
        """Show one campaign. Its field names are those of the request that creates one."""
        handles = {account.id: account.handle for account in self._accounts.all}
        return {
            "id": campaign.id,
            "name": campaign.name,
            "isActive": campaign.active,
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
            **campaign.setup,
            "createdAt": iso(campaign.created, self._options.times),
        }

    def _drafts(self, pairs: Sequence[Mapping[str, Any]], now: float) -> PairDrafts:
        if not (self._accounts.paying or self._accounts.free):
            raise RefusedError(SUBSCRIPTION_REQUIRED)
        return PairDrafts(pairs, self._accounts, self._segments, self._handles, now)

    def _allow(self, drafts: PairDrafts, campaign: Campaign | None) -> None:
        if (
            self._accounts.free
            and drafts.new_handles
            and len(self._accounts.all) + len(drafts.new_handles) > 1
        ):
            raise RefusedError(FREE_ACCOUNT_LIMIT)
        own = {pair.account_id for pair in campaign.pairs} if campaign else set()
        for account_id in drafts.account_ids - own:
            using = sum(
                any(pair.account_id == account_id for pair in other.pairs)
                for other in self.campaigns
                if other.active
            )
            if using >= TERMS[self._accounts.get(account_id).tier].streams:
                raise RefusedError(STREAM_CAP_EXCEEDED)

    def _pair(self, stream_id: int, account_id: int, segment_id: int) -> Pair:
        pair_id, self._pairs = self._pairs, self._pairs + 1
        return Pair(pair_id, stream_id, account_id, segment_id, self._segments.get(segment_id).theme)

    def _name(self, made: MadePairs) -> str:
        account_ids = list(dict.fromkeys(account_id for account_id, _ in made.tuples))
        segment = self._segments.get(made.tuples[0][1])
        if len(account_ids) > 1:
            return f"{segment.name or segment.description} · {len(account_ids)} accounts"
        return f"{segment.name or segment.description} · @{self._accounts.get(account_ids[0]).handle}"

    def _slot(self, stream_id: int) -> str:
        quarter = draw(self._options.seed, "slot", stream_id).randrange(96)
        return f"{quarter // 4:02}:{quarter % 4 * 15:02}"

    def _replace(self, changed: Campaign) -> None:
        self.campaigns = tuple(changed if one.id == changed.id else one for one in self.campaigns)


def _setup(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a body. Unknown members of the recipients are dropped."""
    setup = {name: body[name] for name in SETUP if name in body}
    recipients = setup.get("csvEmailRecipients")
    if recipients:
        setup["csvEmailRecipients"] = {name: recipients[name] for name in RECIPIENTS if name in recipients}
    return setup
