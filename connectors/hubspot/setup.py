"""The schema that the portal needs: the property group `ctgo`, and the properties that the mapping writes.

`check` and `setup` look at the same lists; only `setup` makes anything, and only what is missing. A property's
uniqueness cannot be changed once it exists, so a wrong key property is a person's work.

Source: https://developers.hubspot.com/docs/api-reference/latest/crm/properties/create-property
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from connectors.hubspot import statuses
from connectors.hubspot.api import PATHS, Api
from connectors.hubspot.errors import Answer, Json
from connectors.hubspot.identity import Plan
from connectors.hubspot.options import KEY, OPTIONAL
from syncd.connector import Change, Failure, Finding, Halt, Watched

GROUP = "ctgo"
_OURS = "ctgo_"


class _Kind(NamedTuple):
    """HubSpot's type and the form field that goes with it: the pair is checked there."""

    type: str
    field: str


_TEXT, _LONG = _Kind("string", "text"), _Kind("string", "textarea")
_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "ctgo_bio": _LONG,
        "ctgo_follower_count": _Kind("number", "number"),
        "ctgo_first_seen": _Kind("datetime", "date"),
        "ctgo_synced_at": _Kind("datetime", "date"),
    }
)
_LABELS: Mapping[str, str] = MappingProxyType(
    {KEY: "CTGO X user id", "ctgo_x_url": "CTGO X URL", "ctgo_ref": "CTGO lead reference"}
)


class _Portal(NamedTuple):
    """The schema that is there. `properties`: their definitions by name."""

    properties: Mapping[str, Json]
    groups: frozenset[str]


def setup(api: Api, plan: Plan, *, apply: bool) -> list[Change]:
    """List what is missing and, with `apply`, make it. Raises Pause or Halt."""
    portal = _Portal(_listed(api, PATHS.properties), frozenset(_listed(api, f"{PATHS.properties}/groups")))
    changes: list[Change] = []
    missing = [name for name in _needed(plan) if name not in portal.properties]
    if GROUP not in portal.groups and any(name.startswith(_OURS) for name in missing):
        body = {"name": GROUP, "label": "Catch The Good Ones", "displayOrder": -1}
        changes.append(_made(api, f"property group {GROUP}", "/groups", body, apply=apply))
    for name in missing:
        if name.startswith(_OURS):
            changes.append(_made(api, f"contact property {name}", "", definition(name), apply=apply))
        elif name not in OPTIONAL:
            by_hand = f"Make the contact property {name} in HubSpot, or take it out of `fields`."
            changes.append(Change(f"contact property {name}", done=False, by_hand=by_hand))
    if wrong := _wrong_key(portal.properties):
        changes.append(Change(f"contact property {KEY}", done=False, by_hand=wrong))
    return changes


def definition(name: str) -> dict[str, Any]:
    """The property as it is made."""
    kind = _KINDS.get(name, _TEXT)
    label = _LABELS.get(name) or "CTGO " + name.removeprefix(_OURS).replace("_", " ")
    body = {"name": name, "label": label, "groupName": GROUP, "type": kind.type, "fieldType": kind.field}
    return {**body, "hasUniqueValue": True} if name == KEY else body


def check(api: Api, plan: Plan, adopt: Sequence[str], watched: Watched | None = None) -> list[Finding]:
    """Check that the token is good and has both scopes, and that every property is there. This writes nothing."""
    try:
        properties = _listed(api, PATHS.properties)
        found = [*_access(api), *_of_properties(properties, plan, adopt)]
        found += statuses.findings(watched, properties) if watched else []
    except Failure as why:
        return [_failed(why)]
    portal = f" (portal_id {api.portal})" if api.portal else ""
    detail = f"the token is good{portal}, and {len(_needed(plan))} properties are there"
    return found or [Finding("ok", "hubspot_ready", detail)]


def _access(api: Api) -> Iterator[Finding]:
    """Check that the token may read and write contacts: ask it to do either with nothing."""
    reading = {"inputs": [{"id": "1"}], "properties": [KEY]}
    for what, body in (("batch/read", reading), ("batch/upsert", {"inputs": []})):
        try:
            api.contacts(what, body)  # a 400 for nothing to do is as good: the scopes were looked at first
        except Failure as why:
            yield _failed(why)


