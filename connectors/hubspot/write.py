"""One call of `deliver`: look, write, read the answer row by row, and go after what another contact holds.

Until something of the call was written, trouble is raised and stands for the whole call. From then on it is put
in the place of the rows that it met, and rows that would share a call share it no longer.
"""

from collections.abc import Callable, Mapping, Sequence

from connectors.hubspot.api import Api
from connectors.hubspot.errors import LOCK, LOCKED, Answer, Conflict, Gone, Judgement, Missing, judge_row
from connectors.hubspot.identity import KINDS, Contact, Plan, Target, first_of_each, read_results, target_of
from connectors.hubspot.match import Lookup, refused
from connectors.hubspot.options import KEY, OPTIONAL
from syncd.connector import Delivered, Delivery, Failure, Halt, Logger, Outcome, Pause, Refused, Reject, Retry

_TURNS = 2


class Locks:
    """The answers 423 of an account, kept over calls. HubSpot locks a call because of the account, or of one contact in it.

    Its own locks last two seconds, and the first answer is waited out. A lock that outlasts the wait is taken for some
    contact's: a call is halved until that contact stands alone, where it becomes a suspect as after a bare 500.
    `lasting`: writes in a row that found something locked; a hint only.
    """

    def __init__(self) -> None:
        """Nothing is locked yet."""
        self.lasting = 0

    def met(self, why: Failure, rows: int) -> Failure | Refused:
        """Judge the failure of a write of so many rows."""
        if why.code != LOCKED:
            return why
        self.lasting += 1
        return why if self.lasting == 1 else narrow_lock(why, rows)


def narrow_lock(why: Failure, rows: int) -> Failure | Refused:
    """The failure for a lock that outlasts HubSpot's own: Refused for several rows, an unexplained Pause for one."""
    if rows > 1:
        return Refused(why.code, f"HubSpot keeps one of {rows} contacts locked")
    asked = why.after if (why.after or 0.0) > LOCK else None
    return Pause(why.code, "HubSpot keeps the contact locked", after=asked, unexplained=True)


