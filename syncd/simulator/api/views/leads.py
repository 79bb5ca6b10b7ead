"""The routes of leads; a method has the name of its route."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, request

from syncd.simulator.api.request_data import body_of, query_of
from syncd.simulator.api.responses import json_text, refuse, reply
from syncd.simulator.instants import parsed
from syncd.simulator.leads.feedback import judgement_of
from syncd.simulator.leads.listing import Page, Query
from syncd.simulator.leads.lookups import enriched_payload
from syncd.simulator.leads.row import Row, dumps
from syncd.simulator.options import Options
from syncd.simulator.refusals import CREDITS_EXHAUSTED, GROUPING_UNKNOWN, NO_TEAM, NOT_FOUND, Refusal
from syncd.simulator.world import World


def _envelope(page: Page, options: Options) -> str:
    has_more = "true" if page.has_more else "false"
    return f'{{"leads":{_array(page.rows, options)},"total":{page.total},"hasMore":{has_more}}}'


def _without_has_more(page: Page, options: Options) -> str:
    return f'{{"leads":{_array(page.rows, options)},"total":{page.total}}}'


def _bare(page: Page, options: Options) -> str:
    return _array(page.rows, options)


def _array(rows: Sequence[Row], options: Options) -> str:
    return "[" + ",".join(row.text(options) for row in rows) + "]"


# The shapes of `GET /leads`. The listing of one campaign is documented and always has the envelope.
SHAPES: Mapping[str, Callable[[Page, Options], str]] = {
    "paged": _envelope,
    "ignored": _envelope,
    "without_has_more": _without_has_more,
    "bare": _bare,
}
PAGING = ("limit", "offset")


class LeadViews:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options

    def stream_leads(self, stream_id: int) -> Response:
        """`GET /streams/{id}/leads`, archived campaigns included."""
        with self._world.moment():
            self._world.streams.get(stream_id)
        found = query_of("GET /streams/{streamId}/leads", self._options)
        return self._list({**found, "streamId": stream_id}, _envelope)

    def leads(self) -> Response:
        """`GET /leads`, with every filter of a campaign's listing, and `streamId`."""
        form = self._options.leads_route
        if form == "missing":
            return refuse(NOT_FOUND, self._options)
        if "groupBy" in request.args and self._options.grouped == "refused":
            return refuse(GROUPING_UNKNOWN, self._options)
        ignored = PAGING if form == "ignored" else ()
        return self._list(query_of("GET /leads", self._options, ignored), SHAPES[form])

    def _list(self, found: Mapping[str, Any], shape: Callable[[Page, Options], str]) -> Response:
        query = _query(found)
        # Without the lock, an export between select and show could add a row that the query excludes.
        with self._world.lock:
            if query.group_by:
                return json_text(self._grouped(query))
            if query.summary:
                return reply(self._world.summary(query))
            return json_text(shape(self._world.page(query), self._options))

    def _grouped(self, query: Query) -> str:
        """Group a page or a summary by campaign. The vendor does not document the form, so a switch picks it."""
        names = {campaign.id: campaign.name for campaign in self._world.campaigns}
        if query.summary:
            asked = [query.stream_id] if query.stream_id is not None else list(names)
            counts = {one: self._world.summary(replace(query, stream_id=one)) for one in asked}
            groups = [{"streamId": one, "streamName": names.get(one), **counts[one]} for one in asked]
            return dumps({"groups": groups})
        page = self._world.page(query)
        rows: defaultdict[int, list[Row]] = defaultdict(list)
        for row in page.rows:
            rows[row.stream_id].append(row)
        leads = {stream_id: _array(found, self._options) for stream_id, found in rows.items()}
        if self._options.grouped == "map":
            text = "{" + ",".join(f'"{one}":{leads[one]}' for one in leads) + "}"
        else:
            shown = [
                f'{{"streamId":{one},"streamName":{dumps(names.get(one))},"leads":{leads[one]}}}'
                for one in leads
            ]
            text = "[" + ",".join(shown) + "]"
        return f'{{"groups":{text},"total":{page.total},"hasMore":{dumps(page.has_more)}}}'

    def export(self, lead_id: int) -> Response:
        """`POST /leads/{id}/export`; a body is ignored."""
        refusal = self._world.export(lead_id)
        if refusal:
            return refuse(refusal, self._options)
        return Response(status=204) if self._options.export_status == 204 else reply({"ok": True})  # noqa: PLR2004

    def feedback(self, lead_id: int) -> Response:
        """`POST /leads/{id}/feedback`."""
        refusal = self._world.judge(lead_id, judgement_of(body_of("FeedbackRequest")))
        return refuse(refusal, self._options) if refusal else reply({"ok": True})

    def enrich(self, lead_id: int) -> Response:
        """`POST /leads/{id}/enrich`."""
        if not self._options.team:
            return refuse(NO_TEAM, self._options)
        body = body_of("EnrichRequest")
        answer = self._world.enrich(lead_id, body["requested_outputs"], body.get("email_mode", "any"))
        if isinstance(answer, Refusal):
            return spent(answer, self._options)
        row, enriched, remaining = answer
        return reply({"leadId": lead_id, **enriched_payload(row.person, enriched, remaining, self._options)})


def _query(found: Mapping[str, Any]) -> Query:
    since = found["since"]
    return Query(
        stream_id=found["streamId"],
        lifecycle=found["lifecycle"],
        confidence=found["matchConfidence"],
        account_id=found["accountId"],
        segment_id=found["segmentId"],
        since=None if since is None else parsed(since),
        limit=found["limit"],
        offset=found["offset"],
        summary=found["summary"],
        group_by=found.get("groupBy"),
    )


def spent(refusal: Refusal, options: Options) -> Response:
    """Refuse an enrichment. The refusal for spent credits may have Retry-After."""
    refused = refuse(refusal, options)
    if refusal is CREDITS_EXHAUSTED and options.credits_retry_after:
        refused.headers["Retry-After"] = str(options.credits_retry_after)
    return refused
