"""One call of `deliver`: look, write, read the answer row by row, and go after what another contact holds.

Until something of the call was written, trouble is raised and stands for the whole call. From then on it is put
in the place of the rows that it met, and rows that would share a call share it no longer.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from connectors.hubspot_adopt import adopted, asked
from connectors.hubspot_answers import Answer, Conflict, Gone, Lacking, Word, reject, retry, row_errors, word
from connectors.hubspot_api import Api
from connectors.hubspot_matching import absent, contacts_of, found_for, sorted_out
from connectors.hubspot_options import CODES, KEY, OPTIONAL
from connectors.hubspot_rows import (
    ID_PROPERTY,
    Aim,
    Contact,
    Kind,
    Plan,
    aimed,
    first_of_each,
)
from syncd.connector import Logger
from syncd.delivery import Delivered, Delivery, Outcome
from syncd.failure import Failure, Halt, Refused

_TURNS = 2
_KINDS: tuple[Kind, ...] = ("id", "email", "key")


class Sending:
    """See the module."""

    def __init__(self, api: Api, plan: Plan, adopt: Sequence[str], log: Logger) -> None:
        """Made anew for every call."""
        self._api, self._plan, self._adopt, self._log = api, plan, adopt, log
        self._outcomes: dict[int, Outcome] = {}
        self._born: frozenset[str] = frozenset()

    def run(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """An outcome for each delivery. Raises Pause, Halt or Refused when nothing was written."""
        first, later = first_of_each([aimed(row) for row in self._plan.rows(batch)])
        for kind in _KINDS:
            self._try(self._send, [aim for aim in first if aim.kind == kind])
        for aim in later:
            self._try(self._send, [aim])
        return [self._outcomes[place] for place in range(len(batch))]

    def _try(self, work: Callable[[Sequence[Aim]], None], aims: Sequence[Aim]) -> None:
        """Do it; once something was written, trouble stands in its rows' places."""
        if not aims:
            return
        try:
            work(aims)
        except Refused:
            if not self._outcomes:
                raise
            for aim in aims:
                if aim.row.place not in self._outcomes:
                    self._try(work, [aim])
        except Failure as why:
            if not self._outcomes:
                raise
            for aim in aims:
                self._outcomes.setdefault(aim.row.place, why)

    def _send(self, aims: Sequence[Aim]) -> None:
        """Look and write. All of one kind, no id twice."""
        if self._plan.careful or self._adopt:
            aims = self._taken_over(self._looked_up(aims))
        self._write(aims)

    # Looking

    def _looked_up(self, aims: Sequence[Aim]) -> list[Aim]:
        """With their contacts; a contact that is gone is looked for by what is left."""
        found = self._read(aims)
        known = [
            aim._replace(contact=found.get(aim.row.place), looked=True)
            for aim in aims
            if aim.row.place not in self._outcomes
        ]
        gone = [aim for aim in known if aim.kind == "id" and aim.contact is None]
        known = [aim for aim in known if aim not in gone]
        for kind in _KINDS[1:]:
            again = [aimed(a.row, kind, a.turn + 1) for a in gone if a.row.fallback == kind]
            known += self._looked_up(again) if again else []
        return known

    def _read(self, aims: Sequence[Aim], *, surely: bool = False) -> dict[int, Contact]:
        """Contacts by place. `surely`: what is not mentioned this time either is not there."""
        kind = aims[0].kind
        ids = list(dict.fromkeys(aim.id for aim in aims))
        body: dict[str, Any] = {"properties": self._plan.wanted, "inputs": [{"id": each} for each in ids]}
        if kind != "id":
            body["idProperty"] = ID_PROPERTY[kind]
        answer = self._api.contacts("batch/read", body)
        if not answer.fine:
            self._not_read(aims[0], self._refused(answer, aims))
            return {}
        found = found_for(aims, contacts_of(answer.body))
        missing = [aim for aim in aims if aim.row.place not in found]
        if not missing or absent(missing, answer.body):
            return found
        if not surely:
            return found | self._read(missing, surely=True)
        if any(not isinstance(word(error, ()), Gone) for error in row_errors(answer.body)):
            why = retry("hubspot_row_failed", "HubSpot could not look for the contact")
            self._outcomes |= {aim.row.place: why for aim in missing}
        return found

    def _not_read(self, aim: Aim, verdict: Word) -> None:
        """A refusal to look for one row."""
        if isinstance(verdict, Lacking):
            raise _halt("hubspot_property_missing", f"contacts have no property {', '.join(verdict.names)}")
        if not isinstance(verdict, Gone):
            odd = reject("hubspot_refused", "HubSpot refuses to look for the contact")
            self._outcomes[aim.row.place] = verdict if isinstance(verdict, Failure) else odd

    def _taken_over(self, aims: list[Aim]) -> list[Aim]:
        """Those without a contact get the one that another tool made, if there is one and it is still nobody's."""
        for by in self._adopt:
            lone = [aim for aim in aims if aim.contact is None]
            found: list[Contact] = []
            for body in asked(lone, by, self._plan.wanted):
                answer = self._api.contacts("search", body)
                if not answer.fine:
                    raise _halt("hubspot_adopt_failed", f"HubSpot does not search by {by}")
                found += contacts_of(answer.body)
            chosen = adopted(lone, by, found)
            claims = [Aim(a.row, "id", chosen[a.row.place].id) for a in lone if a.row.place in chosen]
            # The index lags: only a read by id tells whether the contact was taken a moment ago
            fresh = self._read(claims) if claims else {}
            sure = {place: contact for place, contact in fresh.items() if not contact.has(KEY)}
            aims = [
                Aim(aim.row, "id", sure[aim.row.place].id, sure[aim.row.place], looked=True, turn=aim.turn)
                if aim.row.place in sure
                else aim
                for aim in aims
            ]
        return aims

    # Writing

    def _write(self, aims: Sequence[Aim]) -> None:
        """Write what was looked up, each kind in a call of its own."""
        first, later = first_of_each([aim for aim in aims if aim.row.place not in self._outcomes])
        for kind in _KINDS:
            self._try(self._write_one_kind, [aim for aim in first if aim.kind == kind])
        for aim in later:
            self._try(self._send, [aimed(aim.row, turn=aim.turn)])

    def _write_one_kind(self, aims: Sequence[Aim]) -> None:
        what = "batch/update" if aims[0].kind == "id" else "batch/upsert"
        answer = self._api.contacts(what, {"inputs": [self._plan.input(aim) for aim in aims]})
        if not answer.fine:
            verdict = self._refused(answer, aims)
            self._resolve([(aim, verdict) for aim in aims])
            return
        said = sorted_out(aims, answer.body)
        self._born |= said.born
        self._outcomes |= {
            place: Delivered(id_, created=id_ in self._born) for place, id_ in said.done.items()
        }
        unsaid = [aim for aim in aims if aim.row.place in said.unsaid]
        if said.stray and len(aims) > 1:
            for aim in unsaid:
                self._try(self._write_one_kind, [aim])
        else:
            why = retry("hubspot_row_forgotten", "HubSpot's answer does not mention the contact")
            self._outcomes |= {aim.row.place: why for aim in unsaid}
        failed = [(aim, said.failed[aim.row.place]) for aim in aims if aim.row.place in said.failed]
        self._resolve([(aim, word(error, self._plan.constants)) for aim, error in failed])

    def _refused(self, answer: Answer, aims: Sequence[Aim]) -> Word:
        """What a call that was refused whole comes to. Raises Refused if it may be one row's fault among several."""
        verdict = word(answer.body, self._plan.constants)
        if answer.status == HTTPStatus.CONFLICT and not isinstance(verdict, Conflict):
            verdict = Conflict()
        if isinstance(verdict, Halt):
            raise verdict
        if isinstance(verdict, Lacking):
            return verdict  # it is the mapping's fault, whichever row it was found in
        if len(aims) > 1:
            code = verdict.code if isinstance(verdict, Failure) else "hubspot_refused"
            raise Refused(code, f"HubSpot refused {len(aims)} contacts at once ({answer.status})")
        if isinstance(verdict, Failure) and verdict.code == "hubspot_row_failed":
            return reject("hubspot_refused", f"HubSpot refuses the contact ({answer.status})")
        return verdict

    # What was not written

    def _resolve(self, words: Sequence[tuple[Aim, Word]]) -> None:
        lacking = [(aim, said) for aim, said in words if isinstance(said, Lacking)]
        if lacking:
            self._leave_out({name for _, said in lacking for name in said.names})
        for aim, said in words:
            if isinstance(said, Failure):
                self._outcomes[aim.row.place] = said
        self._try(self._write, [aim for aim, _ in lacking])
        gone = [aim for aim, said in words if isinstance(said, Gone)]
        self._look_elsewhere([aim for aim in gone if aim.kind == "id" and aim.turn < _TURNS])
        lost = [aim for aim in gone if aim.kind != "id" or aim.turn >= _TURNS]
        why = retry("hubspot_row_failed", "HubSpot says that there is no such contact")
        self._outcomes |= {aim.row.place: why for aim in lost}
        conflicts = {aim.row.place: said.existing for aim, said in words if isinstance(said, Conflict)}
        taken = [aim for aim, said in words if isinstance(said, Conflict)]
        self._try(lambda aims: self._follow(aims, conflicts), taken)

    def _leave_out(self, names: set[str]) -> None:
        """Go on without properties that not every portal has. Raises Halt for any other."""
        wrong = sorted(names - (OPTIONAL - self._plan.dropped))
        if wrong:
            raise _halt("hubspot_property_missing", f"contacts have no property {', '.join(wrong)}")
        self._plan.dropped |= names
        self._log.warning("hubspot_property_left_out", properties=sorted(names))

    def _look_elsewhere(self, aims: Sequence[Aim]) -> None:
        for kind in _KINDS[1:]:
            self._try(
                self._send, [aimed(aim.row, kind, aim.turn + 1) for aim in aims if aim.row.fallback == kind]
            )

    def _follow(self, aims: Sequence[Aim], conflicts: Mapping[int, str]) -> None:
        """Update the contact that holds the unique value, if it is this person's; else say which two there are."""
        holders = self._holders(aims, conflicts)
        ours: list[Aim] = []
        for aim in aims:
            place, holder = aim.row.place, holders.get(aim.row.place)
            if place in self._outcomes:
                continue
            if holder is None:
                why = retry("hubspot_row_failed", "HubSpot names another contact that is not there")
                self._outcomes[place] = why
            elif (verdict := _claim(aim, holder)) is not None:
                self._outcomes[place] = verdict
            else:
                ours.append(Aim(aim.row, "id", holder.id, holder, looked=True, turn=aim.turn + 1))
        self._try(self._write, ours)

    def _holders(self, aims: Sequence[Aim], conflicts: Mapping[int, str]) -> dict[int, Contact]:
        """The contacts that hold the rows' unique values: those that the answers named, else by looking."""
        found: dict[int, Contact] = {}
        named = [Aim(a.row, "id", conflicts[a.row.place]) for a in aims if conflicts[a.row.place]]
        if named:
            found |= self._read(named)
        for kind in ("key", "email"):
            unnamed = [
                aimed(aim.row, kind)
                for aim in aims
                if not conflicts[aim.row.place] and aim.row.place not in found
            ]
            unnamed = [aim for aim in unnamed if aim.id]
            if unnamed:
                found |= self._read(unnamed)
        return found


def _claim(aim: Aim, holder: Contact) -> Failure | None:
    """Why the row may not go to the contact that holds one of its unique values; None if it may."""
    row = aim.row
    if aim.turn >= _TURNS:
        return retry("hubspot_row_failed", "HubSpot names one contact after another")
    if holder.has(KEY) == row.delivery.person:
        same = aim.turn > 0 and aim.kind == "id" and aim.id != holder.id
        return _two(aim.id, holder.id) if same else None
    if not row.email or row.email not in holder.emails:
        return reject("hubspot_email_taken", f"contact {holder.id} holds the address")
    known = aim.kind == "id" and (aim.turn > 0 or aim.id == row.delivery.remote_id)
    return _two(aim.id, holder.id) if known else None


def _two(one: str, other: str) -> Failure:
    return reject("hubspot_two_contacts", f"contacts {one} and {other} would have to be one")


def _halt(code: str, detail: str) -> Halt:
    return Halt(code, detail, fix=CODES[code])
