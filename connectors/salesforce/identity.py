"""The row to send for one delivery: a pure function of it, of what the org holds, and of the mapping in force.

The key is the person's X id in a unique external id field, so that sending again is always an upsert. Before that,
whoever is in the org already is looked for: by key where a field's policy depends on what is there, and by an email that the
mapping vouches for. A guessed address must never be taken for a person.

A Contact, or a lead that was converted into one, is where the person lives now: sales has them, so the lead counts
as delivered and the Contact's id is remembered. Its prefix tells it from a lead's, and nothing is sent there again.
But a Contact that sales made of another person of ours is that person, though both have one address.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from connectors.salesforce.lead_fields import Column, Schema, clean, fit
from syncd.connector import Delivered, Delivery, Field, Halt, Outcome, Policy, Reject, Retry

CONTACT_OF = "ConvertedContactId"
"""The field of a converted lead that names the Contact it became."""

Record = Mapping[str, Any]


@dataclass(slots=True)
class Known:
    """The records that the look-up found: leads by key, leads and Contacts by email, all casefolded."""

    by_key: dict[str, Record] = field(default_factory=dict)
    by_email: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    contacts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    deleted: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    """By key, leads in the recycle bin."""
    kept: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    """By key, the live leads that a person's lead was merged into, or that it is under another key."""
    gone: dict[str, str] = field(default_factory=dict)
    """By key, the lead of a person that is not even in the bin, or cannot be asked about: whatever it was merged into is unknown."""
    owners: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By the first 15 characters of a Contact's id, the keys of ours on leads that were converted into it."""

    def add_leads(self, records: Iterable[Record], key: str) -> None:
        """Take in what the query for leads answered."""
        for record in records:
            if record.get(CONTACT_OF):
                self.add_owner(str(record[CONTACT_OF]), record.get(key))
            if record.get("IsDeleted"):
                self.deleted[str(record.get(key, "")).casefold()].append(record)
                continue
            if record.get(key):
                self.by_key[str(record[key]).casefold()] = record
            if record.get("Email"):
                self.by_email[str(record["Email"]).casefold()].append(record)

    def add_contacts(self, records: Iterable[Record]) -> None:
        """Take in what the query for Contacts answered."""
        for record in records:
            self.contacts[str(record.get("Email", "")).casefold()].append(str(record["Id"]))

    def add_owner(self, contact: str, key: object) -> None:
        """Take in that a lead with this key, if with any, was converted into a Contact."""
        if key:
            self.owners[contact[:15]].add(str(key).casefold())

    def theirs(self, contact: str, person: str) -> bool:
        """True if sales made a Contact of other people of ours, and not of this one."""
        keys = self.owners.get(contact[:15], set())
        return bool(keys) and person.casefold() not in keys


def person_id(lead: Record) -> str:
    """The id to remember for a converted lead: its Contact's, else its own."""
    return str(lead.get(CONTACT_OF) or lead["Id"])


KEPT_ON_UPDATE = frozenset({"status", "ownerid", "rating"})
"""Fields that are the salesperson's once the lead is there, whatever is mapped."""
PICKLIST_LEFT_OUT = "leadsource"
"""Of our defaults, the one value that an org may not know and that no lead should fail for."""
_CONTACT = "003"
_LEAD = {"type": "Lead"}
_EMPTY = (None, "")
DELETED = frozenset({"IsDeleted", "MasterRecordId"})
_LOOKED_AT = ("IsConverted", CONTACT_OF, "Email", *sorted(DELETED))

How = Literal["update", "link", "create"]


class Write(NamedTuple):
    """A row to send: `update` and `link` without assignment rules, `create` with them; `link` goes by record id."""

    how: How
    record: Record


