"""A made-up HubSpot portal: contacts, property definitions, and the rules that HubSpot enforces on both.

No HTTP here. What is refused is raised as `Refusal`, as HubSpot words it.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

LONGEST = 65_536
STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
STATUSES = "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING"
_TEXTS = "email firstname lastname phone jobtitle company website city twitterhandle hs_linkedin_url"
_EMAIL = re.compile(r"[^@\s;]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_PAIRS = {
    "string": {"text", "textarea", "html", "phonenumber", "file"},
    "number": {"number"},
    "date": {"date"},
    "datetime": {"date"},
    "bool": {"booleancheckbox", "radio", "select"},
    "enumeration": {"select", "radio", "checkbox", "booleancheckbox"},
}

_MERGED = "hs_merged_object_ids"

Properties = dict[str, str]


class Refusal(Exception):  # noqa: N818 - a word, and not an error of the fake's
    """HubSpot's no to a row or a call."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "status": "error",
            "message": message,
            "correlationId": "0-0",
            "category": category,
            **more,
        }


def definition(name: str, type_: str = "string", field: str = "text", **more: Any) -> dict[str, Any]:
    """Define a property."""
    return {
        "name": name,
        "label": name,
        "groupName": "contactinformation",
        "type": type_,
        "fieldType": field,
        "description": "",
        "options": [],
        **more,
    }


def invalid(name: str, error: str, value: str) -> Refusal:
    """Refuse a property's value."""
    problem = {
        "isValid": False,
        "message": f"{value!r} was not valid",
        "error": error,
        "name": name,
        "localizedErrorMessage": f"{value!r} was not valid",
    }
    return Refusal(400, "VALIDATION_ERROR", f"Property values were not valid: {json.dumps([problem])}")