class Sending:
    """See the module."""

    def __init__(self, api: Api, plan: Plan, adopt: Sequence[str], log: Logger, locks: Locks) -> None:
        """Made anew for every call. `locks`: what the calls before it met."""
        self._api, self._plan, self._log, self._locks = api, plan, log, locks
        self._outcomes: dict[int, Outcome] = {}
        self._lookup = Lookup(api, plan, adopt, log, self._outcomes)
        self._created: frozenset[str] = frozenset()

    def run(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """An outcome for each delivery. Raises Pause, Halt or Refused when nothing was written."""
        first, later = first_of_each([target_of(row) for row in self._plan.rows(batch)])
        for kind in KINDS:
            self._try(self._send, [target for target in first if target.kind == kind])
        for target in later:
            self._try(self._send, [target])
        return [self._outcomes[place] for place in range(len(batch))]

    def _try(self, work: Callable[[Sequence[Target]], None], targets: Sequence[Target]) -> None:
        """Do it; once something was written, trouble stands in its rows' places."""
        if not targets:
            return
        try:
            work(targets)
        except Refused:
            if not self._outcomes:
                raise
            for target in targets:
                if target.row.place not in self._outcomes:
                    self._try(work, [target])
        except Failure as why:
            if not self._outcomes:
                raise
            for target in targets:
                self._outcomes.setdefault(target.row.place, why)

    def _send(self, targets: Sequence[Target]) -> None:
        """Look and write. All of one kind, no id twice."""
        self._write(self._lookup.contacts(targets))

    # Writing

    def _write(self, targets: Sequence[Target]) -> None:
        """Write what was looked up, each kind in a call of its own."""
        first, later = first_of_each([target for target in targets if target.row.place not in self._outcomes])
        for kind in KINDS:
            self._try(self._write_one_kind, [target for target in first if target.kind == kind])
        for target in later:
            self._try(self._send, [target_of(target.row, turn=target.turn)])

    def _write_one_kind(self, targets: Sequence[Target]) -> None:
        what = "batch/update" if targets[0].kind == "id" else "batch/upsert"
        answer = self._written(what, targets)
        if not answer.fine:
            verdict = refused(answer, len(targets), self._plan)
            self._resolve([(target, verdict) for target in targets])
            return
        results = read_results(targets, answer.body)
        self._created |= results.created
        self._outcomes |= {
            place: Delivered(id_, created=id_ in self._created) for place, id_ in results.done.items()
        }
        unmentioned = [target for target in targets if target.row.place in results.unmentioned]
        if results.stray and len(targets) > 1:
            for target in unmentioned:
                self._try(self._write_one_kind, [target])
        else:
            self._left_out(unmentioned)
        failed = [
            (target, results.failed[target.row.place])
            for target in targets
            if target.row.place in results.failed
        ]
        self._resolve([(target, judge_row(error, self._plan.constants)) for target, error in failed])

    def _written(self, what: str, targets: Sequence[Target]) -> Answer:
        try:
            answer = self._api.contacts(what, {"inputs": [self._plan.input(target) for target in targets]})
        except Failure as why:
            raise self._locks.met(why, len(targets)) from None
        self._locks.lasting = 0
        return answer

    # What was not written

    def _left_out(self, targets: Sequence[Target]) -> None:
        """HubSpot leaves a merged id out of an update: look again, and if it is left out again, take it for gone."""
        once = [target for target in targets if target.kind == "id" and not target.left_out]
        self._try(self._send, [target._replace(contact=None, looked=False, left_out=True) for target in once])
        gone = [
            target for target in targets if target.kind == "id" and target.left_out and target.turn < _TURNS
        ]
        self._look_elsewhere(gone)
        why = Retry("hubspot_row_forgotten", "HubSpot's answer does not mention the contact")
        for target in targets:
            self._outcomes.setdefault(target.row.place, why)

    def _resolve(self, judged: Sequence[tuple[Target, Judgement]]) -> None:
        lacking = [(target, one.names) for target, one in judged if isinstance(one, Missing)]
        if lacking:
            self._leave_out({name for _, names in lacking for name in names})
        self._outcomes |= {target.row.place: one for target, one in judged if isinstance(one, Failure)}
        self._try(self._write, [target for target, _ in lacking])
        gone = [target for target, one in judged if isinstance(one, Gone)]
        self._look_elsewhere([target for target in gone if target.kind == "id" and target.turn < _TURNS])
        lost = [target for target in gone if target.kind != "id" or target.turn >= _TURNS]
        why = Retry("hubspot_row_failed", "HubSpot says that there is no such contact", of_record=True)
        self._outcomes |= {target.row.place: why for target in lost}
        conflicts = {target.row.place: one.existing for target, one in judged if isinstance(one, Conflict)}
        taken = [target for target, _ in judged if target.row.place in conflicts]
        self._try(lambda targets: self._follow(targets, conflicts), taken)

    def _leave_out(self, names: set[str]) -> None:
        """Go on without properties that not every portal has. Raises Halt for any other."""
        wrong = sorted(names - (OPTIONAL - self._plan.dropped))
        if wrong:
            raise Halt("hubspot_property_missing", f"contacts have no property {', '.join(wrong)}")
        self._plan.dropped |= names
        self._log.warning("hubspot_property_left_out", properties=sorted(names))

    def _look_elsewhere(self, targets: Sequence[Target]) -> None:
        for kind in KINDS[1:]:
            self._try(
                self._send,
                [
                    target_of(target.row, kind, target.turn + 1)
                    for target in targets
                    if target.row.fallback == kind
                ],
            )

    def _follow(self, targets: Sequence[Target], conflicts: Mapping[int, str]) -> None:
        """Update the contact that holds the unique value, if it is this person's; else say which two there are."""
        holders = self._holders(targets, conflicts)
        ours: list[Target] = []
        apart: list[Target] = []
        for target in targets:
            place, holder = target.row.place, holders.get(target.row.place)
            if place in self._outcomes:
                continue
            if holder is None:
                why = Retry(
                    "hubspot_row_failed", "HubSpot names another contact that is not there", of_record=True
                )
                self._outcomes[place] = why
            elif target.turn < _TURNS and target.shares(holder):
                own = (
                    target._replace(turn=target.turn + 1)
                    if target.kind == "id"
                    else target_of(target.row, "key", target.turn + 1)
                )
                apart.append(self._lookup.apart(own, holder))
            elif (verdict := _claim(target, holder)) is not None:
                self._outcomes[place] = verdict
            else:
                ours.append(Target(target.row, "id", holder.id, holder, looked=True, turn=target.turn + 1))
        self._try(self._write, ours)
        for kind in KINDS:
            self._try(self._send, [target for target in apart if target.kind == kind])

    def _holders(self, targets: Sequence[Target], conflicts: Mapping[int, str]) -> dict[int, Contact]:
        """The contacts that hold the rows' unique values: those that the answers named, else by looking."""
        found: dict[int, Contact] = {}
        named = [Target(a.row, "id", conflicts[a.row.place]) for a in targets if conflicts[a.row.place]]
        if named:
            found |= self._lookup.read(named)
        unnamed = [target for target in targets if not conflicts[target.row.place]]
        for kind in KINDS[:0:-1]:  # a row's own contact, met by its key, is not in its way
            left = [
                target_of(target.row, kind)
                for target in unnamed
                if target.row.place not in found and target.kind != kind
            ]
            left = [target for target in left if target.id]
            own = {target.row.place: target.id for target in unnamed if target.kind == "id"}
            holders = self._lookup.read(left) if left else {}
            found |= {place: it for place, it in holders.items() if it.id != own.get(place)}
        return found


def _claim(target: Target, holder: Contact) -> Failure | None:
    """Return the reason why the row may not go to the contact that holds one of its unique values; None if it may."""
    row = target.row
    if target.turn >= _TURNS:
        return Retry("hubspot_row_failed", "HubSpot names one contact after another", of_record=True)
    if holder.has(KEY) == row.delivery.person:
        same = target.turn > 0 and target.kind == "id" and target.id != holder.id
        return _two(target.id, holder.id) if same else None
    if not row.email or row.email not in holder.emails:
        return Reject("hubspot_email_taken", f"contact {holder.id} holds the address")
    known = target.kind == "id" and (target.turn > 0 or target.id == row.delivery.remote_id)
    return _two(target.id, holder.id) if known else None


def _two(one: str, other: str) -> Failure:
    return Reject("hubspot_two_contacts", f"contacts {one} and {other} would have to be one")
