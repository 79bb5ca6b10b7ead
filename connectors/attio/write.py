"""One lead into Attio: look for the person, then change the record or make it.

Attio's filter is not believed: a record counts only if it shows the value that was asked for. A known record is changed
by PATCH, which adds to lists and removes nothing. A new one is made by Attio's upsert on the key, so a record that the
look-up missed is found after all. Both may be repeated.
"""

from typing import Any

from connectors.attio.api import Api
from connectors.attio.errors import Answer, failure
from syncd.connector import Context, Delivered, Delivery, Reject

EMAIL = "email_addresses"
"""The one attribute of ours that is a list. Attio lets one person hold an address."""


def send(api: Api, key: str, context: Context, delivery: Delivery) -> Delivered:
    """Write one lead. Raises the failure if it is not written."""
    fields = {slug: _clean(value) for slug, value in delivery.fields.items()}
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
        raise failure(Answer(200), 0.0)  # it confirms nothing
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


def _clean(value: Any) -> Any:
    """Return a text without NUL and half characters."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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
