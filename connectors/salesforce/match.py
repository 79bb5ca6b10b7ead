"""The people of a batch in the org: which lead was kept where sales merged some, and whose a Contact is.

A lead that lost in a merge is in the recycle bin with our key, and names the one that was kept, which may have been merged
in its turn. Where the bin was emptied, or tells nothing, nobody knows if a lead was merged: it is noted as gone. A Contact
bears no key of ours, but the leads that were converted into it do, whatever address they had.
Source: Salesforce's object reference, Lead, MasterRecordId and ConvertedContactId.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from connectors.salesforce.identity import (
    CONTACT_OF,
    DELETED,
    Known,
    Mapped,
    Record,
    person_id,
    settled_elsewhere,
)
from syncd.connector import Delivery, Halt

if TYPE_CHECKING:
    from connectors.salesforce.api import Wire

Where = Mapping[str, Sequence[str]]
"""Values by field, of which a record must match one."""


class Select(NamedTuple):
    """An object, the fields to ask for, and which records; `deleted`: also those in the recycle bin."""

    what: str
    fields: Sequence[str]
    where: Where
    deleted: bool = False

    @property
    def resource(self) -> str:
        """Of Salesforce's two for queries, the one that finds them."""
        return "queryAll" if self.deleted else "query"


LONGEST_CHAIN = 10
"""Merges that are followed, one after the other: each costs the batch a call."""
_HIDDEN = frozenset({"salesforce_field_missing", "salesforce_permission", "salesforce_object_hidden"})
"""Codes of a refusal to tell of merges, where `describe` did not list their fields either."""
_LEAD = re.compile(r"00Q[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")


def follow(wire: "Wire", batch: Sequence[Delivery], mapped: Mapped, known: Known) -> None:
    """Add to `known.kept` what merged leads of a batch live on as, and to `known.gone` those of which nothing tells.

    It asks only where somebody's lead is not there, and raises as `wire` does.
    """
    trails = {
        each.person.casefold(): trail
        for each in batch
        if not settled_elsewhere(each)
        and each.person.casefold() not in known.by_key
        and (trail := _begin(each, known.deleted.get(each.person.casefold(), ())))
    }
    for _ in range(LONGEST_CHAIN):
        ids = sorted(set().union(*trails.values()))
        if not ids:
            return
        found = {str(lead["Id"])[:15]: lead for lead in _in_the_bin_too(wire, ids, mapped)}
        trails = {key: _next(key, trail, found, known) for key, trail in trails.items()}
    known.gone |= {key: min(trail) for key, trail in trails.items() if trail}


def _in_the_bin_too(wire: "Wire", ids: Sequence[str], mapped: Mapped) -> list[Record]:
    """The leads of these ids, live or deleted; none of them if the run-as user may not ask for merges."""
    fields = sorted({*mapped.selected(link=True), *DELETED})
    try:
        return wire.select(Select("Lead", fields, {"Id": ids}, deleted=True))
    except Halt as why:
        if mapped.sees_deleted or why.code not in _HIDDEN:
            raise
        return []


def _begin(delivery: Delivery, deleted: Sequence[Record]) -> set[str]:
    """Ids to look at: what the leads in the bin were merged into, and the id that is remembered if it is not among them."""
    seen = {str(lead["Id"])[:15] for lead in deleted}
    remembered = delivery.remote_id or ""
    begin = _masters(deleted)
    if _LEAD.fullmatch(remembered) and remembered[:15] not in seen:
        begin.add(remembered)
    return begin


def _next(key: str, trail: set[str], found: dict[str, Record], known: Known) -> set[str]:
    leads = [found[lead_id[:15]] for lead_id in trail if lead_id[:15] in found]
    if lost := [lead_id for lead_id in trail if lead_id[:15] not in found]:
        known.gone[key] = min(lost)
    live = [lead for lead in leads if not lead.get("IsDeleted")]
    known.kept[key] += [lead for lead in live if lead not in known.kept[key]]
    return _masters([lead for lead in leads if lead.get("IsDeleted")])


def _masters(deleted: Sequence[Record]) -> set[str]:
    return {
        str(lead["MasterRecordId"]) for lead in deleted if _LEAD.fullmatch(str(lead.get("MasterRecordId")))
    }


def ask_whose(wire: "Wire", batch: Sequence[Delivery], mapped: Mapped, known: Known) -> None:
    """Add to `known.owners` whose the Contacts are that have the address of somebody new.

    It asks only where there is one, in a call, and raises as `wire` does.
    """
    if CONTACT_OF not in mapped.standard:
        _by_address(known, mapped.key.name)
        return
    new = [each for each in batch if each.person.casefold() not in known.by_key]
    emails = {email for each in new if (email := mapped.email_of(each))}
    maybe = [contact for email in emails for contact in known.contacts.get(email, ())]
    maybe += [
        person_id(lead) for email in emails for lead in known.by_email.get(email, ()) if lead.get(CONTACT_OF)
    ]
    if unasked := unowned(maybe, known):
        where = {CONTACT_OF: unasked}
        found = wire.select(Select("Lead", ["Id", CONTACT_OF, mapped.key.name], where, mapped.sees_deleted))
        for lead in found:
            known.add_owner(person_id(lead), lead.get(mapped.key.name))


def unowned(contacts: Iterable[str], known: Known) -> list[str]:
    """Those that no lead with a key of ours is known to have become, sorted."""
    return sorted({contact for contact in contacts if contact[:15] not in known.owners})


def _by_address(known: Known, key: str) -> None:
    """Let an equal address tell what a lead became, for a run-as user who cannot see it."""
    for email, contacts in known.contacts.items():
        for lead in known.by_email.get(email, ()):
            for contact in contacts if lead.get("IsConverted", True) else ():
                known.add_owner(contact, lead.get(key))
