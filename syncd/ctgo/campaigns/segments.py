"""Segments: what to look for in people. Sources: the v2 pages of `GET /segments` and `POST /segments`.

A segment cannot be edited: make another, and put it into the campaigns' pairs.
"""

from pydantic import Field

from syncd.core.lead import LARGEST_ID
from syncd.ctgo.campaigns.confirmed import once
from syncd.ctgo.campaigns.drafts import NewSegment
from syncd.ctgo.campaigns.envelopes import Ask, Moment, many, one
from syncd.ctgo.campaigns.requests import act, listing
from syncd.ctgo.models import Answer, Maybe


class Segment(Answer):
    """A segment. `labels`: by category; `linked_streams`: how many campaigns use it."""

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


class SegmentsApi:
    """See the module."""

    def __init__(self, ask: Ask) -> None:
        """`ask`: sends a request."""
        self._ask = ask

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
