"""Sending the rows of a batch that go the same way, and what follows from how they were answered.

A converted lead is done, and its Contact's id is worth a query. What a duplicate rule reports is rejected with the
ids, or linked where the options say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from connectors.salesforce import identity
from connectors.salesforce.errors import Converted, Duplicate, Judged, judge_rows
from connectors.salesforce.identity import CONTACT_OF, How, Known, Mapped, Record, person_id
from connectors.salesforce.match import Select, unowned
from syncd.connector import Delivered, Delivery, Failure, Logger, Outcome, Refused, Reject, Retry

if TYPE_CHECKING:
    from connectors.salesforce.api import Wire

_CONTACT, _LEAD = "003", "00Q"
_MOST = 300
"""Characters of the options that a detail names."""
_REPORTED = "was reported by a duplicate rule"


@dataclass(frozen=True, slots=True)
class Sender:
    """One batch's. `assignment`: the header's value for new leads."""

    wire: "Wire"
    log: Logger
    mapped: Mapped
    known: Known
    assignment: str

    def send(self, how: How, rows: Mapping[int, Record], batch: Sequence[Delivery]) -> dict[int, Outcome]:
        """One call, of rows by their place in the batch; their outcomes likewise.

        Raises:
            Failure: the call failed whole.
            Refused: it was refused, and nothing was written.
        """
        members = {n: batch[n] for n in rows}
        converted: dict[int, Delivery] = {}
        reported: dict[int, Duplicate] = {}
        outcomes: dict[int, Outcome] = {}
        judged = self._write(how, list(rows.values()), list(members.values()))
        for n, one in zip(rows, judged, strict=True):
            if isinstance(one, Converted):
                converted[n] = members[n]
            elif isinstance(one, Duplicate):
                reported[n] = one
            else:
                outcomes[n] = one
        if not converted and not reported:
            return outcomes
        outcomes |= self._moved(converted) if converted else {}
        outcomes |= self._reported(reported, members) if reported else {}
        return {n: outcomes[n] for n in rows}

    def _write(self, how: How, records: Sequence[Record], members: Sequence[Delivery]) -> list[Judged]:
        path = "composite/sobjects" + ("" if how == "link" else f"/Lead/{self.mapped.key.name}")
        self.wire.assignment = self.assignment if how == "create" else "FALSE"
        try:
            answer = self.wire.call("PATCH", path, body={"allOrNone": False, "records": records})
        finally:
            self.wire.assignment = "FALSE"
        judged = [self._with_options(one) for one in judge_rows(answer, members)]
        if how != "link":
            return judged
        return [replace(one, created=False) if isinstance(one, Delivered) else one for one in judged]

    def _with_options(self, one: Judged) -> Judged:
        """Add the options that there are to the refusal of a picklist's value."""
        if not isinstance(one, Reject) or one.code != "salesforce_picklist":
            return one
        fields = one.detail.rpartition(" on ")[2].split(", ")
        listed = [it.column.options for it in self.mapped.places.values() if it.field in fields]
        options = sorted(set().union(*filter(None, listed)))
        return Reject(one.code, f"{one.detail}, only: {', '.join(options)[:_MOST]}") if options else one

    def _moved(self, converted: Mapping[int, Delivery]) -> dict[int, Outcome]:
        """Delivered, with the Contact's id if it can be had: nothing is sent there ever after."""
        key = self.mapped.key.name
        found = Known()
        try:
            where = {key: [each.person for each in converted.values()]}
            found.add_leads(self.wire.select(Select("Lead", self.mapped.selected(), where)), key)
        except (Failure, Refused) as why:
            self.log.info("contact_not_found", code=why.code)
        leads = {n: found.by_key.get(each.person.casefold()) for n, each in converted.items()}
        return {
            n: Delivered(person_id(lead) if lead else converted[n].remote_id, created=False)
            for n, lead in leads.items()
        }

    def _reported(
        self, reported: Mapping[int, Duplicate], members: Mapping[int, Delivery]
    ) -> dict[int, Outcome]:
        """By the policy. Salesforce may leave the ids out; our own look-up by email may know them."""
        ids = {n: one.ids or self._namesakes(members[n]) for n, one in reported.items()}
        outcomes: dict[int, Outcome] = {n: identity.duplicate(ids[n], _REPORTED) for n in reported}
        if self.mapped.duplicates != "link":
            return outcomes
        single = {n: found[0] for n, found in ids.items() if len(found) == 1}
        try:
            return outcomes | self._linked(single, members)
        except (Failure, Refused) as why:
            failed = why if isinstance(why, Failure) else Retry(why.code, why.detail)
            return outcomes | dict.fromkeys(single, failed)

    def _namesakes(self, delivery: Delivery) -> tuple[str, ...]:
        leads: Sequence[Record] = self.known.by_email.get(self.mapped.email_of(delivery) or "", ())
        return tuple(sorted(str(lead["Id"]) for lead in leads))

    def _linked(self, single: Mapping[int, str], members: Mapping[int, Delivery]) -> dict[int, Outcome]:
        """Our key on the leads that were reported; a Contact has its person already, and so has a converted lead.

        Whoever of them is another person of ours is left out: the rejection stands.
        """
        key, known = self.mapped.key.name, self.known
        contacts = {n: one for n, one in single.items() if one.startswith(_CONTACT)}
        places = {one[:15]: n for n, one in single.items() if one.startswith(_LEAD)}
        where = {"Id": [single[n] for n in places.values()]}
        if CONTACT_OF in self.mapped.standard:
            where[CONTACT_OF] = unowned(contacts.values(), known)
        people = dict(contacts)
        rows: dict[int, Record] = {}
        for lead in self.wire.select(Select("Lead", self.mapped.selected(), where, self.mapped.sees_deleted)):
            if lead.get(CONTACT_OF):
                known.add_owner(person_id(lead), lead.get(key))
            n = places.get(str(lead["Id"])[:15])
            if n is None or lead.get("IsDeleted") or lead.get(key):
                continue
            if lead.get("IsConverted"):
                people[n] = person_id(lead)
            else:
                rows[n] = identity.linked(members[n], self.mapped, lead)
        outcomes: dict[int, Outcome] = {
            n: Delivered(one, created=False)
            for n, one in people.items()
            if not known.theirs(one, members[n].person)
        }
        if rows:
            answers = self._write("link", list(rows.values()), [members[n] for n in rows])
            outcomes |= {n: _plain(one) for n, one in zip(rows, answers, strict=True)}
        return outcomes


def _plain(judged: Judged) -> Outcome:
    """The outcome of a link, from which nothing more follows."""
    if isinstance(judged, Converted):
        return Delivered(created=False)
    return identity.duplicate(judged.ids, _REPORTED) if isinstance(judged, Duplicate) else judged
