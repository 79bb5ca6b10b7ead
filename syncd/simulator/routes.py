"""What each route answers; a method is a route and has its name."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from syncd.simulator.campaigns import accounts_payload, me_payload, segments_payload, stream_payload
from syncd.simulator.enrichment import MODES, OUTPUTS
from syncd.simulator.feedback import read as read_feedback
from syncd.simulator.listing import Page, Query
from syncd.simulator.options import Options
from syncd.simulator.parameters import BadParameterError, read_query
from syncd.simulator.replies import (
    BAD_BODY,
    CREDITS_EXHAUSTED,
    NO_TEAM,
    NOT_FOUND,
    NOT_SIMULATED,
    STREAM_NOT_FOUND,
    Refusal,
    bad_parameter,
    json_text,
    refuse,
    reply,
)
from syncd.simulator.world import World


def _envelope(page: Page, options: Options) -> str:
    has_more = "true" if page.has_more else "false"
    return f'{{"leads":{_array(page, options)},"total":{page.total},"hasMore":{has_more}}}'


def _without_has_more(page: Page, options: Options) -> str:
    return f'{{"leads":{_array(page, options)},"total":{page.total}}}'


def _array(page: Page, options: Options) -> str:
    return "[" + ",".join(row.text(options) for row in page.rows) + "]"


# How `GET /leads` shows a page. Per-campaign listings are documented and always show the envelope.
SHAPES: Mapping[str, Callable[[Page, Options], str]] = {
    "paged": _envelope,
    "ignored": _envelope,
    "without_has_more": _without_has_more,
    "bare": _array,
}
PAGING = ("limit", "offset")


class Routes:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options

    def me(self) -> Response:
        """`GET /me`."""
        return reply(me_payload(self._world.credits, self._world.start, self._options))

    def streams(self) -> Response:
        """`GET /streams`: active campaigns."""
        world = self._world
        shown = [
            stream_payload(campaign, world.start)
            for campaign in world.campaigns
            if self._options.archived_in_streams or not campaign.archived
        ]
        return reply({"streams": shown} if self._options.stream_envelope == "named" else shown)

    def stream(self, stream_id: int) -> Response:
        """`GET /streams/{id}`."""
        for campaign in self._world.campaigns:
            if campaign.id == stream_id:
                shown = stream_payload(campaign, self._world.start)
                return reply({"stream": shown} if self._options.stream_envelope == "named" else shown)
        return refuse(STREAM_NOT_FOUND, self._options)

    def segments(self) -> Response:
        """`GET /segments`."""
        return reply(segments_payload(self._world.campaigns, self._world.start))

    def accounts(self) -> Response:
        """`GET /accounts`."""
        return reply(accounts_payload(self._world.campaigns, self._world.start))

    def stream_leads(self, stream_id: int) -> Response:
        """`GET /streams/{id}/leads`, archived campaigns included."""
        if all(campaign.id != stream_id for campaign in self._world.campaigns):
            return refuse(STREAM_NOT_FOUND, self._options)
        return self._list(request.args, _envelope, stream_id)

    def leads(self) -> Response:
        """`GET /leads`, which takes every filter of a campaign's listing and `streamId`."""
        form = self._options.leads_route
        if form == "missing":
            return refuse(NOT_FOUND, self._options)
        if "groupBy" in request.args:
            return refuse(NOT_SIMULATED, self._options)
        given = request.args.to_dict()
        if form == "ignored":
            given = {name: value for name, value in given.items() if name not in PAGING}
        return self._list(given, SHAPES[form])

    def _list(
        self, given: Mapping[str, str], shape: Callable[[Page, Options], str], stream_id: int | None = None
    ) -> Response:
        try:
            query: Query = read_query(given, self._options, stream_id)
        except BadParameterError as error:
            return bad_parameter(str(error), self._options)
        if query.summary:
            return reply(self._world.summary(query))
        # Under the lock, or an export between the two shows a row the query did not select.
        with self._world.lock:
            return json_text(shape(self._world.page(query), self._options))

    def export(self, lead_id: int) -> Response:
        """`POST /leads/{id}/export`; a body is ignored."""
        refusal = self._world.export(lead_id)
        if refusal:
            return refuse(refusal, self._options)
        return Response(status=204) if self._options.export_status == 204 else reply({"ok": True})  # noqa: PLR2004

    def enrich(self, lead_id: int) -> Response:
        """`POST /leads/{id}/enrich`."""
        body: Any = request.get_json(silent=True)
        if not self._options.team:
            return refuse(NO_TEAM, self._options)
        asked = _outputs(body)
        if not asked:
            return refuse(BAD_BODY, self._options)
        answer = self._world.enrich(lead_id, asked, body.get("email_mode", "any"))
        if isinstance(answer, Refusal):
            refused = refuse(answer, self._options)
            if answer is CREDITS_EXHAUSTED and self._options.credits_retry_after:
                refused.headers["Retry-After"] = str(self._options.credits_retry_after)
            return refused
        row, enriched, remaining = answer
        told = {"credits_remaining": remaining} if self._options.credits_told else {}
        return reply(
            {
                "leadId": lead_id,
                "x_profile_id": row.person.x_user_id,
                "result": enriched.result,
                **told,
                "contact_routes": enriched.routes,
            }
        )

    def feedback(self, lead_id: int) -> Response:
        """`POST /leads/{id}/feedback`."""
        judgement = read_feedback(request.get_json(silent=True))
        refusal = judgement if isinstance(judgement, Refusal) else self._world.judge(lead_id, judgement)
        return refuse(refusal, self._options) if refusal else reply({"ok": True})


def _outputs(body: Any) -> list[str]:
    """The outputs a body asks for; none if it is not a body that asks."""
    asked = body.get("requested_outputs") if isinstance(body, dict) else None
    if not isinstance(asked, list) or not all(name in OUTPUTS for name in asked):
        return []
    return asked if body.get("email_mode", "any") in MODES else []