@dataclass(frozen=True, slots=True)
class Place:
    """The field that a mapped value goes to. `field` and `plain` are the column's: every value of every lead asks for them."""

    field: str
    plain: float
    policy: Policy
    column: Column


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapping in force, joined with the org's fields."""

    key: Column
    places: Mapping[str, Place]
    """By name in the mapping; the key is not among them."""
    email: str | None
    """The mapping's name for `Email`, if it vouches that what it writes there is verified."""
    duplicates: Literal["reject", "link", "save"]
    standard: frozenset[str] = frozenset({"Id"})
    """Of the standard fields that a look-up asks for, those that the run-as user can see."""
    reads: bool = field(init=False)
    """True if some field's policy depends on what is there."""

    def __post_init__(self) -> None:
        """Seen once, for every lead asks."""
        object.__setattr__(self, "reads", any(place.policy != "always" for place in self.places.values()))

    def email_of(self, delivery: Delivery) -> str | None:
        """The address to look the person up by, casefolded; None if there is none or nobody vouches for it."""
        found = delivery.fields.get(self.email) if self.email else None
        return clean(found).strip().casefold() or None if isinstance(found, str) else None

    @property
    def sees_deleted(self) -> bool:
        """True if the run-as user can tell a deleted lead, and what it was merged into."""
        return self.standard >= DELETED

    def selected(self, *, link: bool = False) -> list[str]:
        """The fields to ask for when looking for leads, sorted: those whose emptiness matters, to `link` all."""
        link = link or self.duplicates == "link"
        asked = {place.field for place in self.places.values() if link or place.policy == "if_empty"}
        return sorted(self.standard | {self.key.name} | asked)


def join(
    fields: Mapping[str, Field], key_name: str, schema: Schema, duplicates: Literal["reject", "link", "save"]
) -> Mapped:
    """Join the mapping with the org. Raises Halt for what no lead could be sent with."""
    key = schema.get(key_name)
    if key is None or not key.external_id or not key.unique:
        what = "is missing or hidden" if key is None else "is not marked both External ID and Unique"
        raise Halt("salesforce_no_key", f"the field {key_name} of Lead {what}")
    places: dict[str, Place] = {}
    missing, locked = [], []
    for name, mapped in fields.items():
        policy: Policy = mapped.policy
        column = schema.get(name)
        if name.casefold() in KEPT_ON_UPDATE and policy == "always":
            policy = "create_only"
        if column is None:
            missing.append(name)
        elif not column.createable or (policy != "create_only" and not column.updateable):
            locked.append(name)
        elif column is not key:
            places[name] = Place(column.name, column.plain, policy, column)
    if missing:
        detail = f"Lead has no field {', '.join(missing)}, or hides it from the run-as user"
        raise Halt("salesforce_field_missing", detail)
    if locked:
        raise Halt("salesforce_field_locked", f"the run-as user may not write {', '.join(locked)} of Lead")
    standard = frozenset({"Id"} | {name for name in _LOOKED_AT if schema.get(name)})
    return Mapped(key, places, vouched(fields), duplicates, standard)


def vouched(fields: Mapping[str, Field]) -> str | None:
    """The name of `Email` if its mapping asks for verified addresses, as the default does."""
    return next(
        (n for n, mapped in fields.items() if n.casefold() == "email" and "verified" in mapped.value), None
    )


def left_out(column: Column, value: object) -> bool:
    """True if a value is left out rather than have the org refuse the lead for it."""
    return (
        column.values is not None
        and column.name.casefold() == PICKLIST_LEFT_OUT
        and str(value) not in column.values
    )


def settled_elsewhere(delivery: Delivery) -> bool:
    """True if the person is known to live on as a Contact."""
    return delivery.remote_id is not None and delivery.remote_id.startswith(_CONTACT)


def to_look_up(delivery: Delivery, mapped: Mapped) -> bool:
    """True if the delivery must be looked for by key before it is written."""
    if settled_elsewhere(delivery):
        return False
    known = delivery.remote_id is not None  # and may have been merged into another lead since
    return mapped.reads or known or delivery.maybe_sent or mapped.email_of(delivery) is not None


def decide(delivery: Delivery, known: Known, mapped: Mapped) -> Outcome | Write:
    """Decide about one delivery: an outcome that needs no call, or a row to send."""
    if settled_elsewhere(delivery):
        return Delivered(delivery.remote_id, created=False)
    if mapped.key.length and len(delivery.person) > mapped.key.length:
        return Reject("salesforce_bad_key", f"the key is longer than {mapped.key.name}")
    held = known.by_key.get(delivery.person.casefold())
    if held is None:
        return (
            _merged(delivery, known, mapped)
            or _elsewhere(delivery, known, mapped)
            or _gone(delivery, known, mapped)
            or Write(
                # A lead that was deleted is made again, but no rule shall hand it out a second time.
                "create" if delivery.remote_id is None else "update",
                _row(delivery, mapped),
            )
        )
    if held.get("IsConverted"):
        return Delivered(person_id(held), created=False)
    return Write("update", _row(delivery, mapped, _over(held)))


