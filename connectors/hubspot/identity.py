"""The contact that a delivery is for, the properties that are written to it, and its part of an answer. Pure.

A person is found by, in this order: the contact's id, if an earlier lead of theirs was delivered; a *verified*
email, which meets contacts that others made; the unique `ctgo_x_user_id`. A guessed address is never a key, for
it may be a stranger's. The key property is written along in every case, so that each way leads to the same
contact and HubSpot itself refuses a second one.

Two people may have one mailbox. A contact that bears the key of another of our people is not this person's: theirs is
found by the key, and goes without the address.

HubSpot may answer in another order than it was asked, with addresses in lower case, and with or without the
trace ids: nothing is ever matched by its place, and what is not mentioned is not done.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from connectors.hubspot.errors import Json, row_errors
from connectors.hubspot.options import KEY, STATUS
from syncd.connector import Delivery, Field

Kind = Literal["id", "email", "key"]
ID_PROPERTY: Mapping[Kind, str] = {"email": "email", "key": KEY}
KINDS: tuple[Kind, ...] = ("id", "email", "key")
OTHER_EMAILS, MERGED = "hs_additional_emails", "hs_merged_object_ids"

_GUARD = re.compile(r"email_status\s*==\s*(['\"])verified\1")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as a read found it."""

    id: str
    properties: Mapping[str, Any]

    def has(self, name: str) -> str:
        """A property's value, empty if there is none."""
        value = self.properties.get(name)
        return "" if value is None else str(value).strip()

    @property
    def emails(self) -> frozenset[str]:
        """All of its addresses, in lower case."""
        listed = f"{self.has('email')};{self.has(OTHER_EMAILS)}"
        return frozenset(filter(None, (each.strip().lower() for each in listed.split(";"))))

    def of_another(self, person: str) -> bool:
        """True if it bears the key of another of our people."""
        return self.has(KEY) not in {"", person}

    @property
    def merged(self) -> frozenset[str]:
        """The ids of contacts that were merged into it."""
        return frozenset(filter(None, (each.strip() for each in self.has(MERGED).split(";"))))


class Row(NamedTuple):
    """One delivery of a call. `email`: the verified one in lower case, or empty; `trace`: unique, and nobody's."""

    place: int
    delivery: Delivery
    email: str
    trace: str

    @property
    def fallback(self) -> Kind:
        """The kind of key by which the person is found without an id."""
        return "email" if self.email else "key"


class Target(NamedTuple):
    """A row and its contact: `id` is of the `kind`; `contact` None and `looked` True: there is none yet.

    `turn` counts how often the row was sent after another contact than first thought; `left_out`: an answer to an
    update did not mention it; `shared`: another of our people has the address, so it is not written; `taken`: the
    remembered contact, if it bears another person's key and nothing tells why.
    """

    row: Row
    kind: Kind
    id: str
    contact: Contact | None = None
    looked: bool = False
    turn: int = 0
    left_out: bool = False
    shared: bool = False
    taken: str = ""

    def misses(self, contact: Contact) -> bool:
        """True if the contact is another person's."""
        return contact.of_another(self.row.delivery.person)

    def merged_into(self, contact: Contact) -> bool:
        """True if sales merged the person's contact into this one, which answers for the ids and keys of both."""
        return self.kind == "key" or (self.kind == "id" and (contact.id != self.id or bool(contact.merged)))

    def shares(self, contact: Contact) -> bool:
        """True if the contact is another person's who has the same address."""
        return self.row.email in contact.emails and contact.of_another(self.row.delivery.person)

    def at(self, contact: Contact | None) -> "Target":
        """Looked up; an id is the one that the contact has now."""
        id_ = contact.id if contact is not None and self.kind == "id" else self.id
        return self._replace(id=id_, contact=contact, looked=True)


def target_of(row: Row, kind: Kind | None = None, turn: int = 0) -> Target:
    """The row's own target; without an id, by the address or the key."""
    if kind is None:
        kind = "id" if row.delivery.remote_id else row.fallback
    ids: dict[Kind, str | None] = {
        "id": row.delivery.remote_id,
        "email": row.email,
        "key": row.delivery.person,
    }
    return Target(row, kind, ids[kind] or "", turn=turn)


