"""The campaigns, and the pairs of their bodies. A call that creates or changes a campaign is atomic.

Nothing here is thread-safe: hold the world's lock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.simulator import refusals
from syncd.simulator.campaigns.accounts import MOST_STREAMS, Accounts
from syncd.simulator.campaigns.models import (
    FIRST_PAIR,
    FIRST_STREAM,
    SETUP,
    Account,
    Campaign,
    Pair,
    Segment,
    build,
)
from syncd.simulator.campaigns.segments import Segments
from syncd.simulator.instants import iso
from syncd.simulator.leads.people import draw
from syncd.simulator.options import Options
from syncd.simulator.refusals import RefusedError

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
            raise RefusedError(refusals.HANDLE_LOOKUP_FAILED)
        bare = handle.removeprefix("@")
        if bare.lower() in self._unknown or not HANDLE_SHAPE.fullmatch(bare):
            raise RefusedError(refusals.HANDLE_NOT_FOUND)
        if bare.lower() in self._protected:
            raise RefusedError(refusals.HANDLE_PROTECTED)
        return bare


@dataclass(frozen=True, slots=True)
class PairDraft:
    """A checked pair of a body. A new account or segment has the id 0. `by_handle`: the body names the account's handle."""

    account: Account
    segment: Segment
    by_handle: bool

    @property
    def key(self) -> str:
        """The account's handle, which X reads without case."""
        return self.account.handle.lower()


@dataclass(frozen=True, slots=True)
class NewPairs:
    """The pairs that were made: (account id, segment id) of each, and the answer's parts about accounts and segments."""

    tuples: list[tuple[int, int]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)


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
        """Return a campaign. Raises RefusedError: no campaign has this id (404)."""
        campaign = next((one for one in self.campaigns if one.id == stream_id), None)
        if campaign is None:
            raise RefusedError(refusals.STREAM_NOT_FOUND)
        return campaign

    def listed(self) -> list[Campaign]:
        """Return the campaigns that `GET /streams` lists."""
        archived, paused = self._options.archived_in_streams, self._options.paused_in_streams
        return [one for one in self.campaigns if (archived if one.archived else one.active or paused)]

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
        """Create a campaign, and return the answer. Raises RefusedError: a part is not possible; then nothing is made."""
        drafts = self._drafts(body["pairs"], now)
        self._allow(drafts, None)
        made = self._make(drafts)
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
        """Change a campaign, and return the answer. Raises RefusedError: a part is not possible; then nothing changes."""
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
            made = self._make(drafts)
            kept = {(pair.account_id, pair.segment_id): pair for pair in campaign.pairs}
            pairs = tuple(kept.get(tuple_) or self._pair(stream_id, *tuple_) for tuple_ in made.tuples)
            changed = replace(changed, pairs=pairs)
            answer["pairsDiff"] = {"addedAccounts": made.accounts, "addedSegments": made.segments}
        self._replace(changed)
        return answer

    def archive(self, stream_id: int) -> None:
        """Archive a campaign and keep its leads. A repeat is harmless. Raises RefusedError: no campaign has this id."""
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

    def _drafts(self, pairs: Sequence[Mapping[str, Any]], now: float) -> list[PairDraft]:
        """Check the pairs of a body. Nothing is made before `_make`."""
        if not (self._accounts.paying or self._accounts.free):
            raise RefusedError(refusals.SUBSCRIPTION_REQUIRED)
        drafts = [self._draft(pair, now) for pair in pairs]
        known = [(draft.key, draft.segment.id) for draft in drafts if draft.segment.id]
        if len(set(known)) < len(known):
            raise RefusedError(refusals.BAD_BODY, "pairs: one pair is repeated")
        return drafts

    def _draft(self, pair: Mapping[str, Any], now: float) -> PairDraft:
        by_handle = "accountId" not in pair
        if by_handle:
            handle = pair["accountHandle"]
            account = self._accounts.named(handle.removeprefix("@")) or self._accounts.draft(
                self._handles.resolve(handle), pair.get("accountTier", STARTER), now
            )
        else:
            account = self._accounts.get(pair["accountId"])
        if "segmentId" in pair:
            return PairDraft(account, self._segments.get(pair["segmentId"]), by_handle)
        return PairDraft(account, self._segments.draft(pair["segment"], now), by_handle)

    def _allow(self, drafts: Sequence[PairDraft], campaign: Campaign | None) -> None:
        new = {draft.key for draft in drafts if not draft.account.id}
        if self._accounts.free and new and len(self._accounts.all) + len(new) > 1:
            raise RefusedError(refusals.FREE_ACCOUNT_LIMIT)
        own = {pair.account_id for pair in campaign.pairs} if campaign else set()
        active = [{pair.account_id for pair in other.pairs} for other in self.campaigns if other.active]
        for account in {draft.account.id: draft.account for draft in drafts}.values():
            using = sum(account.id in ids for ids in active)
            if account.id not in (0, *own) and using >= MOST_STREAMS[account.tier]:
                raise RefusedError(refusals.STREAM_CAP_EXCEEDED)

    def _make(self, drafts: Sequence[PairDraft]) -> NewPairs:
        """Make the missing accounts and segments. Nothing is made if Stripe refuses an account."""
        new: dict[str, Account] = {}
        for draft in drafts:
            if not draft.account.id:
                new.setdefault(draft.key, draft.account)
        for _ in new:
            self._accounts.stripe.agree()
        kept = {key: self._accounts.keep(account) for key, account in new.items()}
        made = NewPairs()
        for draft in drafts:
            account = kept.get(draft.key, draft.account)
            entry: dict[str, Any] = {"handle": account.handle, "accountId": account.id}
            if draft.account.id:
                entry["accountCreated"] = False
            else:
                entry |= {"accountCreated": True, "billingDelta": "stripe_quantity_incremented"}
            if draft.by_handle and entry not in made.accounts:
                made.accounts.append(entry)
            segment = draft.segment if draft.segment.id else self._segments.keep(draft.segment)
            if not draft.segment.id:
                made.segments.append({"segmentId": segment.id, "segmentCreated": True})
            made.tuples.append((account.id, segment.id))
        return made

    def _pair(self, stream_id: int, account_id: int, segment_id: int) -> Pair:
        pair_id, self._pairs = self._pairs, self._pairs + 1
        return Pair(pair_id, stream_id, account_id, segment_id, self._segments.get(segment_id).theme)

    def _name(self, made: NewPairs) -> str:
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