def _of_properties(properties: Mapping[str, Json], plan: Plan, adopt: Sequence[str]) -> Iterator[Finding]:
    needed = _needed(plan)
    missing = [name for name in dict.fromkeys((*needed, *adopt)) if name not in properties]
    ours = [name for name in missing if name.startswith(_OURS)]
    other = [name for name in missing if name not in ours and (name not in OPTIONAL or name in adopt)]
    if ours:
        yield _error("hubspot_setup_needed", f"contact properties are missing: {', '.join(ours)}")
    if other:
        yield _error("hubspot_property_missing", f"contact properties are missing: {', '.join(other)}")
    for name in missing:
        if name in OPTIONAL and name not in adopt:
            detail = f"this portal has no contact property {name}"
            yield Finding("warning", "hubspot_property_optional", detail)
    if wrong := _wrong_key(properties):
        yield Finding("error", "hubspot_key_not_unique", wrong)
    for name in needed:
        if name in properties:
            yield from _of_one(name, properties[name], plan)


def _of_one(name: str, found: Json, plan: Plan) -> Iterator[Finding]:
    metadata = found.get("modificationMetadata")
    fixed = isinstance(metadata, Mapping) and metadata.get("readOnlyValue") is True
    if fixed or found.get("calculated") is True:
        yield _error("hubspot_property_read_only", f"contact property {name} is read-only")
    options = found.get("options")
    if name in plan.constants and found.get("type") == "enumeration" and isinstance(options, list):
        known = [str(each.get("value")) for each in options if isinstance(each, Mapping)]
        value = plan.fields[name].value
        if value not in known:
            detail = f"contact property {name} has no option {value!r}, only: {', '.join(known)[:300]}"
            yield _error("hubspot_option_unknown", detail)


def _wrong_key(properties: Mapping[str, Json]) -> str:
    """Say what is wrong with the key property that is there; empty if nothing is."""
    found = properties.get(KEY)
    if found is None or (found.get("hasUniqueValue") is True and found.get("type") == "string"):
        return ""
    return f"{KEY} exists and is no text with unique values: delete it in HubSpot, for that cannot be changed, and run syncd setup --apply."


def _needed(plan: Plan) -> list[str]:
    return list(dict.fromkeys((KEY, *plan.fields)))


def _listed(api: Api, path: str) -> dict[str, Json]:
    """The `results` of a list, by name. Raises Pause or Halt."""
    answer = api.call("GET", path)
    results = answer.body.get("results")
    if not answer.fine or not isinstance(results, list):
        raise Halt("hubspot_bad_answer", f"HubSpot does not list its properties ({answer.status})")
    return {str(each.get("name")): each for each in results if isinstance(each, Mapping)}


def _made(api: Api, what: str, path: str, body: Mapping[str, Any], *, apply: bool) -> Change:
    """Make it if asked to; another who made it meanwhile is as good."""
    if not apply:
        return Change(what, done=False)
    try:
        answer: Answer = api.call("POST", PATHS.properties + path, body)
    except Halt as why:
        if why.code not in {"hubspot_scopes_missing", "hubspot_forbidden"}:
            raise
        return Change(what, done=False, by_hand=_clicks(body))
    there = answer.status == HTTPStatus.CONFLICT and body["name"] in _listed(api, PATHS.properties + path)
    if answer.fine or there:
        return Change(what, done=True)
    hint = (
        "an archived one may hold the name"
        if answer.status == HTTPStatus.CONFLICT
        else f"HubSpot answered {answer.status}"
    )
    return Change(what, done=False, by_hand=f"Make or restore it in HubSpot: {hint}.")


def _clicks(body: Mapping[str, Any]) -> str:
    """Tell a person how to make it, and what would let syncd."""
    what = f"a group {body['name']}"
    if "type" in body:
        unique = ", with unique values" if body.get("hasUniqueValue") else ""
        what = (
            f"a property with the internal name {body['name']}, {body['type']} ({body['fieldType']}){unique}"
        )
    return f"In HubSpot, Settings, Properties, Contact properties: make {what}. Or give the token crm.schemas.contacts.write."


def _error(code: str, detail: str) -> Finding:
    return Finding("error", code, detail)


def _failed(why: Failure) -> Finding:
    return Finding("error", why.code, why.detail)
