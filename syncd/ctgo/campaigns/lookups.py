"""Look-ups: contact data for an X handle, a segment from free text. They cost credits, as enriching a lead does.

The v2 pages were never seen, only a line on each. What is sent is named as its like in the pages that were: another field can be
given in `more`, and goes before ours. Answers are read as that of enriching a lead, which is the same engine.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, Field

from syncd.ctgo.campaigns.confirmed import once
from syncd.ctgo.campaigns.drafts import DraftError, NewPair
from syncd.ctgo.campaigns.envelopes import Ask, Moment, many, nothing, one
from syncd.ctgo.campaigns.requests import act, at, listing
from syncd.ctgo.models import Answer, Enrichment, Maybe

_NOTHING: Mapping[str, Any] = {}


class Lookup(Enrichment):
    """The result of a look-up, now or in the history: `email`, `email_status` and `linkedin_url`, as far as it was found."""

    handle: Maybe[str] = Field(
        None, validation_alias=AliasChoices("handle", "xHandle"), serialization_alias="handle"
    )
    created_at: Moment = Field(None, alias="createdAt")


class SegmentFound(Answer):
    """A segment that a text was understood as. It may have been created: `id` is its number where CTGO tells one."""

    id: Maybe[int] = None
    description: Maybe[str] = None
    genders: Maybe[tuple[str, ...]] = Field(None, alias="genderValues")
    labels: Maybe[dict[str, tuple[str, ...]]] = Field(None, alias="appliedSearchFilters")
    follower_tiers: Maybe[tuple[str, ...]] = Field(None, alias="followerCountTiers")


class LookupsApi:
    """See the module. All raise Pause `credits_exhausted`, Halt `no_team`; what costs credits, Halt `outcome_unknown` too."""

    def __init__(self, ask: Ask) -> None:
        """`ask`: sends a request."""
        self._ask = ask

    def enrich(self, handle: str, more: Mapping[str, Any] = _NOTHING) -> Lookup:
        """LinkedIn address and email of an X account. `POST /lookups/enrich`. Raises DraftError for what is no handle."""
        body = {"handle": _checked(handle), **more}
        call = act("POST", "/lookups/enrich", "to look an X account up", body)
        return once(self._ask, call, one(Lookup, open_shape=True))

    def enrich_email(self, handle: str, more: Mapping[str, Any] = _NOTHING) -> Lookup:
        """Email of an X account. `POST /lookups/enrich-email`. Raises DraftError for what is no handle."""
        body = {"handle": _checked(handle), **more}
        call = act("POST", "/lookups/enrich-email", "to look an X account's email up", body)
        return once(self._ask, call, one(Lookup, open_shape=True))

    def history(self) -> tuple[Lookup, ...]:
        """Recent look-ups of LinkedIn addresses. `GET /lookups/enrich/history`."""
        call = listing("/lookups/enrich/history", "for recent look-ups")
        return self._ask(call, many(Lookup, "history", "lookups"))

    def email_history(self) -> tuple[Lookup, ...]:
        """Recent look-ups of emails. `GET /lookups/enrich-email/history`."""
        call = listing("/lookups/enrich-email/history", "for recent look-ups of emails")
        return self._ask(call, many(Lookup, "history", "lookups"))

    def segment_from(self, description: str, more: Mapping[str, Any] = _NOTHING) -> SegmentFound:
        """A segment from free text, which may have been created: asked twice, it may be there twice.

        `POST /lookups/segments/from-description`. Raises DraftError for an empty text.
        """
        if not description.strip():
            raise DraftError("description must not be empty")
        body = {"description": description, **more}
        call = act("POST", "/lookups/segments/from-description", "to make a segment of a text", body)
        return once(self._ask, call, one(SegmentFound, "segment", open_shape=True))

    def revoke_key(self, key_id: int) -> None:
        """Revoke a key of the extension, for good. `DELETE /lookups/api-keys/{id}`. Raises Reject `not_found`."""
        self._ask(act("DELETE", at("/lookups/api-keys/{}", key_id), "to revoke a key"), nothing)


def _checked(handle: str) -> str:
    """A handle without its @."""
    draft = NewPair.read({"accountHandle": handle, "segmentId": 1})
    return draft.account_handle or ""
