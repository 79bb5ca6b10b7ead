"""Leads for people to look at: of one campaign, or across, by every filter, or only counted.

Sources: the v2 page of `GET /streams/{id}/leads`; that of `GET /leads` was never seen. Of the latter only `streamId`, `since`, `lifecycle`
and `groupBy` are known by name: other filters are sent too, and a remote may ignore them. The engine has its own
way over these listings, which is `Upstream.leads` and `Upstream.stream_leads`.
"""

from typing import Any

from pydantic import Field

from syncd.ctgo.campaigns.drafts import LeadFilter
from syncd.ctgo.campaigns.envelopes import Ask, anything, one
from syncd.ctgo.campaigns.requests import at, question, with_query, within
from syncd.ctgo.models import Answer, Maybe, Page
from syncd.ctgo.shapes import page_of

MOST_LEADS = 500
_ALL = LeadFilter()


class Summary(Answer):
    """The numbers of leads. CTGO does not document if the counts honour the other filters."""

    high: Maybe[int] = Field(None, alias="highFitCount")
    medium: Maybe[int] = Field(None, alias="mediumFitCount")


class LeadsApi:
    """See the module."""

    def __init__(self, ask: Ask) -> None:
        """`ask`: sends a request."""
        self._ask = ask

    def of_stream(
        self, stream_id: int, wanted: LeadFilter = _ALL, *, limit: int = 100, offset: int = 0
    ) -> Page:
        """One page of a campaign's leads. `GET /streams/{id}/leads`. No order is documented.

        Args:
            stream_id: the campaign.
            wanted: which leads.
            limit: rows wanted, 1 to 500.
            offset: rows to skip.

        Raises:
            Reject: `not_found`.
            DraftError: a limit or an offset that is none.
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

        `limit` and `offset` may be ignored as well: a page that comes twice says so.
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