@dataclass
class Plan:
    """The mapping in force, seen once. `dropped`: optional properties that this portal turned out not to have."""

    fields: Mapping[str, Field]
    dropped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Sort the fields by what they need."""
        self.careful = {name: f.policy for name, f in self.fields.items() if f.policy != "always"}
        self.constants = frozenset(
            name for name, f in self.fields.items() if "{{" not in f.value and name != KEY
        )
        guard = self.fields.get("email")
        self._guarded = guard is not None and bool(_GUARD.search(guard.value))
        self.wanted = list(dict.fromkeys((*self.careful, KEY, "email", OTHER_EMAILS, MERGED)))

    def verified(self, delivery: Delivery) -> str:
        """The address that may be a key, trimmed and in lower case; empty unless it is known to be verified.

        It is what is mapped to `email`, if the status that is mapped beside it says so; without one, if the
        mapping itself lets no other through.
        """
        email = delivery.fields.get("email")
        if not isinstance(email, str) or "@" not in email:
            return ""
        status = delivery.fields.get(STATUS)
        good = self._guarded if status is None else status == "verified"
        return email.strip().lower() if good else ""

    def rows(self, batch: Sequence[Delivery]) -> list[Row]:
        """The batch as rows."""
        return [
            Row(place, each, self.verified(each), f"{each.id}-{place}") for place, each in enumerate(batch)
        ]

    def input(self, target: Target) -> dict[str, Any]:
        """One entry of `inputs`."""
        entry: dict[str, Any] = {
            "id": target.id,
            "objectWriteTraceId": target.row.trace,
            "properties": self._properties(target),
        }
        if target.kind != "id":
            entry["idProperty"] = ID_PROPERTY[target.kind]
        return entry

    def _properties(self, target: Target) -> dict[str, str]:
        contact, fields = target.contact, target.row.delivery.fields
        if contact is None:
            found = {name: text(value) for name, value in fields.items()}
            for name in self.dropped:
                found.pop(name, None)
        else:
            found = dict(self._kept(target, contact))
        found[KEY] = target.row.delivery.person
        if target.shared:
            found.pop("email", None)
        if contact is None and target.looked and not found.keys() & {"email", "firstname", "lastname"}:
            found["lastname"] = _stand_in(target.row.delivery)
        return found

    def _kept(self, target: Target, contact: Contact) -> Iterator[tuple[str, str]]:
        """Choose the fields that may be written to a contact that is there.

        HubSpot does not support "partial upserts" by email, and says no more: by email, what is there is sent back.
        """
        careful = self.careful
        for name, value in target.row.delivery.fields.items():
            policy = careful.get(name)
            if name in self.dropped:
                continue
            there = contact.has(name) if policy else ""
            if policy is None or (policy == "if_empty" and not there):
                yield name, text(value)
            elif there and target.kind == "email":
                yield name, there


def _stand_in(delivery: Delivery) -> str:
    """HubSpot makes no contact without a name or an address."""
    handle = (delivery.lead.profile.handle or "").strip().removeprefix("@")
    return f"@{handle}" if handle else f"X user {delivery.person}"


def text(value: object) -> str:
    """A value as HubSpot takes all of them: as text. What no JSON reader takes is replaced."""
    if isinstance(value, str):
        plain = value.isascii() and "\0" not in value
        return value if plain else _UNWRITABLE.sub("\ufffd", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return ";".join(text(each) for each in value)
    return text(json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value))


def first_of_each(targets: Sequence[Target]) -> tuple[list[Target], list[Target]]:
    """Split off those whose contact an earlier one names too: one call never repeats an id."""
    seen: set[tuple[Kind, str]] = set()
    first: list[Target] = []
    later: list[Target] = []
    for target in targets:
        mark = (target.kind, target.id)
        (later if mark in seen else first).append(target)
        seen.add(mark)
    return first, later


def contacts_of(body: Json) -> list[Contact]:
    """The `results` that have an id."""
    listed = body.get("results")
    found = []
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping) and each.get("id"):
            properties = each.get("properties")
            found.append(Contact(str(each["id"]), properties if isinstance(properties, Mapping) else {}))
    return found


def found_for(targets: Sequence[Target], contacts: Sequence[Contact]) -> dict[int, Contact]:
    """Return the contacts of a read by the place of their row."""
    known: dict[tuple[Kind, str], Contact] = {}
    for contact in contacts:
        known |= {("id", old): contact for old in contact.merged}
    for contact in contacts:
        known["id", contact.id] = contact
        if key := contact.has(KEY):
            known["key", key] = contact
        for email in contact.emails:
            known["email", email] = contact
    if len(targets) == len(contacts) == 1:  # whatever it is known by
        return {targets[0].row.place: contacts[0]}
    return {
        target.row.place: known[target.kind, target.id]
        for target in targets
        if (target.kind, target.id) in known
    }


def absent(targets: Sequence[Target], body: Json) -> bool:
    """True if a read denies every one of these contacts, and does not just leave them out."""
    errors = row_errors(body)
    if not errors or any(error.get("category") != "OBJECT_NOT_FOUND" for error in errors):
        return False
    named: set[str] = set()
    for error in errors:
        context = error.get("context")
        ids = context.get("ids") if isinstance(context, Mapping) else None
        named.update(str(each).strip().lower() for each in (ids if isinstance(ids, list) else ()))
    if not named:
        return body.get("numErrors") == len(targets)
    return all(target.id.lower() in named for target in targets)


@dataclass(frozen=True, slots=True)
class WriteResults:
    """A write's answer by place: ids of contacts, errors, and the rows that it does not mention.

    `stray`: it mentions something that belongs to no row; `created`: the ids of new contacts of any row.
    """

    done: Mapping[int, str]
    failed: Mapping[int, Json]
    unmentioned: frozenset[int]
    stray: bool
    created: frozenset[str]


def read_results(targets: Sequence[Target], body: Json) -> WriteResults:
    """Sort a write's answer: the rows that were written, and those that were not, and why."""
    failed, stray = _failed(targets, body)
    results = body.get("results")
    listed = [each for each in results if isinstance(each, Mapping)] if isinstance(results, list) else []
    listed = [each for each in listed if each.get("id")]
    names = {name: target for target in targets if target.row.place not in failed for name in _names(target)}
    alone = len(targets) == len(listed) == 1 and not failed
    done: dict[int, str] = {}
    for each in listed:
        target = next((names[name] for name in _names_of(each) if name in names), None)
        if target is None and alone and not each.get("objectWriteTraceId"):
            target = targets[0]
        if target is None or target.row.place in done:
            stray = True
        else:
            done[target.row.place] = str(each["id"])
    unmentioned = frozenset(target.row.place for target in targets) - done.keys() - failed.keys()
    created = frozenset(str(each["id"]) for each in listed if each.get("new") is True)
    return WriteResults(done, failed, unmentioned, stray, created)


