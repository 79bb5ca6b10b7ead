"""Deliver: one connector's lane. It chooses due deliveries, maps and sends them, and records the outcomes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json import loads
from typing import cast

from syncd.connector import Connector
from syncd.core.delivery import Change, Delivered, Delivery, Item, Outcome, Route, in_company, kept, pack
from syncd.core.failure import Failure, Halt, Pause, Refused, Reject, Retry
from syncd.core.flood_gate import GATE_HELD, describe_gate
from syncd.core.lane_state import LaneState, Policy, Situation, reopened
from syncd.core.lead import Lead, read_lead
from syncd.core.verdict import Verdict, broken_off, judge_call, judge_unsent
from syncd.engine import connector_bugs
from syncd.engine.call_journal import CallJournal
from syncd.engine.lane import AGAIN, IDLE, NOBODY, LaneTools, LedgerLane, Next, Observer, outcomes_of
from syncd.engine.names import NAMES_SOON, Names, NameUnknown, require_names
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.attempts import next_due, others_due
from syncd.ledger.deliveries.due import Due, Sent, believed, doubted, due, mark_maybe_sent, record
from syncd.ledger.deliveries.flood_gate import GateState
from syncd.ledger.history import restored_at
from syncd.ledger.leads.ingest import NAME_UNKNOWN, NOT_ENRICHED, WAITS_FOR_NAME
from syncd.ledger.schema import Delivery as DeliveryRow
from syncd.log import opened, traceback_without
from syncd.mapping import FieldMap, Filter, Labels, variables

LOOK_AHEAD = 4
"""Batches' worth of deliveries that a pass looks at, where they may go in several groups."""


@dataclass(frozen=True, slots=True)
class LaneConfig:
    """A connector's lane as configured.

    `exports`: which sources export. `names`: of the sources that deliver here, if the mapping or `where` uses any. `calls`: None
    where no calls are kept.
    """

    name: str
    connector: Connector
    fields: FieldMap
    where: Filter
    policy: Policy
    exports: Mapping[str, bool]
    names: Mapping[str, Names] = field(default_factory=dict)
    observer: Observer = NOBODY
    calls: CallJournal | None = None


_Unsent = Outcome | NameUnknown | None
"""The reason why a delivery is not sent now; None: it is not wanted."""
REJUDGED = frozenset({"filter_failed", NAME_UNKNOWN, NOT_ENRICHED})
"""Codes of deliveries whose `where` has not been decided yet."""
_NO_LABELS = Labels()


_Ready = tuple[Due, Delivery, Route]
"""A due delivery that can be sent."""