def _merged(delivery: Delivery, known: Known, mapped: Mapped) -> Outcome | Write | None:
    """The person's lead as sales kept it, unless it is another person's of ours; None: it was not merged, or is to be made."""
    leads = known.kept.get(delivery.person.casefold(), [])
    free = [lead for lead in leads if not lead.get(mapped.key.name)]
    if converted := [lead for lead in free if lead.get("IsConverted")]:
        return Delivered(min(map(person_id, converted)), created=False)
    if len(free) == 1:
        return Write("link", linked(delivery, mapped, free[0]))
    if not leads or mapped.duplicates == "save":
        return None
    ids = ", ".join(sorted(str(lead["Id"]) for lead in free or leads)[:5])
    return Reject("salesforce_merged", f"the person's lead was merged into {ids}")


def _elsewhere(delivery: Delivery, known: Known, mapped: Mapped) -> Outcome | Write | None:
    """The person under an equal, verified email; None: nobody, or nobody but other people of ours."""
    email = mapped.email_of(delivery)
    if email is None:
        return None
    strangers = [lead for lead in known.by_email.get(email, []) if not lead.get(mapped.key.name)]
    converted = [person_id(lead) for lead in strangers if lead.get("IsConverted")]
    for people in (known.contacts.get(email, []), converted):
        if mine := [one for one in people if not known.theirs(one, delivery.person)]:
            return Delivered(min(mine), created=False)
    strangers = [lead for lead in strangers if not lead.get("IsConverted")]
    if not strangers or mapped.duplicates == "save":
        return None
    if mapped.duplicates == "link" and len(strangers) == 1:
        return Write("link", linked(delivery, mapped, strangers[0]))
    return duplicate([str(lead["Id"]) for lead in strangers], "has the same verified email")


def _gone(delivery: Delivery, known: Known, mapped: Mapped) -> Reject | None:
    """Set a lead aside that a merge may have taken away unseen; None: it was not, or is to be made in any case."""
    gone = known.gone.get(delivery.person.casefold())
    if gone is None or mapped.duplicates == "save":
        return None
    return Reject(
        "salesforce_lead_gone", f"the person's lead {gone} is not to be found, nor what became of it"
    )


def once_each(plan: Sequence[Outcome | Write]) -> list[Outcome | Write]:
    """The plan with no record linked twice: the second person waits until the first has it."""
    result = list(plan)
    taken: set[object] = set()
    for n, one in enumerate(plan):
        if not isinstance(one, Write) or one.how != "link":
            continue
        record_id = one.record["id"]
        if record_id in taken:
            detail = f"{record_id} is being linked to somebody else"
            result[n] = Retry("salesforce_duplicate", detail)
        taken.add(record_id)
    return result


def duplicate(ids: Sequence[str], why: str) -> Reject:
    """A person who is in the org as a record that is not ours."""
    who = ", ".join(sorted(ids)[:5]) or "a record that Salesforce does not name"
    return Reject("salesforce_duplicate", f"{who} {why}")


def linked(delivery: Delivery, mapped: Mapped, lead: Record) -> Record:
    """Our key and what is empty there, for a lead that somebody else made."""
    row = _row(delivery, mapped, lambda place: place.column.updateable and lead.get(place.field) in _EMPTY)
    row["id"] = lead["Id"]
    return row


def _over(held: Record) -> Callable[[Place], bool]:
    """Choose the fields that may be written over what is there."""
    return lambda place: (
        place.policy == "always" or (place.policy == "if_empty" and held.get(place.field) in _EMPTY)
    )


def _row(delivery: Delivery, mapped: Mapped, may: Callable[[Place], bool] | None = None) -> dict[str, Any]:
    """The key, and the fields that may be written; without `may` all of them."""
    row: dict[str, Any] = {"attributes": _LEAD, mapped.key.name: delivery.person}
    places = mapped.places
    for name, value in delivery.fields.items():
        place = places.get(name)
        if place is None or (may and not may(place)):
            continue
        # Nearly every value is as plain as this, and a batch has thousands.
        if type(value) is str and len(value) <= place.plain and value.isascii() and value.isprintable():
            row[place.field] = value
        elif not left_out(place.column, value) and (fitting := fit(place.column, value)) is not None:
            row[place.field] = fitting
    return row
