"""The look before a write: it finds the contact that each row of a call is for.

A contact that HubSpot merged has a new id, under which it also answers to its old ones: that id is the one to write to.
If it bears the key of another of our people, it stands for both: the lead is there, and nothing of the other's is written over.
If nothing tells of a merge, the lead is set aside, unless the person is found by the address or the key.

Where `adopt` says so, a contact that another tool made and that bears no key of ours is looked for by handle or LinkedIn URL.
Neither is unique in HubSpot, so two contacts with the same one are left alone. The search index lags behind writes, so this
never takes the place of the unique properties; it only spares a second contact beside an old one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from connectors.hubspot.api import Api
from connectors.hubspot.errors import Answer, Conflict, Gone, Judgement, Missing, judge_row, row_errors
from connectors.hubspot.identity import (
    ID_PROPERTY,
    KINDS,
    Contact,
    Plan,
    Target,
    absent,
    contacts_of,
    found_for,
    target_of,
)
from connectors.hubspot.options import KEY
from syncd.connector import Delivered, Failure, Halt, Logger, Outcome, Refused, Reject, Retry


class Lookup:
    """The look-ups of one call."""

    def __init__(
        self, api: Api, plan: Plan, adopt: Sequence[str], log: Logger, outcomes: dict[int, Outcome]
    ) -> None:
        """`outcomes`: the call's, by place; a row that cannot be looked for gets its own here."""
        self._api, self._plan, self._adopt, self._log, self._outcomes = api, plan, adopt, log, outcomes

    def contacts(self, targets: Sequence[Target]) -> list[Target]:
        """The targets with their contacts. All of one kind. Raises Pause, Halt or Refused.

        A mapping that overwrites everything needs no look by the key, for whoever bears it is the person.
        """
        if self._plan.careful or self._adopt or targets[0].kind != "key":
            return self._taken_over(self._found(targets))
        return list(targets)

    def read(self, targets: Sequence[Target], *, surely: bool = False) -> dict[int, Contact]:
        """Contacts by place. `surely`: what is not mentioned this time either is not there."""
        kind = targets[0].kind
        ids = list(dict.fromkeys(target.id for target in targets))
        body: dict[str, Any] = {"properties": self._plan.wanted, "inputs": [{"id": each} for each in ids]}
        if kind != "id":
            body["idProperty"] = ID_PROPERTY[kind]
        answer = self._api.contacts("batch/read", body)
        if not answer.fine:
            self._not_read(targets[0], refused(answer, len(targets), self._plan))
            return {}
        found = found_for(targets, contacts_of(answer.body))
        missing = [target for target in targets if target.row.place not in found]
        if not missing or absent(missing, answer.body):
            return found
        if not surely:
            return found | self.read(missing, surely=True)
        if kind == "id" and len(targets) > 1:  # alone, a merged one is known whatever id it answers under
            for target in missing:
                found |= self.read([target], surely=True)
            return found
        if any(not isinstance(judge_row(error, ()), Gone) for error in row_errors(answer.body)):
            why = Retry("hubspot_row_failed", "HubSpot could not look for the contact")
            self._outcomes |= {target.row.place: why for target in missing}
        return found

    def _found(self, targets: Sequence[Target]) -> list[Target]:
        """With their contacts; one that is gone, or another person's, gives way to what is found by what is left."""
        found = self.read(targets)
        known: list[Target] = []
        again: list[Target] = []
        for target in targets:
            contact = found.get(target.row.place)
            if target.row.place in self._outcomes:
                continue
            if contact is not None and target.misses(contact):
                again += self._without(target, contact)
            elif target.kind == "id" and contact is None:
                again.append(target_of(target.row, target.row.fallback, target.turn + 1))
            elif contact is None and target.taken:
                again += self._taken(target)
            else:
                known.append(target.at(contact))
        for kind in KINDS[1:]:
            left = [target for target in again if target.kind == kind]
            known += self._found(left) if left else []
        return known

    def _without(self, target: Target, other: Contact) -> list[Target]:
        """Give the target without a contact that is another person's; none if that contact stands for both."""
        if target.merged_into(other):
            self._log.info("hubspot_contact_merged", lead=target.row.delivery.lead.id, contact=other.id)
            self._outcomes[target.row.place] = Delivered(other.id, created=False)
            return []
        if target.kind == "email":
            return [self.apart(target_of(target.row, "key", target.turn)._replace(taken=target.taken), other)]
        taken = "" if target.shares(other) else other.id
        return [target_of(target.row, target.row.fallback, target.turn + 1)._replace(taken=taken)]

    def _taken(self, target: Target) -> list[Target]:
        """Give the target by its key after its address met nobody; none after both: a new contact may be a second one."""
        if target.kind == "email":
            return [target_of(target.row, "key", target.turn)._replace(taken=target.taken)]
        why = f"contact {target.taken}, which an earlier lead was written to, bears another person's key"
        self._outcomes[target.row.place] = Reject("hubspot_merged", why)
        return []

    def apart(self, target: Target, other: Contact) -> Target:
        """The target without its address, which is another person's as well."""
        self._log.info("hubspot_mailbox_shared", lead=target.row.delivery.lead.id, contact=other.id)
        return target._replace(shared=True)

    def _not_read(self, target: Target, verdict: Judgement) -> None:
        """A refusal to look for one row."""
        if isinstance(verdict, Missing):
            raise Halt("hubspot_property_missing", f"contacts have no property {', '.join(verdict.names)}")
        if not isinstance(verdict, Gone):
            rejected = Reject("hubspot_refused", "HubSpot refuses to look for the contact")
            self._outcomes[target.row.place] = verdict if isinstance(verdict, Failure) else rejected

    def _taken_over(self, targets: list[Target]) -> list[Target]:
        """Those without a contact get the one that another tool made, if there is one and it is still nobody's."""
        for by in self._adopt:
            lone = [target for target in targets if target.contact is None]
            found: list[Contact] = []
            for body in asked(lone, by, self._plan.wanted):
                answer = self._api.contacts("search", body)
                if not answer.fine:
                    raise Halt("hubspot_adopt_failed", f"HubSpot does not search by {by}")
                found += contacts_of(answer.body)
            chosen = adopted(lone, by, found)
            claims = [Target(a.row, "id", chosen[a.row.place].id) for a in lone if a.row.place in chosen]
            # The index lags: only a read by id tells whether the contact was taken a moment ago
            fresh = self.read(claims) if claims else {}
            sure = {place: contact for place, contact in fresh.items() if not contact.has(KEY)}
            targets = [
                target._replace(kind="id").at(sure[target.row.place]) if target.row.place in sure else target
                for target in targets
            ]
        return targets


