"""Campaigns, and the segments by which CTGO chooses people.

A campaign has pairs of tracked accounts and segments, with one schedule, enrichment and delivery.

Sources: the v2 pages of `POST /streams`, `PATCH /streams/{id}` and `DELETE /streams/{id}`; those of `GET /streams` and
`GET /streams/{id}` were never seen, so what they show is read by the names of creating. An account of a handle that is not tracked yet
is billed from then on: that takes `billing`.
"""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import AliasChoices, Field

from syncd.core.lead import LARGEST_ID
from syncd.ctgo.campaigns.accounts import Accounts, AccountsApi
from syncd.ctgo.campaigns.drafts import NewPair, NewSegment, NewStream, StreamChanges, handles_of
from syncd.ctgo.campaigns.requests import (
    Ask,
    Billing,
    Moment,
    Resource,
    Seen,
    act,
    at,
    billed,
    listing,
    many,
    once,
    one,
    question,
    refuse_unless_accepted,
)
from syncd.ctgo.models import Answer, Maybe, Stream


class Pair(Answer):
    """A tracked account and a segment of a campaign."""

    id: Maybe[int] = Field(None, validation_alias=AliasChoices("pairId", "id"), serialization_alias="pairId")
    account_id: Maybe[int] = Field(
        None,
        validation_alias=AliasChoices("accountId", "trackedAccountId", "trackedXAccountId"),
        serialization_alias="accountId",
    )
    handle: Maybe[str] = Field(
        None, validation_alias=AliasChoices("accountHandle", "xHandle"), serialization_alias="accountHandle"
    )
    segment_id: Maybe[int] = Field(None, alias="segmentId")


class Campaign(Stream):
    """A campaign with all that is known of it; what its list leaves out is None. See `StreamSettings` for the meanings."""

    pairs: Maybe[tuple[Pair, ...]] = None
    sync_times: Maybe[tuple[str, ...]] = Field(None, alias="syncTimes")
    timezone: Maybe[str] = None
    auto_enrich_linkedin: Maybe[bool] = Field(None, alias="autoEnrichLinkedin")
    auto_enrich_email: Maybe[bool] = Field(None, alias="autoEnrichEmail")
    email_mode: Maybe[str] = Field(None, alias="emailMode")
    email_digest: Maybe[str] = Field(None, alias="emailDigestOverride")
    telegram: Maybe[bool] = Field(None, alias="telegramOverride")
    delivery: Maybe[str] = Field(None, alias="deliveryDestination")
    webhook_url: Maybe[str] = Field(None, alias="webhookUrl")
    csv_email: Maybe[dict[str, Any]] = Field(None, alias="csvEmailRecipients")
    is_active: Maybe[bool] = Field(None, alias="isActive")
    is_archived: Maybe[bool] = Field(None, alias="isArchived")
    created_at: Moment = Field(None, alias="createdAt")


class AccountMade(Answer):
    """A handle that was resolved. `billing_delta`: `stripe_quantity_incremented`, or another of an open list."""

    handle: Maybe[str] = None
    account_id: Maybe[int] = Field(None, alias="accountId")
    created: Maybe[bool] = Field(None, alias="accountCreated")
    billing_delta: Maybe[str] = Field(None, alias="billingDelta")


class SegmentUsed(Answer):
    """A segment that was made on the way."""

    segment_id: Maybe[int] = Field(None, alias="segmentId")
    created: Maybe[bool] = Field(None, alias="segmentCreated")


class StreamMade(Answer):
    """A new campaign. `accounts` and `segments` are None when the answer was lost and the campaign was found in the list."""

    id: int = Field(ge=1, le=LARGEST_ID)
    accounts: Maybe[tuple[AccountMade, ...]] = None
    segments: Maybe[tuple[SegmentUsed, ...]] = None


