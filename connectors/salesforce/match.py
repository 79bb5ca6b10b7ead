"""What was found in the org of a batch's people. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CONTACT_OF = "ConvertedContactId"
"""The field of a converted lead that names the Contact it became."""

Record = Mapping[str, Any]


@dataclass(slots=True)
class Known:
    """What the look-up found: leads by key, leads and Contacts by email, all casefolded."""

    by_key: dict[str, Record] = field(default_factory=dict)
    by_email: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    contacts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    deleted: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    """By key, leads in the recycle bin."""
    kept: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    """By key, the live leads that a person's lead was merged into, or that it is under another key."""
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
        """Whether sales made a Contact of other people of ours, and not of this one."""
        keys = self.owners.get(contact[:15], set())
        return bool(keys) and person.casefold() not in keys


def person_id(lead: Record) -> str:
    """The id to remember for a converted lead: its Contact's, else its own."""
    return str(lead.get(CONTACT_OF) or lead["Id"])