class Deliver(LedgerLane):
    """The lane `deliver:NAME`."""

    kind = "deliver"

    def __init__(self, config: LaneConfig, tools: LaneTools) -> None:
        super().__init__(config.name, tools, config.policy)
        self._config, self._people = config, config.connector.objects == "people"
        self._behind_gate = False
        with self._ledger.read() as connection:
            self._restored_at = restored_at(connection)  # nobody restores under a running engine

    def step(self) -> Next:
        """One pass: the deliveries that are due, a batch at most."""
        now, connector = self._clock.now(), self._config.connector
        with self._ledger.read() as connection:
            lane = self._load(connection)
            barred = self._barred(connection, lane, DeliveryRow)
            if barred is not None:
                self._ledger.fresh.drop(self.name)
                return barred
            # People go in groups, by what is known of them: look further, so that calls are full
            limit = connector.batch_size * (LOOK_AHEAD if self._people else 1)
            cap, fresh = self._policy.retry_cap, self._ledger.fresh
            found = due(connection, lane, now, cap, limit, fresh=fresh, draw=self._chance())
            if not found:
                fresh.drop(self.name)
                later = next_due(connection, DeliveryRow, self.name)
                if later is not None:
                    return Next(max(0.001, later - now), "retrying")
                gate = flood_gate.gates(connection).get(self.name)
        if not found:
            return self._idle(gate)
        if self._config.names and self._names_are_coming():
            return Next(NAMES_SOON)
        if self._restored_at is not None:
            found = doubted(found, now, self._restored_at)
        self._pass(reopened(lane), found, more=len(found) >= limit)
        return AGAIN

    def _names_are_coming(self) -> bool:
        coming = [source for source, names in self._config.names.items() if names.coming()]
        for source in coming:
            self._wake("names", source)
        return bool(coming)

    def _idle(self, gate: GateState | None) -> Next:
        """Log once that the gate is closed, if that is why nothing may go."""
        closed = gate is not None and gate.since is not None
        if gate is not None and closed and not self._behind_gate:
            detail = describe_gate(gate.held, gate.size)
            self._log.warning("lane_halted", kind=self.kind, name=self.name, code=GATE_HELD, detail=detail)
        self._behind_gate = closed
        return Next(None, GATE_HELD) if closed else IDLE

    def _pass(self, lane: LaneState, found: Sequence[Due], *, more: bool) -> None:
        """`more`: further ones are due, so that calls need not go half empty."""
        ready, settled = self._prepare(found)
        if settled:
            lane = self._settle_unsent(settled, lane)
        if self._people:
            ready = _one_each(ready, self._clock.now())
        items, size = [(it.item, route) for it, _, route in ready], self._config.connector.batch_size
        calls: Sequence[list[int]] = pack(items, lane, size)
        if more:
            calls = in_company(calls, items, size)
        for call in calls:
            if self._clock.stopping or lane.status != "open":
                return
            was_probing = lane.probing
            lane = self._call([ready[n] for n in call], lane)
            if lane.probing != was_probing:
                return

    def _prepare(self, found: Sequence[Due]) -> tuple[list[_Ready], list[tuple[Due, _Unsent]]]:
        """Split what is due into what can be sent and what is not."""
        ready: list[_Ready] = []
        settled: list[tuple[Due, _Unsent]] = []
        now, route = self._clock.now(), self._config.connector.route
        for one in found:
            if self._people and _is_superseded(one, now):
                settled.append((one, Delivered(one.remote_id, created=False)))
                continue
            try:
                delivery = self._mapped(one, now)
                if delivery is None:
                    settled.append((one, None))
                else:
                    ready.append((one, delivery, route(delivery)))
            except (Failure, NameUnknown) as why:
                settled.append((one, why))
            except Exception as bug:  # noqa: BLE001 - one lead's surprise must not end the lane
                payload = one.lead.raw if one.lead else opened(one.payload)
                trace = traceback_without(bug, [one.person, payload, opened(one.enrichment)])
                broken = connector_bugs.raised(self._config.connector, bug)
                self._log.warning(
                    "connector_failed",
                    connector=self.name,
                    leads=[one.lead_seq],
                    error=broken.detail,
                    exception=trace,
                )
                settled.append((one, Retry(broken.code, broken.detail)))
        return ready, settled

    def _mapped(self, one: Due, now: float) -> Delivery | None:
        """Map anew; None if a `where` that could not be evaluated before now says no."""
        lead = one.lead or _read(one)
        config, item = self._config, one.item
        fields, where, names = config.fields, config.where, config.names.get(one.source)
        enrichment = loads(one.enrichment) if one.enrichment else None
        labels = names.labels if names else _NO_LABELS
        if one.code in REJUDGED:
            if names:
                require_names(names, lead, where.uses, one.discovered_at)
            if not where.accepts(variables(lead, labels, enrichment, where.uses, now)):
                return None
        mapped = fields.of(lead, labels, enrichment, now)
        return Delivery(item.id, lead, mapped, one.person, one.remote_id, item.maybe_sent, item.attempts + 1)

    def _settle_unsent(self, settled: Sequence[tuple[Due, _Unsent]], lane: LaneState) -> LaneState:
        """Write what needs no call. It proves nothing about the remote, so a lane on probation stays on it."""
        now = self._clock.now()
        changes = [
            _unsent(one.item, outcome, now) for one, outcome in settled if not isinstance(outcome, Failure)
        ]
        failed = [(one, outcome) for one, outcome in settled if isinstance(outcome, Failure)]
        items = [one.item for one, _ in failed]
        verdict = judge_unsent(items, [why for _, why in failed], lane, self._situation_after(items, lane))
        verdict = verdict._replace(changes=(*changes, *verdict.changes))
        self._record(verdict, [one for one, _ in settled])
        return verdict.lane

    def _call(self, members: Sequence[_Ready], lane: LaneState) -> LaneState:
        unsafe = [it.item.id for it, _, route in members if not route.resend_safe]
        if unsafe:
            with self._ledger.write() as connection:
                mark_maybe_sent(connection, unsafe, people=self._people)
        batch, calls = [delivery for _, delivery, _ in members], self._config.calls
        if calls is not None:
            calls.begin()
        answer = self._send(batch)
        items = [it.item for it, _, _ in members]
        well = _all_delivered(answer, len(items))
        answer = answer if well else self._checked(batch, answer)
        if unsafe and not well and not _nothing_sent(answer):
            marked = set(unsafe)
            items = [Item(*item[:-1], maybe_sent=True) if item.id in marked else item for item in items]
        verdict = judge_call(items, answer, lane, self._situation_after([] if well else items, lane))
        self._record(verdict, [it for it, _, _ in members])
        if calls is not None:
            calls.end(batch, verdict.changes, self._clock.now())
        return verdict.lane

    def _send(self, batch: Sequence[Delivery]) -> Sequence[Outcome] | BaseException:
        """Call the connector. What it raises after it yielded some outcomes does not undo them."""
        outcomes: list[Outcome] = []
        try:
            answer = self._config.connector.deliver(batch)
            if not isinstance(answer, Iterator):
                return cast("Sequence[Outcome]", answer)  # what is no list is judged as such
            for outcome in answer:
                outcomes.append(outcome)  # noqa: PERF402 - those before an error are kept
        except (Failure, Refused) as why:
            return broken_off(outcomes, why, len(batch))
        except Exception as bug:  # noqa: BLE001 - a plugin's bug must not end the engine; logged with its traceback
            pause = connector_bugs.raised(self._config.connector, bug)
            trace = traceback_without(bug, [(d.person, d.lead.raw, d.fields) for d in batch])
            self._log_bug(batch, pause, exception=trace)
            return broken_off(outcomes, pause, len(batch))
        return outcomes

    def _checked(self, batch: Sequence[Delivery], answer: object) -> Sequence[Outcome] | BaseException:
        """Log a breach of the contract. Return a pause if the answer says nothing about any lead, else the answer."""
        if isinstance(answer, BaseException):
            return answer
        pause = connector_bugs.breach(self._config.connector, answer, len(batch))
        if pause is not None:
            self._log_bug(batch, pause)
            if not connector_bugs.has_outcomes(answer, len(batch)):
                return pause
        return cast("Sequence[Outcome]", answer)

    def _log_bug(self, batch: Sequence[Delivery], bug: Pause, **more: str) -> None:
        leads = [delivery.lead.id for delivery in batch]
        self._log.warning("connector_failed", connector=self.name, leads=leads, error=bug.detail, **more)

    def _situation_after(self, failed: Sequence[Item], lane: LaneState) -> Situation:
        """Look up if others are due, which matters only after a call that was not delivered whole. `failed`: its members."""
        if not failed:
            return self._situation()
        with self._ledger.read() as connection:
            ids = (item.id for item in failed)
            return self._situation(others=others_due(connection, DeliveryRow, lane, self._clock.now(), ids))

    def _record(self, verdict: Verdict, members: Sequence[Due]) -> None:
        by_id = {m.item.id: m for m in members}
        with self._ledger.write() as connection:
            now = self._clock.now()
            sent = {
                m.item.id: Sent(m.person, believed(m.discovered_at, now)) for m in members if self._people
            }
            before, verdict = self._allow(connection, verdict)
            recorded = record(
                connection, self.name, verdict, sent=sent, members=by_id, exports=self._config.exports, now=now
            )  # fmt: skip
        if rejected := recorded.counts.get("rejected", 0):
            code = next((c.code for c in verdict.changes if c.state == "rejected"), "")
            self._log.warning("deliveries_rejected", connector=self.name, n=rejected, code=code)
        if recorded.forgotten:
            self._log.warning(
                "delivered_though_forgotten", connector=self.name, remote_ids=recorded.forgotten
            )
        self._log_change(before, verdict.lane)
        if self._config.observer is not NOBODY:
            delivered = [by_id[c.id] for c in verdict.changes if c.state == "delivered" and c.id in by_id]
            outcomes = outcomes_of(verdict.changes, (m.item for m in members))
            self._config.observer.sent(self.name, outcomes, [now - m.discovered_at for m in delivered])
        for source in recorded.owing:
            self._wake("export", source)


