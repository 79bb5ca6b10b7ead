"""Leads as people in Attio, under a unique attribute that holds the X user id.

Attio's filter is not believed: a record counts only if it shows the value that was asked for. A known record is changed
by PATCH, which adds to lists and removes nothing. A new one is made by Attio's upsert on the key, so a record that the
look-up missed is found after all. Both may be repeated.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from connectors.attio.api import Api
from connectors.attio.options import CODES, DEFAULTS, AttioOptions
from syncd.connector import (
    Change,
    Connector,
    Context,
    Delivered,
    Delivery,
    Failure,
    Field,
    Finding,
    Halt,
    Outcome,
    Pause,
    Reject,
    Retry,
)
from syncd.http.kit import clean

EMAIL = "email_addresses"
"""The one attribute of ours that is a list. Attio lets one person hold an address."""
_NUMBERS = {"ctgo_follower_count"}


class AttioConnector(Connector):
    """See the module. One call of `deliver` finds and writes each lead by itself."""

    Options: ClassVar[type[BaseModel]] = AttioOptions
    codes: ClassVar[Mapping[str, str]] = CODES
    defaults: ClassVar[Mapping[str, str | Field]] = DEFAULTS
    objects: ClassVar[Literal["people", "leads"]] = "people"
    resend_safe = True
    batch_size = 1

    def __init__(self, options: AttioOptions, context: Context) -> None:
        """Open nothing yet."""
        super().__init__(options, context)
        self._key = options.key_attribute
        self._slugs = list(dict.fromkeys([self._key, *context.fields]))
        self._api = Api(options, context)

    def check(self) -> Sequence[Finding]:
        """Check the token and the attributes; write nothing."""
        try:
            there = _listed(self._api)
            if missing := [slug for slug in self._slugs if slug not in there]:
                detail = f"people have no attribute {', '.join(missing)}"
                return [Finding("error", "attio_setup_missing", detail)]
            if not _identifies(there[self._key]):
                detail = f"the attribute {self._key} is not a unique text"
                return [Finding("error", "attio_key_not_unique", detail)]
            self._api.find({self._key: {"$eq": "0"}})
        except Failure as why:
            return [Finding("error", why.code, why.detail)]
        return [Finding("ok", "attio_ready", "the token is accepted, and the attributes are there")]

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """List the missing attributes; make them if `apply`. Raises Pause or Halt."""
        there, key = _listed(self._api), self._key
        changes = [
            _made(self._api, slug, unique=slug == key, apply=apply)
            for slug in self._slugs
            if slug not in there
        ]
        if key in there and not _identifies(there[key]):
            by_hand = CODES["attio_key_not_unique"]
            changes.append(Change(f"unique attribute {key}", done=False, by_hand=by_hand))
        return changes

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each lead. Raises Pause or Halt as `codes` lists."""
        outcomes: list[Outcome] = []
        for delivery in batch:
            try:
                outcomes.append(_send(self._api, self._key, self.context, delivery))
            except (Reject, Retry) as why:
                outcomes.append(why)
        return outcomes

    def close(self) -> None:
        """Close the connection."""
        self._api.close()


def _made(api: Api, slug: str, *, unique: bool, apply: bool) -> Change:
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


def _send(api: Api, key: str, context: Context, delivery: Delivery) -> Delivered:
    """Write one lead. Raises the failure if it is not written."""
    fields = {n: clean(value) if isinstance(value, str) else value for n, value in delivery.fields.items()}
    email = str(fields.get(EMAIL, ""))
    record, taken = _known(api, key, delivery, email.lower())
    if taken:
        context.log.info("email_left_out", connector=context.name, delivery=delivery.id)
    values = {
        slug: value for slug, value in fields.items() if slug != EMAIL and _writes(slug, context, record)
    }
    if email and not taken and _writes(EMAIL, context, record):
        values[EMAIL] = [email]
    values[key] = delivery.person
    known = _id(record)
    path = f"/records/{known}" if known else f"/records?matching_attribute={key}"
    written = api.call("PATCH" if known else "PUT", path, {"data": {"values": values}})
    if not _id(written) or delivery.person not in _texts(written, key):
        raise Pause("attio_unexpected_answer", "Attio does not show what was written", unexplained=True)
    return Delivered(_id(written), created=not known)


def _known(api: Api, key: str, delivery: Delivery, email: str) -> tuple[Any, bool]:
    """Find the person's record; tell if another record holds the address.

    It bears the key; or it bears none, and is the one of an earlier lead, or holds the address.
    """
    either: dict[str, object] = {key: {"$eq": delivery.person}}
    if delivery.remote_id:
        either["record_id"] = {"$eq": delivery.remote_id}
    if email:
        either[EMAIL] = {"email_address": {"$eq": email}}
    found = api.find(either)
    mine = [record for record in found if delivery.person in _texts(record, key)]
    if len(mine) > 1:
        raise Reject("attio_ambiguous", f"{len(mine)} records hold the X user id")
    free = [record for record in found if _id(record) and not _texts(record, key)]
    earlier = [record for record in free if _id(record) == delivery.remote_id]
    holders = [record for record in found if email and email in _texts(record, EMAIL)]
    record = next(iter([*mine, *earlier, *(one for one in holders if one in free)]), None)
    return record, any(holder is not record for holder in holders)


def _writes(slug: str, context: Context, record: Any) -> bool:
    field = context.fields.get(slug)
    if record is None or field is None or field.policy == "always":
        return True
    return field.policy == "if_empty" and not _cells(record, slug)


def _cells(record: Any, slug: str) -> list[Any]:
    values = record.get("values") if isinstance(record, dict) else None
    cells = values.get(slug) if isinstance(values, dict) else None
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _texts(record: Any, slug: str) -> list[str]:
    """Return the texts of an attribute, or its addresses in small letters."""
    texts = [
        cell.get("value") or str(cell.get("email_address") or "").lower() for cell in _cells(record, slug)
    ]
    return [str(text) for text in texts if text]


def _id(record: Any) -> str:
    """Return a record's id, or an empty text."""
    ids = record.get("id") if isinstance(record, dict) else None
    return str(ids.get("record_id") or "") if isinstance(ids, dict) else ""
