"""The records of the pretended org, and what one row of a collections call comes to in it."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.simulator.crms.salesforce.lead_object import (
    KEY,
    LeadField,
    custom_field,
    error,
    lacking,
    misfits,
    standard_fields,
)

USER = "005000000000001AAA"
QUEUE = "00G000000000001AAA"
Row = dict[str, Any]


class Org:
    """Salesforce's state. Everything here may be set by a test; `SalesforceFake` keeps one call at a time in it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._wall = now
        self.fields: dict[str, LeadField] = {}
        for one in standard_fields():
            self.fields[one.name.lower()] = one
        self.leads: dict[str, Row] = {}
        self.bin: dict[str, Row] = {}
        self.contacts: dict[str, Row] = {}
        self.permission_sets: dict[str, str] = {}
        self.granted: set[tuple[str, str]] = set()
        self.assigned_sets: set[tuple[str, str]] = set()
        self.rule: str = "alert"
        """Of the duplicate rule: "off", "alert" (allowSave overrides it) or "block"."""
        self.rule_tells: str | None = "duplicateResut"
        """Under which name a row's error holds the records; None: it does not."""
        self.assignment_active = True
        self.assignments: Counter[str] = Counter()
        """Times that the assignment rule handed a lead out, by lead id."""
        self.errors: dict[str, Row] = {}
        """An error for every write of a person, by key."""
        self.validation: Callable[[Row], bool] = lambda _: True
        self.customizable = True
        self.hidden_objects: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._once_held: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        """By field and value, casefolded, the records that had it at some time: where it is worth looking."""

    # What a test arranges

    def set_up(self, fields: Mapping[str, Mapping[str, Any]], key: Mapping[str, Any]) -> None:
        """Make custom fields, granted."""
        for name, metadata in {**fields, KEY: key}.items():
            self.fields[name.lower()] = custom_field(name, metadata, granted=True)

    def add_lead(self, **fields: object) -> str:
        """A lead that somebody made by hand; its id."""
        return self._insert({"LastName": "Doe", "Company": "Acme", **fields})

    def add_contact(self, **fields: object) -> str:
        """A contact; its id."""
        contact_id = self._id("003")
        self.contacts[contact_id] = {"Id": contact_id, **fields}
        self._note(self.contacts[contact_id])
        return contact_id

    def convert(self, lead_id: str, into: str | None = None) -> str:
        """Convert a good lead as sales does; return the id of the contact that it became, a new one or `into`."""
        lead = self.leads[lead_id]
        contact_id = into or self.add_contact(Email=lead.get("Email"), LastName=lead["LastName"])
        lead |= {"IsConverted": True, "ConvertedContactId": contact_id}
        self._stamp(lead)
        self._note(lead)
        return contact_id

    def edit(self, lead_id: str, *, ago: float = 0.0, **fields: Any) -> None:
        """A salesperson's change; one of a transaction that began so many seconds ago bears the time of then."""
        lead = self.leads[lead_id]
        lead |= fields
        self._stamp(lead, ago)
        self._note(lead)

    def _stamp(self, lead: Row, ago: float = 0.0) -> None:
        moment = datetime.fromtimestamp(self._wall() - ago, UTC)
        lead["SystemModstamp"] = lead["LastModifiedDate"] = moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def delete(self, lead_id: str) -> None:
        """Into the recycle bin."""
        self.bin[lead_id] = self.leads.pop(lead_id) | {"IsDeleted": True}
        self._note(self.bin[lead_id])

    def merge(self, kept: str, *others: str, **chosen: Any) -> None:
        """Sales merges leads: one is kept, with the values that were chosen, and the others go into the recycle bin."""
        for lead_id in others:
            self.delete(lead_id)
            self.bin[lead_id]["MasterRecordId"] = kept
        self.edit(kept, **chosen)

    def by_key(self, key: str) -> list[Row]:
        """The leads with our key."""
        return [lead for lead in self.leads.values() if str(lead.get(KEY, "")).lower() == key.lower()]

    # What a call does

    def seen(self) -> list[LeadField]:
        """The fields that `describe` shows the run-as user."""
        return [field for field in self.fields.values() if field.granted and field.listed]

    def visible(self, name: str) -> LeadField | None:
        """Return the field of that name, if the run-as user sees it."""
        field = self.fields.get(name.lower())
        return field if field and field.granted else None

    def records(
        self, what: str, tests: Sequence[tuple[str, Iterable[str]]] = (), *, deleted: bool = False
    ) -> Iterable[Row] | None:
        """List the records of an object that may pass one of the tests, in the order in which they were made.

        Deleted ones are left out unless asked for. None: there is no object of that name, or it is hidden.
        """
        if what.lower() in self.hidden_objects:
            return None
        if what.lower() == "permissionset":
            return [{"Id": id_, "Name": name} for name, id_ in self.permission_sets.items()]
        leads = {**self.bin, **self.leads} if deleted else self.leads
        held = {"lead": leads, "contact": self.contacts}.get(what.lower())
        if held is None or not tests:
            return None if held is None else [held[record_id] for record_id in sorted(held)]
        found = {one["Id"] for name, values in tests for one in self._holders(held, name, values)}
        return [held[record_id] for record_id in sorted(found)]

    def _note(self, record: Row) -> None:
        for name, value in record.items():
            self._once_held[name.casefold(), str(value).casefold()][record["Id"]] = record

    def _holders(self, held: Mapping[str, Row], name: str, values: Iterable[object]) -> Iterator[Row]:
        """Those of `held` that have, or had, one of the values in a field."""
        for value in values:
            known = self._once_held.get((name.casefold(), str(value).casefold()), {})
            yield from (record for record_id, record in known.items() if record_id in held)

    def upsert(self, record: Row, key: str, *, allow: bool, assign: str, twice: bool) -> Row:
        """One row of a collection by external id. `twice`: the same key stands in the request again."""
        value = str(record.get(key, ""))
        if not value:
            return _failed(error("MISSING_ARGUMENT", f"{key} not specified", key))
        if twice:
            return _failed(error("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key))
        held = [
            one
            for one in self._holders(self.leads, key, [value])
            if str(one.get(key, "")).lower() == value.lower()
        ]
        if len(held) > 1:
            return _failed(error("DUPLICATE_EXTERNAL_ID", f"{key}: more than one record found", key))
        return self._written(held[0] if held else None, record, allow=allow, assign=assign)

    def update(self, record: Row, *, allow: bool, assign: str) -> Row:
        """One row of a collection by record id."""
        held = self.leads.get(str(record.get("id", record.get("Id", ""))))
        if held is None:
            return _failed(error("ENTITY_IS_DELETED", "entity is deleted"))
        fields = {name: value for name, value in record.items() if name.lower() != "id"}
        return self._written(held, fields, allow=allow, assign=assign)

    def make_field(self, name: str, metadata: Mapping[str, Any]) -> bool:
        """As the Tooling API does: nobody sees the field until it is granted. False: it is there already."""
        if name.lower() in self.fields:
            return False
        self.fields[name.lower()] = custom_field(name, metadata, granted=False)
        return True

    def grant(self) -> None:
        """Let the run-as user see what the permission sets that they have give."""
        given = {set_id for set_id, user in self.assigned_sets if user == USER}
        for set_id, name in self.granted:
            if set_id in given and name.lower() in self.fields:
                self.fields[name.lower()].granted = True

    def make_permission_set(self, name: str) -> str | None:
        """Its id; None: the name is taken."""
        if name in self.permission_sets:
            return None
        self.permission_sets[name] = self._id("0PS")
        return self.permission_sets[name]

    def _written(self, held: Row | None, record: Row, *, allow: bool, assign: str) -> Row:
        fields = {self.fields[name.lower()].name: value for name, value in record.items()}
        if refused := self._refused(held, fields, allow=allow):
            return _failed(refused)
        created = held is None
        lead_id = self._insert(fields) if held is None else str(held["Id"])
        self.leads[lead_id] |= fields
        self._stamp(self.leads[lead_id])
        self._note(self.leads[lead_id])
        if assign != "FALSE" and self.assignment_active:
            self.assignments[lead_id] += 1
            self.leads[lead_id]["OwnerId"] = QUEUE
        return {"id": lead_id, "success": True, "created": created, "errors": []}

    def _refused(self, held: Row | None, fields: Row, *, allow: bool) -> Row | None:
        if planted := self.errors.get(str(fields.get(KEY, ""))):
            return planted
        if held and held.get("IsConverted"):
            return error("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        names = [] if held else lacking(self.fields, fields)
        missing = (
            [error("REQUIRED_FIELD_MISSING", f"Required fields are missing: {names}", *names)]
            if names
            else []
        )
        for misfit in [*missing, *misfits(self.fields, fields)]:
            return misfit
        if not self.validation({**(held or {}), **fields}):
            return error("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"No {fields.get('LastName')} here", "LastName")
        return self._taken(held, fields) or (None if held else self._duplicate(fields, allow=allow))

    def _taken(self, held: Row | None, fields: Row) -> Row | None:
        """Unique fields, deleted records apart."""
        unique = [(name, value) for name, value in fields.items() if self.fields[name.lower()].unique]
        for name, value in unique:
            for other in self._holders(self.leads, name, [value]):
                mine = held is not None and other["Id"] == held["Id"]
                if not mine and str(other.get(name, "")).lower() == str(value).lower():
                    said = f"duplicate value found: {name} duplicates value on record with id: {other['Id']}"
                    return error("DUPLICATE_VALUE", said, name)
        return None

    def _duplicate(self, fields: Row, *, allow: bool) -> Row | None:
        """The standard rule: an equal email, or an equal name at an equal company; for new leads."""
        if self.rule == "off" or (self.rule == "alert" and allow):
            return None
        near = [
            one
            for held in (self.contacts, self.leads)
            for name in ("Email", "LastName")
            for one in self._holders(held, name, [fields[name]] if fields.get(name) else [])
        ]
        found = [one for one in {one["Id"]: one for one in near}.values() if _alike(one, fields)]
        if not found:
            return None
        said = error("DUPLICATES_DETECTED", "Use one of these records?")
        if self.rule_tells:
            records = [
                {"record": {"Id": one["Id"], "attributes": {}}, "matchConfidence": 100.0} for one in found
            ]
            said[self.rule_tells] = {
                "allowSave": self.rule == "alert",
                "duplicateRule": "Standard_Lead_Duplicate_Rule",
                "matchResults": [{"entityType": "Lead", "matchRecords": records}],
            }
        return said

    def _insert(self, fields: Row) -> str:
        lead_id = self._id("00Q")
        self.leads[lead_id] = {
            "Id": lead_id, "IsConverted": False, "ConvertedContactId": None, "Status": "Open - Not Contacted",
            "IsDeleted": False, "MasterRecordId": None,
            "OwnerId": USER, **fields,
        }  # fmt: skip
        self._stamp(self.leads[lead_id])
        self._note(self.leads[lead_id])
        return lead_id

    def _id(self, prefix: str) -> str:
        self._numbers[prefix] += 1
        return f"{prefix}{self._numbers[prefix]:012d}AAA"


def _alike(one: Row, fields: Row) -> bool:
    """A first name that one of the two lacks is taken to be the other's: the rule is a fuzzy one."""
    if one.get("IsConverted"):
        return False
    email, mine = str(one.get("Email") or "").lower(), str(fields.get("Email") or "").lower()
    names = (one.get("LastName"), one.get("Company"))
    first, my_first = one.get("FirstName"), fields.get("FirstName")
    return bool(email and email == mine) or (
        None not in names
        and names == (fields.get("LastName"), fields.get("Company"))
        and (not first or not my_first or first == my_first)
    )


def _failed(said: Row) -> Row:
    return {"success": False, "errors": [said]}