def _read(one: Due) -> Lead:
    """The lead anew from its raw payload."""
    if one.payload is None:
        raise Reject("payload_gone", "The lead's payload was dropped by retention.")
    try:
        return read_lead(one.source, one.payload)
    except ValueError as error:
        raise Reject("lead_malformed", f"The stored payload cannot be read: {error}") from None


def _is_superseded(one: Due, now: float) -> bool:
    """True if a newer lead of the same person is there already: this one would overwrite it with older data."""
    newest = one.newest_delivered
    return newest is not None and believed(one.discovered_at, now) < believed(newest, now)


def _nothing_sent(answer: object) -> bool:
    """True for a raised Halt, a Pause with a reason, and Refused: each promises that nothing was sent."""
    return isinstance(answer, Halt | Refused) or (isinstance(answer, Pause) and not answer.unexplained)


def _all_delivered(answer: object, n: int) -> bool:
    """True if all n members of a call are known to be there."""
    return isinstance(answer, list) and len(answer) == n and all(type(it) is Delivered for it in answer)


def _one_each(ready: Sequence[_Ready], now: float) -> list[_Ready]:
    """The newest lead of each person. The others wait for the next pass, which knows what this one brought."""
    newest: dict[str, _Ready] = {}
    for one in ready:
        it = one[0]
        other = newest.get(it.person)
        if other is None or believed(it.discovered_at, now) >= believed(other[0].discovered_at, now):
            newest[it.person] = one
    return [one for one in ready if newest[one[0].person] is one]


def _unsent(item: Item, outcome: Delivered | NameUnknown | None, now: float) -> Change:
    if isinstance(outcome, Delivered):
        return Change(item.id, "delivered", item.attempts, remote_id=outcome.remote_id)
    if isinstance(outcome, NameUnknown):
        return kept(item)._replace(due_at=now + outcome.seconds, code=NAME_UNKNOWN, detail=WAITS_FOR_NAME)
    return Change(item.id, "dropped", item.attempts, code="unwanted", detail="Its `where` says no.")