class PairsDiff(Answer):
    """The additions that new pairs brought. CTGO does not report removals."""

    accounts: Maybe[tuple[AccountMade, ...]] = Field(None, alias="addedAccounts")
    segments: Maybe[tuple[SegmentUsed, ...]] = Field(None, alias="addedSegments")


class StreamUpdated(Answer):
    """The result of an update. `diff`: only if pairs were sent, and not when the answer was lost."""

    id: Maybe[int] = None
    diff: Maybe[PairsDiff] = Field(None, alias="pairsDiff")


class Archived(Answer):
    """That a campaign is archived."""

    archived: Maybe[bool] = None


def newcomer(before: Collection[int], now: Sequence[Campaign], name: str | None) -> Campaign | bool | None:
    """The campaign that came since the ids `before` were read: the one of that name, or the only one if it had none.

    False when there is none, None when there are several.
    """
    new = [campaign for campaign in now if campaign.id not in before]
    if name is not None:
        new = [campaign for campaign in new if campaign.name == name]
    if len(new) > 1:
        return None
    return new[0] if new else False


def has_pairs(campaign: Campaign, wanted: Sequence[NewPair], accounts: Accounts) -> bool | None:
    """True if a campaign has just these pairs; None if it does not show them. A new segment matches any that is left over."""
    if campaign.pairs is None or any(p.account_id is None or p.segment_id is None for p in campaign.pairs):
        return None
    left = [(pair.account_id, pair.segment_id) for pair in campaign.pairs]
    # Pairs with a known segment first, or a new segment's might take their place
    for pair in sorted(wanted, key=lambda pair: pair.segment_id is None):
        account = accounts.find(pair.account_handle) if pair.account_handle else None
        number = account.id if account else pair.account_id
        found = next((it for it in left if it[0] == number and pair.segment_id in (None, it[1])), None)
        if found is None:
            return False
        left.remove(found)
    return not left


class StreamsApi(Resource):
    """The campaigns."""

    def __init__(self, ask: Ask) -> None:
        """`ask`: sends a request."""
        self._ask = ask
        self._accounts = AccountsApi(ask)

    def list(self) -> tuple[Campaign, ...]:
        """The active campaigns. `GET /streams`; whether paused ones are on the list is not documented, archived ones are not."""
        return self._ask(listing("/streams", "for its campaigns"), many(Campaign, "streams"))

    def show(self, stream_id: int) -> Campaign:
        """One campaign with its pairs and settings. `GET /streams/{id}`. Raises Reject `not_found`."""
        path = at("/streams/{}", stream_id)
        return self._ask(question(path, "for a campaign"), one(Campaign, "stream", "data"))

    def create(self, draft: NewStream, *, billing: Billing | None = None) -> StreamMade:
        """Create a campaign with all that belongs to it. Two requests: `GET /streams`, then `POST /streams`.

        The list is read first so that, if the answer is lost, the campaign is recognised in it: a repeat would make another.

        `billing` is needed if the draft names a handle (`handles_of`).

        Raises:
            Reject: `billing_not_accepted`, `handle_not_found`, `handle_protected`, `orphan_label`, `stream_cap_exceeded`, `not_found`
                (an account or segment of its pairs), `request_refused`, `payment_failed`.
            Halt: `free_account_limit`, `subscription_required`, `outcome_unknown`.
            Pause: `handle_lookup_failed`.
        """
        handles = handles_of(draft)
        if handles:
            refuse_unless_accepted(billing, "A campaign that names a handle")
        before = frozenset(campaign.id for campaign in self.list())
        call = act("POST", "/streams", "to create a campaign", draft.body(), bills=True)
        return billed(
            self._ask, call, one(StreamMade, "stream"), lambda: self._created(before, draft.name, handles)
        )

    def update(
        self, stream_id: int, draft: StreamChanges, *, billing: Billing | None = None
    ) -> StreamUpdated:
        """Change a campaign. `PATCH /streams/{id}`; pairs replace all pairs there are.

        `billing` is needed if the pairs name a handle. Setting the same again is harmless, so without a handle a lost answer is
        an ordinary failure. Raises Reject, Halt, Pause: as `create`; Reject `not_found` for a campaign that is not ours.
        """
        call_of = (at("/streams/{}", stream_id), "to change a campaign", draft.body())
        if not handles_of(draft):
            return self._ask(act("PATCH", *call_of), one(StreamUpdated, "stream"))
        refuse_unless_accepted(billing, "Adding a handle to a campaign")
        return billed(
            self._ask,
            act("PATCH", *call_of, bills=True),
            one(StreamUpdated, "stream"),
            lambda: self._updated(stream_id, draft),
        )

    def archive(self, stream_id: int) -> Archived:
        """Archive a campaign; its leads are kept. `DELETE /streams/{id}`; `restore` takes it back. Raises Reject `not_found`."""
        call = act("DELETE", at("/streams/{}", stream_id), "to archive a campaign")
        return self._ask(call, one(Archived, open_shape=True, or_nothing=True))

    def restore(self, stream_id: int) -> StreamUpdated:
        """Take a campaign out of the archive and let it run. `PATCH /streams/{id}`. Raises Reject `not_found`."""
        return self.update(stream_id, StreamChanges(is_active=True, is_archived=False))

    def _created(self, before: Collection[int], name: str | None, handles: Sequence[str]) -> Seen[StreamMade]:
        found = newcomer(before, self.list(), name)
        if isinstance(found, Campaign):
            return StreamMade(id=found.id)
        if found is None:
            return None
        # It is not there; but an account of it may be, and be billed
        accounts = self._accounts.list() if handles else Accounts()
        return None if any(accounts.find(handle) for handle in handles) else False

    def _updated(self, stream_id: int, draft: StreamChanges) -> Seen[StreamUpdated]:
        has = has_pairs(self.show(stream_id), draft.pairs or (), self._accounts.list())
        return StreamUpdated(id=stream_id) if has else (None if has is None else False)