def _failed(targets: Sequence[Target], body: Json) -> tuple[dict[int, Json], bool]:
    """The errors by place, and whether there are some that name no row."""
    errors = row_errors(body)
    if len(targets) == 1 and errors:
        return {targets[0].row.place: errors[0]}, False
    places = {target.row.trace: target.row.place for target in targets}
    failed: dict[int, Json] = {}
    stray = False
    for error in errors:
        context = error.get("context")
        traces = context.get("objectWriteTraceId") if isinstance(context, Mapping) else None
        named = [t for t in traces if isinstance(t, str)] if isinstance(traces, list) else []
        mine = [places[t] for t in named if t in places]
        failed |= dict.fromkeys(mine, error)
        stray = stray or not mine
    counted = body.get("numErrors")
    return failed, stray or (isinstance(counted, int) and counted > len(failed))


def _names(target: Target) -> tuple[tuple[str, str], ...]:
    """By what a result may be known as this row's."""
    return (("trace", target.row.trace), (target.kind, target.id), ("key", target.row.delivery.person))


def _names_of(result: Json) -> Iterator[tuple[str, str]]:
    yield "trace", str(result.get("objectWriteTraceId", ""))
    yield "id", str(result["id"])
    properties = result.get("properties")
    if isinstance(properties, Mapping):
        yield "key", str(properties.get(KEY) or "")
        yield "email", str(properties.get("email") or "").strip().lower()
