"""The attributes of people that must exist before the first lead: `check` looks for them, `setup` makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.attio.api import Api
from connectors.attio.errors import CODES
from syncd.connector import Change, Failure, Finding, Halt, Reject, Retry

_NUMBERS = {"ctgo_follower_count"}


def check(api: Api, key: str, slugs: Sequence[str]) -> list[Finding]:
    """Look for what is missing; write nothing."""
    try:
        there = _listed(api)
        if missing := [slug for slug in slugs if slug not in there]:
            return [_error("attio_setup_missing", f"people have no attribute {', '.join(missing)}")]
        if not _identifies(there[key]):
            return [_error("attio_key_not_unique", f"the attribute {key} is not a unique text")]
        api.find({key: {"$eq": "0"}})
    except Failure as why:
        return [_error(why.code, why.detail)]
    return [Finding("ok", "attio_ready", "the token is accepted, and the attributes are there")]


def setup(api: Api, key: str, slugs: Sequence[str], *, apply: bool) -> Sequence[Change]:
    """Make the missing attributes if `apply`. Raises Pause or Halt."""
    there = _listed(api)
    changes = [_made(api, slug, slug == key, apply=apply) for slug in slugs if slug not in there]
    if key in there and not _identifies(there[key]):
        changes.append(Change(f"unique attribute {key}", done=False, by_hand=CODES["attio_key_not_unique"]))
    return changes


def _made(api: Api, slug: str, unique: bool, *, apply: bool) -> Change:  # noqa: FBT001
    form = {
        "title": slug,
        "description": "Written by syncd",
        "api_slug": slug,
        "is_required": False,
        "config": {},
    }
    form |= {"type": "number" if slug in _NUMBERS else "text", "is_unique": unique, "is_multiselect": False}
    what = f"attribute {slug} of people ({'unique ' if unique else ''}{form['type']})"
    if not apply:
        return Change(what, done=False)
    try:
        api.call("POST", "/attributes", {"data": form})
    except (Halt, Reject, Retry) as why:
        return Change(what, done=False, by_hand=f"{why.detail}. In Attio, make it with this API slug.")
    return Change(what, done=True)


def _listed(api: Api) -> Mapping[str, Mapping[str, Any]]:
    found = [one for one in api.call("GET", "/attributes?limit=500", wants=list) if isinstance(one, Mapping)]
    return {str(one.get("api_slug")): one for one in found if not one.get("is_archived")}


def _identifies(attribute: Mapping[str, Any]) -> bool:
    return attribute.get("is_unique") is True and attribute.get("type") == "text"


def _error(code: str, detail: str) -> Finding:
    return Finding("error", code, detail)
