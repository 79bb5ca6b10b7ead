"""The statuses of contacts: a search by the time of their change, a page at a time.

HubSpot's search gives no more than 10,000 results of one query, pages by offset while contacts move, and lags behind writes
by seconds up to half a minute. So every page is a query of its own that begins where the last one ended, sorted by
`lastmodifieddate`: no query is ever that long, and nothing that moves is passed over. Where one instant holds more contacts
than a page (an import), that instant is walked by `hs_object_id`. The last page leaves a cursor that is five minutes old by
HubSpot's own clock, so that what the index shows late is seen the next time; what is seen twice is no news to the engine.

Source: https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from connectors.hubspot.api import Api
from connectors.hubspot.errors import Json
from connectors.hubspot.options import KEY
from syncd.connector import Finding, Halt, Pause, Status, Statuses, Watched
from syncd.http.answer import http_date

PAGE = 200
"""HubSpot's most."""
OVERLAP = 300_000
"""Milliseconds: ten times what the index is said to lag at the most."""
MODIFIED, ID = "lastmodifieddate", "hs_object_id"


class Place(NamedTuple):
    """The beginning of a page: contacts changed at this millisecond (0: ever) or later; `after`: of that very one, by id."""

    at: int = 0
    after: int | None = None

    @property
    def text(self) -> str:
        """As a cursor."""
        return f"{self.at}" if self.after is None else f"{self.at}/{self.after}"


class Found(NamedTuple):
    """A contact of a page, read."""

    id: int
    at: int
    status: Status


def place_of(cursor: str) -> Place:
    """The place of a cursor; one that was not made here is the beginning."""
    found = re.fullmatch(r"(\d{1,16})(?:/(\d{1,20}))?", cursor)
    return Place(int(found[1]), int(found[2]) if found[2] else None) if found else Place()


def body_of(watched: Watched, place: Place) -> dict[str, Any]:
    """The search for a page."""
    filters: list[dict[str, str]] = [
        {"propertyName": watched.property, "operator": "HAS_PROPERTY"},
        {"propertyName": KEY, "operator": "HAS_PROPERTY"},
    ]
    if place.after is not None:
        filters.append({"propertyName": MODIFIED, "operator": "EQ", "value": str(place.at)})
        filters.append({"propertyName": ID, "operator": "GT", "value": str(place.after)})
    elif place.at:
        filters.append({"propertyName": MODIFIED, "operator": "GTE", "value": str(place.at)})
    by = MODIFIED if place.after is None else ID
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": by, "direction": "ASCENDING"}],
        "properties": [watched.property, KEY, MODIFIED],
        "limit": PAGE,
    }


def statuses_since(api: Api, watched: Watched, cursor: str) -> Statuses:
    """One page. Raises Pause or Halt."""
    place = place_of(cursor)
    answer = api.contacts("search", body_of(watched, place))
    if not answer.fine:
        detail = f"HubSpot refuses to search contacts by {watched.property} ({answer.status})"
        raise Halt("hubspot_feedback_refused", detail)
    found, server = _read(answer.body, watched), http_date(answer.headers)
    if len(found) >= PAGE and place.after is None and found != sorted(found, key=lambda it: it.at):
        raise _garbled()  # what a page leaves out would be passed over
    following = next_place(place, found, None if server is None else round(server * 1000))
    more = len(found) >= PAGE or place.after is not None
    return Statuses([it.status for it in found], following.text, more=more and following != place)


def next_place(place: Place, found: Sequence[Found], server: int | None) -> Place:
    """Return the beginning of the next page. `server`: the time there, in milliseconds; None: not told."""
    if place.after is not None:  # a walk through one instant
        return Place(place.at, max(it.id for it in found)) if len(found) >= PAGE else Place(place.at + 1)
    if not found and server is None:
        return place
    last = max((it.at for it in found), default=place.at)
    if len(found) >= PAGE:
        return Place(last) if last > place.at else Place(place.at, 0)
    # Back behind where the last pages began, if need be: they are seen again, and what came late between them is seen
    return Place(max(0, last - OVERLAP if server is None else min(last, server - OVERLAP)))


def _read(body: Json, watched: Watched) -> list[Found]:
    results = body.get("results")
    if not isinstance(results, list):
        raise _garbled()
    return [_contact(each, watched.property) for each in results]


def _contact(each: object, name: str) -> Found:
    properties = each.get("properties") if isinstance(each, Mapping) else None
    id_ = each.get("id") if isinstance(each, Mapping) else None
    if not isinstance(properties, Mapping) or not re.fullmatch(r"\d{1,20}", str(id_)):
        raise _garbled()
    at = _milliseconds(properties.get(MODIFIED))
    value, person = (str(properties.get(key) or "") for key in (name, KEY))
    return Found(int(str(id_)), at, Status(value, at / 1000, person, str(id_)))


def _milliseconds(text: object) -> int:
    """Of an instant as HubSpot writes it: ISO 8601, or a number."""
    instant = str(text or "")
    if re.fullmatch(r"\d{1,16}", instant):
        return int(instant)
    try:
        return round(datetime.fromisoformat(instant).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise _garbled() from None


def _garbled() -> Pause:
    detail = "HubSpot's answer to a search is not what its API promises"
    return Pause("hubspot_bad_answer", detail, unexplained=True)


def findings(watched: Watched, properties: Mapping[str, Json]) -> list[Finding]:
    """Check that the watched property is there, and that its options are the ones that were meant."""
    found = properties.get(watched.property)
    if found is None:
        detail = f"there is no contact property {watched.property}"
        return [Finding("error", "hubspot_feedback_refused", detail)]
    options = found.get("options")
    if found.get("type") != "enumeration" or not isinstance(options, list):
        return []
    known = [str(each.get("value")) for each in options if isinstance(each, Mapping)]
    plain = {value.strip().casefold() for value in known}
    strange = sorted(value for value in watched.values if value.strip().casefold() not in plain)
    detail = f"{watched.property} has no option {json.dumps(strange)[1:-1]}, only: {', '.join(known)[:300]}"
    return [Finding("warning", "hubspot_feedback_value", detail)] if strange else []
