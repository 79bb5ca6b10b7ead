"""The functions behind the endpoints. A function has the name of its endpoint, and returns JSON values or a response.

The table of endpoints describes each. Lists of runs and look-ups show the newest first. A body that no schema describes is
ignored. The caller holds the world's lock, has let everything due happen, and sends the answer.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Response, g, request

from syncd.simulator import refusals
from syncd.simulator.api.messages import body, json_text, query
from syncd.simulator.campaigns.accounts import account_payload, me_payload
from syncd.simulator.campaigns.models import Account
from syncd.simulator.campaigns.runs import Run
from syncd.simulator.campaigns.segments import described, segment_payload
from syncd.simulator.instants import parsed
from syncd.simulator.leads.enrichment import OUTPUTS, Kind, enriched_payload
from syncd.simulator.leads.feedback import judgement_of
from syncd.simulator.leads.listing import Page, Query
from syncd.simulator.leads.row import Row, dumps
from syncd.simulator.options import Options
from syncd.simulator.refusals import RefusedError
from syncd.simulator.world import World

PAGING = ("limit", "offset")


# The user and the tracked accounts.


def me(world: World) -> Any:
    return me_payload(world.accounts, world.credits, world.options, world.instant)


def accounts(world: World) -> Any:
    shown: dict[bool, list[Any]] = {False: [], True: []}
    for account in world.accounts.all:
        shown[account.asleep].append(_account(world, account))
    return {"active": shown[False], "sleeping": shown[True]}


def sleep_account(world: World, account_id: int) -> Any:
    world.accounts.sleep(account_id)
    world.refresh_pairs()
    return {"success": True, "accountId": account_id, "asleep": True}


def wake_account(world: World, account_id: int) -> Any:
    world.accounts.wake(account_id)
    world.refresh_pairs()
    return {"success": True, "accountId": account_id, "awake": True}


def change_tier(world: World, account_id: int) -> Any:
    account, action = world.accounts.change_tier(account_id, body()["newTier"], world.instant)
    shown = _account(world, account)
    answer = {"account": shown, "action": action}
    effective = shown["pendingTierEffectiveAt"]
    return {**answer, "effectiveAt": effective} if effective else answer


def _account(world: World, account: Account) -> dict[str, Any]:
    segments = {pair.segment_id for pair in world.streams.linked() if pair.account_id == account.id}
    return account_payload(account, segments, world.options)


# Campaigns, runs and segments.


def streams(world: World) -> Any:
    shown = [world.streams.payload(campaign) for campaign in world.streams.listed()]
    return {"streams": shown} if world.options.stream_envelope == "named" else shown


def stream(world: World, stream_id: int) -> Any:
    shown = world.streams.payload(world.streams.get(stream_id))
    return {"stream": shown} if world.options.stream_envelope == "named" else shown


def create_stream(world: World) -> Any:
    answer = world.streams.create(body(), world.instant)
    world.refresh_pairs()
    return answer


def update_stream(world: World, stream_id: int) -> Any:
    answer = world.streams.update(stream_id, body(), world.instant)
    world.refresh_pairs()
    return answer


def archive_stream(world: World, stream_id: int) -> Any:
    world.streams.archive(stream_id)
    world.refresh_pairs()
    return {"archived": True}


def run_stream(world: World, stream_id: int) -> Any:
    return world.runs.run(stream_id, world.instant)


def retest_stream(world: World, stream_id: int) -> Any:
    wanted = body()
    return world.runs.retest(stream_id, wanted.get("accountId"), wanted.get("segmentId"), world.instant)


def stream_runs(world: World, stream_id: int) -> Any:
    return _runs(world, world.runs.of_stream(stream_id))


def stream_run(world: World, stream_id: int, run_id: int) -> Any:
    return {"run": world.runs.one(stream_id, run_id).payload(world.instant, world.options.times)}


def runs(world: World) -> Any:
    return _runs(world, world.runs.all())


def _runs(world: World, found: Sequence[Run]) -> Any:
    limit = query(world.options)["limit"]
    return {"runs": [run.payload(world.instant, world.options.times) for run in found[:limit]]}


def segments(world: World) -> Any:
    without = query(world.options)["excludeArchived"]
    used = {(pair.stream_id, pair.segment_id) for pair in world.streams.linked()}
    linked = Counter(segment_id for _, segment_id in used)
    shown = [one for one in world.segments.all if not (one.archived and without)]
    return {"segments": [segment_payload(one, linked[one.id], world.options) for one in shown]}


def create_segment(world: World) -> Any:
    segment = world.segments.keep(world.segments.draft(body(), world.instant))
    return {"id": segment.id, "userFacingId": f"seg_{segment.id}"}


# Leads.


def _array(rows: Sequence[Row], options: Options) -> str:
    return "[" + ",".join(row.text(options) for row in rows) + "]"


def _envelope(page: Page, options: Options) -> str:
    return f'{{"leads":{_array(page.rows, options)},"total":{page.total},"hasMore":{dumps(page.has_more)}}}'


# The shapes of `GET /leads`. The listing of one campaign is documented and always has the envelope.
SHAPES: Mapping[str, Callable[[Page, Options], str]] = {
    "paged": _envelope,
    "ignored": _envelope,
    "without_has_more": lambda page, options: (
        f'{{"leads":{_array(page.rows, options)},"total":{page.total}}}'
    ),
    "bare": lambda page, options: _array(page.rows, options),
}


def stream_leads(world: World, stream_id: int) -> Any:
    world.streams.get(stream_id)  # archived campaigns included
    return _leads(world, {**query(world.options), "streamId": stream_id}, _envelope)


def leads(world: World) -> Any:
    form = world.options.leads_route
    if form == "missing":
        raise RefusedError(refusals.NOT_FOUND)
    if "groupBy" in request.args and world.options.grouped == "refused":
        raise RefusedError(refusals.GROUPING_UNKNOWN)
    return _leads(world, query(world.options, PAGING if form == "ignored" else ()), SHAPES[form])


def _leads(world: World, found: Mapping[str, Any], shape: Callable[[Page, Options], str]) -> Any:
    since = found["since"]
    wanted = Query(
        stream_id=found["streamId"],
        lifecycle=found["lifecycle"],
        confidence=found["matchConfidence"],
        account_id=found["accountId"],
        segment_id=found["segmentId"],
        since=None if since is None else parsed(since),
        limit=found["limit"],
        offset=found["offset"],
    )
    if found.get("groupBy"):
        return _grouped(world, wanted, summary=found["summary"])
    if found["summary"]:
        return world.listing.summary(wanted)
    return json_text(shape(world.listing.page(wanted), world.options))


def _grouped(world: World, wanted: Query, *, summary: bool) -> Any:
    """Group a page or a summary by campaign. The vendor does not document the form, so a switch picks it."""
    names = {campaign.id: campaign.name for campaign in world.campaigns}
    if summary:
        asked = [wanted.stream_id] if wanted.stream_id is not None else list(names)
        counts = {one: world.listing.summary(replace(wanted, stream_id=one)) for one in asked}
        return {"groups": [{"streamId": one, "streamName": names.get(one), **counts[one]} for one in asked]}
    page = world.listing.page(wanted)
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    for row in page.rows:
        rows[row.stream_id].append(row)
    arrays = {stream_id: _array(found, world.options) for stream_id, found in rows.items()}
    if world.options.grouped == "map":
        text = "{" + ",".join(f'"{one}":{array}' for one, array in arrays.items()) + "}"
    else:
        shown = [
            f'{{"streamId":{one},"streamName":{dumps(names.get(one))},"leads":{array}}}'
            for one, array in arrays.items()
        ]
        text = "[" + ",".join(shown) + "]"
    return json_text(f'{{"groups":{text},"total":{page.total},"hasMore":{dumps(page.has_more)}}}')


def export(world: World, lead_id: int) -> Any:
    world.export(lead_id)
    return Response(status=204) if world.options.export_status == 204 else {"ok": True}  # noqa: PLR2004


def feedback(world: World, lead_id: int) -> Any:
    judgement = judgement_of(body())
    if not world.leads.known(lead_id):
        raise RefusedError(refusals.FEEDBACK_LEAD_NOT_FOUND)
    world.segments.get(judgement.segment_id)
    world.feedback.store(lead_id, judgement, world.instant)
    return {"ok": True}


# Enrichment and look-ups.


def enrich(world: World, lead_id: int) -> Any:
    _require_team(world)
    wanted = body()
    rows = world.leads.known(lead_id)
    if not rows:
        raise RefusedError(refusals.ENRICH_LEAD_NOT_FOUND)
    mode = wanted.get("email_mode", "any")
    found = world.lookups.enrich(rows[0].person, wanted["requested_outputs"], mode, lead_id)
    return {"leadId": lead_id, **enriched_payload(found, world.credits, world.options)}


def lookup(world: World) -> Any:
    return _lookup(world, OUTPUTS, "linkedin")


def lookup_email(world: World) -> Any:
    return _lookup(world, ("email",), "email")


def _lookup(world: World, outputs: Collection[str], kind: Kind) -> Any:
    _require_team(world)
    wanted = body()
    if kind == "linkedin":
        outputs = wanted.get("requested_outputs", outputs)
    handle = world.handles.resolve(wanted["handle"])
    person = world.leads.of_handle(handle) or world.lookups.stranger(handle)
    found = world.lookups.enrich(person, outputs, wanted.get("email_mode", "any"), handle.lower())
    world.lookups.note(kind, handle, found, world.instant)
    return enriched_payload(found, world.credits, world.options)


def _require_team(world: World) -> None:
    if not world.options.team:
        raise RefusedError(refusals.NO_TEAM)


def lookup_history(world: World) -> Any:
    return {"history": world.lookups.history("linkedin", query(world.options)["limit"])}


def lookup_email_history(world: World) -> Any:
    return {"history": world.lookups.history("email", query(world.options)["limit"])}


def lookup_segment(world: World) -> Any:
    proposed = described(body()["description"])
    if world.options.segment_from_text == "created":
        segment = world.segments.keep(world.segments.draft(proposed, world.instant))
        proposed = {"id": segment.id, "userFacingId": f"seg_{segment.id}", **proposed}
    return {"segment": proposed}


def revoke_key(world: World, key_id: int) -> Any:
    # A key can revoke only itself, by its id.
    key = g.logged.key
    if world.gateway.key_id(key) != key_id:
        raise RefusedError(refusals.API_KEY_NOT_FOUND)
    world.revoke(key)
    return {"revoked": True}


# Message templates, notification settings and webhooks.


def templates(world: World) -> Any:
    return {"templates": world.preferences.templates()}


def create_template(world: World) -> Any:
    return {"template": world.preferences.create(body(), world.instant)}


def template(world: World, template_id: int) -> Any:
    return {"template": world.preferences.template(template_id)}


def update_template(world: World, template_id: int) -> Any:
    return {"template": world.preferences.change(template_id, body(), world.instant)}


def delete_template(world: World, template_id: int) -> Any:
    world.preferences.delete(template_id)
    return {"deleted": True}


def notification_settings(world: World) -> Any:
    return world.preferences.settings


def update_notification_settings(world: World) -> Any:
    return world.preferences.notify(body())


def subscribe(world: World) -> Any:
    wanted = body()
    return {"id": world.subscriptions.subscribe(wanted["targetUrl"], wanted.get("filterConfig") or {})}


def unsubscribe(world: World) -> Any:
    if not world.subscriptions.unsubscribe(body()["id"]):
        raise RefusedError(refusals.SUBSCRIPTION_NOT_FOUND)
    return {"ok": True}