def refused(answer: Answer, rows: int, plan: Plan) -> Judgement:
    """Judge a call that was refused whole. Raises Halt, and Refused if it may be one row's fault among several."""
    verdict = judge_row(answer.body, plan.constants)
    if answer.status == HTTPStatus.CONFLICT and not isinstance(verdict, Conflict):
        verdict = Conflict()
    if isinstance(verdict, Halt):
        raise verdict
    if isinstance(verdict, Missing):
        return verdict  # it is the mapping's fault, whichever row it was found in
    if rows > 1:
        code = verdict.code if isinstance(verdict, Failure) else "hubspot_refused"
        raise Refused(code, f"HubSpot refused {rows} contacts at once ({answer.status})")
    if isinstance(verdict, Failure) and verdict.code == "hubspot_row_failed":
        return Reject("hubspot_refused", f"HubSpot refuses the contact ({answer.status})")
    return verdict


_MOST_VALUES = 100
"""Values of one IN."""
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,50}")
_LINKEDIN = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(in|pub)/([^/?#\s]+)", re.IGNORECASE)


def asked(targets: Sequence[Target], by: str, wanted: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The bodies of the searches by one property, `_MOST_VALUES` values each."""
    values = sorted({form for target in targets for form in _forms(by, _own(target, by))})
    for begin in range(0, len(values), _MOST_VALUES):
        filters = [
            {"propertyName": by, "operator": "IN", "values": values[begin : begin + _MOST_VALUES]},
            {"propertyName": KEY, "operator": "NOT_HAS_PROPERTY"},
        ]
        properties = list(dict.fromkeys((*wanted, by)))
        yield {"filterGroups": [{"filters": filters}], "properties": properties, "limit": 200}


def adopted(targets: Sequence[Target], by: str, found: Sequence[Contact]) -> dict[int, Contact]:
    """Return the contacts by the place of their row: only where there is exactly one, and one row for it."""
    by_name: dict[str, list[Contact]] = defaultdict(list)
    for contact in found:
        name = normal(by, contact.has(by))
        if name and not contact.has(KEY):
            by_name[name].append(contact)
    rows: dict[str, list[int]] = defaultdict(list)
    for target in targets:
        rows[normal(by, _own(target, by))].append(target.row.place)
    return {
        places[0]: by_name[name][0]
        for name, places in rows.items()
        if len(places) == 1 and len(by_name.get(name, ())) == 1
    }


def normal(by: str, value: str) -> str:
    """Return a text that is equal for equal people, whatever form was typed; empty if it is neither handle nor profile."""
    value = value.strip()
    if by == "hs_linkedin_url":
        match = _LINKEDIN.match(value)
        return f"{match[1]}/{match[2]}".lower() if match else ""
    handle = re.sub(r"^(?:https?://)?(?:www\.|mobile\.)?(?:twitter|x)\.com/", "", value, flags=re.IGNORECASE)
    handle = handle.removeprefix("@").rstrip("/")
    return handle.lower() if _HANDLE.fullmatch(handle) else ""


def _own(target: Target, by: str) -> str:
    if by == "hs_linkedin_url":
        return str(target.row.delivery.fields.get(by, ""))
    return target.row.delivery.lead.profile.handle or ""


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