class Segment(Answer):
    """A segment, which cannot be edited: make another, and put it into the campaigns' pairs. `labels`: by category; `linked_streams`: how many campaigns use it."""

    id: Maybe[int] = None
    user_facing_id: Maybe[str] = Field(None, alias="userFacingId")
    name: Maybe[str] = None
    description: Maybe[str] = None
    genders: Maybe[tuple[str, ...]] = Field(None, alias="genderValues")
    labels: Maybe[dict[str, tuple[str, ...]]] = Field(None, alias="appliedSearchFilters")
    follower_tiers: Maybe[tuple[str, ...]] = Field(None, alias="followerCountTiers")
    linked_streams: Maybe[int] = Field(None, alias="linkedStreamCount")
    created_at: Moment = Field(None, alias="createdAt")
    updated_at: Moment = Field(None, alias="updatedAt")


class SegmentMade(Answer):
    """A new segment's numbers."""

    id: int = Field(ge=1, le=LARGEST_ID)
    user_facing_id: Maybe[str] = Field(None, alias="userFacingId")


class SegmentsApi(Resource):
    """The segments."""

    def list(self, *, archived: bool = False) -> tuple[Segment, ...]:
        """All segments, the archived ones too if wanted. `GET /segments`; there is no paging."""
        path = "/segments?excludeArchived=false" if archived else "/segments?excludeArchived=true"
        return self._ask(listing(path, "for its segments"), many(Segment, "segments"))

    def create(self, draft: NewSegment) -> SegmentMade:
        """Make a segment. `POST /segments`; bills nothing. A repeat makes another one.

        Raises:
            Reject: `orphan_label`, whose detail names the labels that CTGO does not know.
            Halt: `outcome_unknown`: look for its description in the list.
        """
        call = act("POST", "/segments", "to create a segment", draft.body())
        return once(self._ask, call, one(SegmentMade, "segment"))
