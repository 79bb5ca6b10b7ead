"""The statuses of Leads: a query by the time of their change, a page at a time.

The order is total, by `SystemModstamp` and then by `Id`, and each page begins behind the last record of the one before: what
is changed meanwhile moves to the end and nothing is passed over. A transaction is stamped while it runs and seen when it ends,
which may be ten minutes later; so the last page leaves a cursor that is that old by Salesforce's own clock. What is seen twice is
no news to the engine. A page is one call of the org's daily allocation.

Source: Salesforce's SOQL reference, "Date formats and date literals", and its object reference, "System fields".
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.salesforce.lead_fields import Schema
from syncd.connector import Finding, Halt, Pause, Refused, Status, Statuses, Watched

if TYPE_CHECKING:
    from connectors.salesforce.api import Wire

PAGE = 500
"""Records: a page of them is far below what Salesforce gives at once."""
OVERLAP = timedelta(minutes=10)
"""As long as a call may last in Salesforce."""
MODIFIED = "SystemModstamp"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)(?:/([A-Za-z0-9]{15,18}))?")


class Place(NamedTuple):
    """The beginning of a page: an instant, as SOQL writes it (empty: ever), behind the record of that id if there is one."""

    at: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """As a cursor."""
        return f"{self.at}/{self.after}" if self.after else self.at


def place_of(cursor: str) -> Place:
    """The place of a cursor; one that was not made here is the beginning."""
    found = _CURSOR.fullmatch(cursor)
    return Place(found[1], found[2] or "") if found and _is_instant(found[1]) else Place()


def _is_instant(text: str) -> bool:
    try:
        return _parsed(text) >= _EVER
    except (ValueError, OverflowError):  # the latter for a zone that leads out of the calendar
        return False


def query(name: str, key: str, place: Place) -> str:
    """SOQL for a page. `name` and `key` are names of fields."""
    where = f"{key} != null AND {name} != null"
    if place.after:
        behind = f"({MODIFIED} = {place.at} AND Id > '{place.after}')"
        where += f" AND ({MODIFIED} > {place.at} OR {behind})"
    elif place.at:
        where += f" AND {MODIFIED} >= {place.at}"
    fields = ", ".join(dict.fromkeys(("Id", key, name, MODIFIED)))
    return f"SELECT {fields} FROM Lead WHERE {where} ORDER BY {MODIFIED} ASC, Id ASC LIMIT {PAGE}"  # noqa: S608 - names, checked


def statuses_since(wire: "Wire", watched: Watched, key: str, cursor: str) -> Statuses:
    """One page. `key`: the field that holds the person. Raises Pause or Halt."""
    if not _NAME.fullmatch(watched.property):
        raise _halt(f"{watched.property} is no name of a field")
    place = place_of(cursor)
    try:
        records = wire.records(query(watched.property, key, place))
    except Refused as why:
        raise _halt(f"Salesforce cannot query Leads by {watched.property} ({why.detail})") from None
    found = [_read(record, watched.property, key) for record in records]
    if len(found) >= PAGE:
        last, moment = found[-1], _moment(records[-1])
        return Statuses(found, Place(_soql(moment), last.remote_id).text, more=True)
    moments = [_moment(record) for record in records]
    return Statuses(found, _quiet(place, moments, wire.server_time).text)


def _quiet(place: Place, moments: Sequence[datetime], server: float | None) -> Place:
    """Return the beginning of the next look, when this one has come to the end."""
    if not moments and (not place.at or (server is None and not place.after)):
        return place
    last = max(moments, default=None) or _parsed(place.at)
    late = last - OVERLAP if server is None else min(last, datetime.fromtimestamp(server, UTC) - OVERLAP)
    begun = _parsed(place.at) if place.at else late
    return Place(_soql(late)) if late >= begun or place.after else place


def _read(record: Mapping[str, Any], name: str, key: str) -> Status:
    known = {field.casefold(): value for field, value in record.items()}
    value, person = known.get(name.casefold()), known.get(key.casefold())
    text = json.dumps(value) if isinstance(value, bool | int | float) else str(value or "")
    return Status(text, _moment(record).timestamp(), str(person or ""), str(record["Id"]))


def _moment(record: Mapping[str, Any]) -> datetime:
    text = str(record.get(MODIFIED))
    if not _is_instant(text):
        code = "salesforce_unexpected_answer"
        raise Pause(code, f"a record without {MODIFIED}", unexplained=True)
    return _parsed(text)


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _soql(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def findings(watched: Watched, schema: Schema) -> list[Finding]:
    """Check that the watched field is there, and that its picklist holds the values that were meant."""
    column = schema.get(watched.property)
    if column is None:
        detail = f"Lead has no field {watched.property} that the run-as user sees"
        return [Finding("error", "salesforce_feedback_refused", detail)]
    if column.options is None:
        return []
    plain = {value.strip().casefold() for value in column.options}
    strange = sorted(value for value in watched.values if value.strip().casefold() not in plain)
    known = ", ".join(sorted(column.options))[:300]
    detail = f"{column.name} has no value {json.dumps(strange)[1:-1]}, only: {known}"
    return [Finding("warning", "salesforce_feedback_value", detail)] if strange else []


def _halt(detail: str) -> Halt:
    return Halt("salesforce_feedback_refused", detail)
