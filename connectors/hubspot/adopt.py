"""Contacts that another tool made and that bear no key of ours yet: looked for by handle or LinkedIn URL.

Neither is unique in HubSpot, so two contacts with the same one are left alone. The search index lags behind
writes, so this never takes the place of the unique properties; it only spares a second contact beside an old one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.identity import Aim, Contact
from connectors.hubspot.options import KEY

_MOST_VALUES = 100
"""Values of one IN."""
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,50}")
_LINKEDIN = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(in|pub)/([^/?#\s]+)", re.IGNORECASE)


def asked(aims: Sequence[Aim], by: str, wanted: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The bodies of the searches by one property, `_MOST_VALUES` values each."""
    values = sorted({form for aim in aims for form in _forms(by, _own(aim, by))})
    for begin in range(0, len(values), _MOST_VALUES):
        filters = [
            {"propertyName": by, "operator": "IN", "values": values[begin : begin + _MOST_VALUES]},
            {"propertyName": KEY, "operator": "NOT_HAS_PROPERTY"},
        ]
        properties = list(dict.fromkeys((*wanted, by)))
        yield {"filterGroups": [{"filters": filters}], "properties": properties, "limit": 200}


def adopted(aims: Sequence[Aim], by: str, found: Sequence[Contact]) -> dict[int, Contact]:
    """Which of the contacts is whose, by place: only where there is exactly one, and one row for it."""
    by_name: dict[str, list[Contact]] = defaultdict(list)
    for contact in found:
        name = normal(by, contact.has(by))
        if name and not contact.has(KEY):
            by_name[name].append(contact)
    rows: dict[str, list[int]] = defaultdict(list)
    for aim in aims:
        rows[normal(by, _own(aim, by))].append(aim.row.place)
    return {
        places[0]: by_name[name][0]
        for name, places in rows.items()
        if len(places) == 1 and len(by_name.get(name, ())) == 1
    }


def normal(by: str, value: str) -> str:
    """What is equal for equal people, whatever form it was typed in; empty if it is neither handle nor profile."""
    value = value.strip()
    if by == "hs_linkedin_url":
        match = _LINKEDIN.match(value)
        return f"{match[1]}/{match[2]}".lower() if match else ""
    handle = re.sub(r"^(?:https?://)?(?:www\.|mobile\.)?(?:twitter|x)\.com/", "", value, flags=re.IGNORECASE)
    handle = handle.removeprefix("@").rstrip("/")
    return handle.lower() if _HANDLE.fullmatch(handle) else ""


def _own(aim: Aim, by: str) -> str:
    if by == "hs_linkedin_url":
        return str(aim.row.delivery.fields.get(by, ""))
    return aim.row.delivery.lead.profile.handle or ""


def _forms(by: str, value: str) -> list[str]:
    """The ways in which people type it, in lower case, as IN compares."""
    name = normal(by, value)
    if not name:
        return []
    if by == "hs_linkedin_url":
        urls = [
            f"{start}linkedin.com/{name}" for start in ("https://www.", "https://", "http://www.", "www.", "")
        ]
        return [form for url in urls for form in (url, f"{url}/")]
    return [name, f"@{name}", f"https://twitter.com/{name}", f"https://x.com/{name}"]