class Portal:
    """See the module. `now`: monotonic seconds, for the search index; `wall`: seconds since the epoch."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self._now, self._wall = now, wall
        self.modified: dict[str, int] = {}
        """When each contact was changed last, in milliseconds."""
        self.groups: dict[str, dict[str, Any]] = {"contactinformation": {"name": "contactinformation"}}
        self.definitions = {name: definition(name) for name in _TEXTS.split()}
        self.definitions["hs_additional_emails"] = definition("hs_additional_emails")
        stages = [{"label": stage, "value": stage} for stage in STAGES]
        self.definitions["lifecyclestage"] = definition(
            "lifecyclestage", "enumeration", "radio", options=stages
        )
        options = [{"label": status.title(), "value": status} for status in STATUSES.split()]
        self.definitions["hs_lead_status"] = definition(
            "hs_lead_status", "enumeration", "radio", options=options
        )
        fixed = {"readOnlyValue": True}
        for name in ("createdate", "lastmodifieddate"):
            self.definitions[name] = definition(name, "datetime", "date", modificationMetadata=fixed)
        self.definitions["hs_object_id"] = definition(
            "hs_object_id", "number", "number", modificationMetadata=fixed
        )
        self.definitions[_MERGED] = definition(_MERGED, "enumeration", "checkbox", modificationMetadata=fixed)
        self.contacts: dict[str, Properties] = {}
        self.merged: dict[str, str] = {}
        self._once_held: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        """By unique property and value, the ids that had it at some time: where it is worth looking."""
        self.history: list[tuple[float, str, Properties | None, int]] = []
        self.lags: Sequence[float] = (1.0,)
        """Shares of the index's lag, one write after the other: what was written later may be seen sooner."""
        self.poisoned: set[str] = set()
        self.locked: dict[str, int] = {}
        """By contact, how often a call that would write it is refused whole; such a lock lasts two seconds, or long."""
        self.longest: dict[str, int] = {}
        """Characters that a property takes, where it is not the most of all."""
        self.names_holder = self.holder_in_message = True
        """A conflict names the other contact; its sentence does so as well as its context."""
        self._next = 101

    # Definitions

    def define(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a property. Raises Refusal."""
        for needed in ("name", "label", "groupName", "type", "fieldType"):
            if not body.get(needed):
                raise Refusal(400, "VALIDATION_ERROR", f"{needed} must be set")
        name = body["name"]
        if name in self.definitions:
            raise Refusal(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
        if body["fieldType"] not in _PAIRS.get(body["type"], ()):
            raise Refusal(400, "VALIDATION_ERROR", "type and fieldType do not go together")
        if body["groupName"] not in self.groups:
            raise Refusal(400, "VALIDATION_ERROR", f"{body['groupName']} is no group")
        if body.get("hasUniqueValue") and len(self.unique()) > 10:
            raise Refusal(400, "VALIDATION_ERROR", "at most 10 unique properties")
        self.definitions[name] = {"description": "", "options": [], **body}
        return self.definitions[name]

    def group(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a group of properties. Raises Refusal."""
        if not body.get("name") or not body.get("label"):
            raise Refusal(400, "VALIDATION_ERROR", "name and label must be set")
        if body["name"] in self.groups:
            raise Refusal(409, "CONFLICT", "there is such a group")
        self.groups[body["name"]] = dict(body)
        return self.groups[body["name"]]

    def unique(self) -> list[str]:
        """List the unique properties."""
        return ["email", *(name for name, each in self.definitions.items() if each.get("hasUniqueValue"))]

    # Contacts

    def holder(self, name: str, value: str) -> str | None:
        """The id of the contact with that unique value."""
        wanted = value.strip().lower() if name == "email" else value
        for id_ in self._once_held.get((name, wanted), ()) if wanted else ():
            if id_ in self.contacts and wanted in _held(name, self.contacts[id_]):
                return id_
        return None

    def touch(self, ids: Iterable[str | None]) -> None:
        """Raises Refusal if one of the contacts that a call would write is locked."""
        for id_ in ids:
            if id_ is not None and self.locked.get(id_, 0) > 0:
                self.locked[id_] -= 1
                raise Refusal(423, "", "The resource is locked.")

    def found(self, id_: str) -> str | None:
        """The id under which a record id is read, merges followed."""
        while id_ in self.merged:
            id_ = self.merged[id_]
        return id_ if id_ in self.contacts else None

    def write(self, id_: str | None, given: Mapping[str, Any]) -> tuple[str, bool]:
        """Create (None) or update a contact: its id, and whether it is new. Raises Refusal."""
        old = {} if id_ is None else self.contacts[id_]
        self._validate(given)
        new = {**old, **{name: str(value) for name, value in given.items()}}
        new = {name: value for name, value in new.items() if value != ""}
        if "email" in new:
            new["email"] = new["email"].strip().lower()
        if self.poisoned & set(new.values()):
            raise invalid("ctgo_bio", "FORBIDDEN_CONTENT", new.get("ctgo_bio", ""))
        if _stage(new) < _stage(old):
            new["lifecyclestage"] = old["lifecyclestage"]
        for name in self.unique():
            other = self.holder(name, new.get(name, ""))
            if other is not None and other != id_:
                if not self.names_holder:
                    raise Refusal(409, "CONFLICT", "Contact already exists.")
                said = f" Existing ID: {other}" if self.holder_in_message else ""
                context = {"existingId": [other]}
                raise Refusal(409, "CONFLICT", f"Contact already exists.{said}", context=context)
        if id_ is None and not {"email", "firstname", "lastname"} & new.keys():
            raise Refusal(400, "VALIDATION_ERROR", "one of email, firstname, lastname is needed")
        created = id_ is None
        if id_ is None:
            id_, self._next = str(self._next), self._next + 1
        self._put(id_, new)
        return id_, created

    def add(self, **properties: str) -> str:
        """A contact that somebody else made."""
        id_, self._next = str(self._next), self._next + 1
        self._put(id_, dict(properties))
        return id_

    def edit(self, id_: str, **properties: str) -> None:
        """A salesperson's change; an empty text clears."""
        new = {**self.contacts[id_], **properties}
        self._put(id_, {name: value for name, value in new.items() if value})

    def delete(self, id_: str) -> None:
        """To the recycle bin."""
        del self.contacts[id_]
        self.history.append((self._now(), id_, None, 0))

    def merge(self, primary: str, secondary: str) -> str:
        """The new contact of both, under an id of its own; the primary's values win, other addresses are additional."""
        kept, lost = self.contacts[primary], self.contacts[secondary]
        id_, self._next = str(self._next), self._next + 1
        both = {**lost, **kept}
        more = ";".join(sorted((emails(kept) | emails(lost)) - {both.get("email", "")}))
        before = ";".join(filter(None, (kept.get(_MERGED), lost.get(_MERGED), primary, secondary)))
        for old in (primary, secondary):
            self.delete(old)
            self.merged[old] = id_
        self._put(id_, both | {_MERGED: before} | ({"hs_additional_emails": more} if more else {}))
        return id_

    def snapshot(self, now: float, lag: float) -> dict[str, Properties]:
        """Return the search index, which lags: each write has its share of the lag."""
        held = {
            id_: (properties, changed)
            for n, (when, id_, properties, changed) in enumerate(self.history)
            if when <= now - lag * self.lags[n % len(self.lags)]
        }
        return {
            id_: {**properties, "hs_object_id": id_, "lastmodifieddate": str(changed)}
            for id_, (properties, changed) in held.items()
            if properties is not None
        }

    def save(self) -> tuple[dict[str, Properties], int]:
        """To go back to if a call is refused whole; the index is not touched before a call is through."""
        return dict(self.contacts), len(self.history)

    def restore(self, saved: tuple[dict[str, Properties], int]) -> None:
        """Go back to what `save` returned."""
        self.contacts = saved[0]
        del self.history[saved[1] :]

    def _put(self, id_: str, properties: Properties) -> None:
        if self.contacts.get(id_) != properties:
            self.modified[id_] = round(self._wall() * 1000)
        self.contacts[id_] = properties
        for name in self.unique():
            for value in _held(name, properties):
                self._once_held[name, value][id_] = None
        self.history.append((self._now(), id_, properties, self.modified[id_]))

    def _validate(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            known = self.definitions.get(name)
            if not isinstance(value, str):
                raise Refusal(
                    400, "VALIDATION_ERROR", "Invalid input JSON: Cannot deserialize value of type String"
                )
            if known is None:
                raise invalid(name, "PROPERTY_DOESNT_EXIST", value)
            if known.get("modificationMetadata", {}).get("readOnlyValue"):
                raise invalid(name, "READ_ONLY_VALUE", value)
            if len(value) > self.longest.get(name, LONGEST):
                raise invalid(name, "PROPERTY_VALUE_TOO_LONG", value)
            if value and (error := _error(name, value, known)):
                raise invalid(name, error, value)


def _held(name: str, properties: Mapping[str, str]) -> set[str]:
    return emails(properties) if name == "email" else {properties.get(name, "")}


def emails(properties: Mapping[str, str]) -> set[str]:
    """Return all addresses of a contact, in lower case."""
    listed = f"{properties.get('email', '')};{properties.get('hs_additional_emails', '')}"
    return {each for each in listed.lower().split(";") if each}


def _stage(properties: Mapping[str, str]) -> int:
    stage = properties.get("lifecyclestage")
    return STAGES.index(stage) if stage in STAGES else -1


def _error(name: str, value: str, known: Mapping[str, Any]) -> str:
    if name == "email" and not _EMAIL.fullmatch(value.strip()):
        return "INVALID_EMAIL"
    if known["type"] == "enumeration" and value not in _options(known):
        return "INVALID_OPTION"
    if known["type"] == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return "INVALID_LONG"
    return "INVALID_DATE" if known["type"] == "datetime" and not _is_instant(value) else ""


def _options(known: Mapping[str, Any]) -> Iterable[str]:
    return [each["value"] for each in known.get("options", ())]


def _is_instant(value: str) -> bool:
    try:
        return value.isdigit() or datetime.fromisoformat(value) is not None
    except ValueError:
        return False
