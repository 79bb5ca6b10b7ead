"""Leads for people to look at, and look-ups of other people.

Sources: the v2 page of `GET /streams/{id}/leads`; that of `GET /leads` was never seen. Of the latter only `streamId`, `since`, `lifecycle`
and `groupBy` are known by name: other filters are sent too, and a remote may ignore them. The engine has its own
way over these listings, which is `Upstream.leads` and `Upstream.stream_leads`.

The pages of look-ups were never seen, only a line on each. Look-ups cost credits, as enriching a lead does. What is sent is
named as its like in the pages that were seen: another field can be given in `more`, and goes before ours.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, Field

from syncd.ctgo.campaigns.drafts import DraftError, LeadFilter, NewPair
from syncd.ctgo.campaigns.requests import (
    Moment,
    Resource,
    act,
    anything,
    at,
    listing,
    many,
    nothing,
    once,
    one,
    question,
    with_query,
    within,
)
from syncd.ctgo.models import Answer, Enrichment, Maybe, Page
from syncd.ctgo.shapes import page_of

MOST_LEADS = 500
_ALL = LeadFilter()
_NOTHING: Mapping[str, Any] = {}


class Summary(Answer):
    """The numbers of leads. CTGO does not document if the counts honour the other filters."""

    high: Maybe[int] = Field(None, alias="highFitCount")
    medium: Maybe[int] = Field(None, alias="mediumFitCount")


class LeadsApi(Resource):
    """The leads."""

    def of_stream(
        self, stream_id: int, wanted: LeadFilter = _ALL, *, limit: int = 100, offset: int = 0
    ) -> Page:
        """One page of a campaign's leads, of 1 to 500 rows. `GET /streams/{id}/leads`. No order is documented.

        Raises Reject `not_found`; DraftError: a limit or an offset that is none.
        """
        path = with_query(at("/streams/{}/leads", stream_id), wanted.query() | _paging(limit, offset))
        return self._ask(question(path, "for a campaign's leads"), page_of)

    def across(
        self,
        wanted: LeadFilter = _ALL,
        *,
        stream_id: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page:
        """One page of the leads of all campaigns, or of `stream_id`. `GET /leads`, see the module; otherwise as `of_stream`.

        `limit` and `offset` may be ignored as well: then a page comes twice.
        """
        path = with_query("/leads", wanted.query() | _of(stream_id) | _paging(limit, offset))
        return self._ask(question(path, "for leads"), page_of)

    def count_of_stream(self, stream_id: int, wanted: LeadFilter = _ALL) -> Summary:
        """Count a campaign's leads. `GET /streams/{id}/leads?summary=true`. Raises Reject `not_found`."""
        path = with_query(at("/streams/{}/leads", stream_id), wanted.query() | {"summary": "true"})
        return self._ask(question(path, "to count a campaign's leads"), one(Summary))

    def count(self, wanted: LeadFilter = _ALL, *, stream_id: int | None = None) -> Summary:
        """Count the leads that match. `GET /leads?summary=true`, which is not documented: Pause `unexpected_answer` if ignored."""
        path = with_query("/leads", wanted.query() | _of(stream_id) | {"summary": "true"})
        return self._ask(question(path, "to count leads"), one(Summary))

    def grouped(self, wanted: LeadFilter = _ALL) -> Any:
        """The leads of all campaigns by campaign, as it comes. `GET /leads?groupBy=stream`: its shape is not documented."""
        path = with_query("/leads", wanted.query() | {"groupBy": "stream"})
        return self._ask(question(path, "for leads by campaign"), anything)


def _paging(limit: int, offset: int) -> dict[str, str | int]:
    return {"limit": within("limit", limit, 1, MOST_LEADS), "offset": within("offset", offset, 0, 2**53)}


def _of(stream_id: int | None) -> dict[str, str | int]:
    if stream_id is None:
        return {}
    at("", stream_id)
    return {"streamId": stream_id}


class Lookup(Enrichment):
    """The result of a look-up, now or in the history: `email`, `email_status` and `linkedin_url`, as far as it was found."""

    handle: Maybe[str] = Field(
        None, validation_alias=AliasChoices("handle", "xHandle"), serialization_alias="handle"
    )
    created_at: Moment = Field(None, alias="createdAt")


class SegmentFound(Answer):
    """A segment made from a text. CTGO may have created it: then it has an `id`."""

    id: Maybe[int] = None
    description: Maybe[str] = None
    genders: Maybe[tuple[str, ...]] = Field(None, alias="genderValues")
    labels: Maybe[dict[str, tuple[str, ...]]] = Field(None, alias="appliedSearchFilters")
    follower_tiers: Maybe[tuple[str, ...]] = Field(None, alias="followerCountTiers")


class LookupsApi(Resource):
    """The look-ups. All raise Pause `credits_exhausted`, Halt `no_team`; what costs credits, Halt `outcome_unknown` too."""

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
