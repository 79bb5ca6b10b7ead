"""Enrich: one source's lane in front of delivering. It settles what needs no asking in sets, and asks one thing at a time.

One at a time, for the balance that an answer tells decides about the next. An ask is committed before it leaves, with
its slot and its place in the day's budget; its answer is committed together with the lead's deliveries. Killed between,
it is asked again, once: see `syncd.core.enrichment`.

What hinders (`credits_exhausted`, `credits_kept`, `per_day_spent`, no team, a refusal of the account) pauses or halts this lane
alone, and `when_exhausted` decides about the leads that wait: `deliver` settles them as they are, `hold` keeps them. An
outage holds them whatever it says, and so does a source that is paused or halted itself. Settled as it is, a lead goes at once to
each connector that wants it so. One whose `where` hangs on what was not asked goes on waiting, and is asked for later.

One lead that CTGO refuses stops nobody: it comes after all others, and the lane halts if the next one is refused too. Ten that
are not found in a row, none found between, are the route's fault: the lane halts, and they wait again. While a failure pauses
the lane, a lead that was never asked about may be asked about sooner: see `until_unasked`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from syncd.core.delivery import Item
from syncd.core.enrichment import (
    DAY,
    HOUR,
    SET_BOUNDS,
    SOONER,
    CreditBalance,
    day_of,
    hindrance,
    merged,
    price_seen,
    until_unasked,
    with_asked,
)
from syncd.core.failure import Failure, Halt, Pause, Reject
from syncd.core.lane_state import (
    BY_HAND,
    SHORTEST_PAUSE,
    SOURCE_LANES,
    LaneState,
    is_believed,
    paused,
    reopened,
)
from syncd.core.verdict import judge_call
from syncd.ctgo import Enrichment, Me
from syncd.engine.budget import Reservation
from syncd.engine.enrich_questions import (
    AfterEnrichment,
    Question,
    enriched,
    found_in,
    judge,
    put_back,
    without,
)
from syncd.engine.lane import AGAIN, IDLE, LaneTools, LedgerLane, Next
from syncd.engine.source import SourceContext
from syncd.ledger import Ledger, Transaction
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.lanes import halt_lanes, load_lane
from syncd.ledger.leads import enrichment

BATCH = 100
"""Leads that a step looks at."""
LONGEST_PAUSE = 3600.0
"""Seconds: every probe of an endpoint that does not answer may cost credits."""
HINDERED = SET_BOUNDS | {"credits_exhausted", "budget_exhausted"}
"""Codes of pauses that `when_exhausted` is about; halts of this lane alone are the others."""
OF_ONE_LEAD = frozenset({"forbidden", "bad_request"})
"""Codes of halts that may be about the lead that was asked about, for CTGO named no reason."""


class Enrich(LedgerLane):
    """The lane `enrich:NAME`."""

    kind = "enrich"
    halting = (Halt,)

    def __init__(self, context: SourceContext, tools: LaneTools) -> None:
        super().__init__(context.name, tools, context.policy._replace(pause_cap=LONGEST_PAUSE))
        self._context, self._enriching = context, context.recipients.enriching
        # What is enriched is judged as any lead is
        self._recipients = replace(context.recipients, enriching=None)
        self._balance_unknown_until = self._answered_at = 0.0
        self._sets = 0
        self._in_burst = False

    def step(self) -> Next:
        """One pass: settle what needs no asking, else ask about one lead."""
        sets = self._sets
        after = self._step()
        if self._in_burst and sets == self._sets:
            self._end_burst()
        return after

    def _step(self) -> Next:
        with self._ledger.read() as connection:
            found = enrichment.waiting(connection, self.name, BATCH, self._recipients.connectors)
            if not found:
                return IDLE
            lane = self._load(connection)
            source = load_lane(connection, "pull", self.name)
            persons = {it.person for it in found}
            known = enrichment.known(connection, self.name, persons)
            asked = enrichment.unanswered(connection, self.name, persons)
        recipients = self._context.recipients
        verdicts = [
            judge(self.name, it, merged(known.get(it.person, ())), asked.get(it.person), recipients)
            for it in found
        ]
        over = [it for it in verdicts if isinstance(it, AfterEnrichment)]
        if over:
            self._settle(over)
            return AGAIN
        questions = [it for it in verdicts if isinstance(it, Question)]
        return self._go_on(lane, source, questions) if questions else self._await_names()

    def _go_on(self, lane: LaneState, source: LaneState, questions: Sequence[Question]) -> Next:
        now = self._clock.now()
        if source.wait(now) != 0:
            return Next(source.wait(now), source.code)
        standstill = self._standstill(lane)
        if standstill is None:
            return self._ask_due(reopened(lane), questions, now)
        if self._is_to_deliver(lane):
            over = [it for q in questions if (it := without(q, lane.code, self._recipients))]
            if over:
                self._settle(over)
                return AGAIN
        sooner = self._until_unasked(lane, questions)
        if sooner is None or (standstill.wait or 0.0) <= sooner:
            return standstill
        return Next(sooner, lane.code) if sooner else self._ask_due(lane, questions, now)

    def _until_unasked(self, lane: LaneState, questions: Sequence[Question]) -> float | None:
        if all(question.asked for question in questions):
            return None
        now = self._clock.now()
        with self._ledger.read() as connection:
            return until_unasked(lane, enrichment.asked_in_vain(connection, self.name, now - DAY), now)

    def _await_names(self) -> Next:
        """All that is left waits for names; wake the lane that asks for them."""
        names = self._context.recipients.names
        if names and names.coming():
            self._wake("names", self.name)
        return Next(60.0, "name_unknown")

    def _is_to_deliver(self, lane: LaneState) -> bool:
        """True if leads go on without what this lane cannot have."""
        hindered = lane.code in HINDERED or (lane.status == "halted" and lane.code != "key_refused")
        return bool(
            self._enriching
            and self._enriching.when_exhausted == "deliver"
            and hindered
            and lane.code != BY_HAND
        )

    # Settling

    def _settle(self, over: Sequence[AfterEnrichment], connection: Transaction | None = None) -> None:
        if connection is None:
            # Sets that follow one another are one burst to a gate; what was asked about comes one by one
            self._sets += 1
            self._in_burst = bool(self._context.gates)
            with self._ledger.write() as own:
                return self._settle_in(own, over, burst_ends=False)
        return self._settle_in(connection, over, burst_ends=True)

    def _settle_in(
        self, connection: Transaction, over: Sequence[AfterEnrichment], *, burst_ends: bool
    ) -> None:
        page = flood_gate.page(connection, self._context.gates, self.name, self.kind)
        given_up = {it.waiting.person for it in over if it.skipped == "enrich_answer_lost"}
        if given_up:
            enrichment.close_asks(connection, self.name, given_up)
        woken = enrichment.settle_enriched(
            connection,
            self.name,
            [enriched(it, self._recipients) for it in over],
            self._clock.now(),
            exports=self._context.exports,
            marks=dict.fromkeys(self._context.gates.sizes, self.kind),
        )
        flood_gate.take_in(connection, self._context.gates, page, self._clock.now(), over=burst_ends)
        for code, n in Counter(it.skipped for it in over if it.skipped).items():
            self._log.info("leads_not_enriched", source=self.name, n=n, code=code)
        for connector in woken:
            self._wake("deliver", connector)
        self._wake("export", self.name)

    def _end_burst(self) -> None:
        with self._ledger.write() as connection:
            page = flood_gate.page(connection, self._context.gates, self.name, self.kind)
            flood_gate.take_in(connection, self._context.gates, page, self._clock.now(), over=True)
        self._in_burst = False
        for connector in self._context.gates.sizes:
            self._wake("deliver", connector)

    # Asking

    def _ask_due(self, lane: LaneState, questions: Sequence[Question], now: float) -> Next:
        due = [it for it in questions if it.again_at <= now or it.lost_before(self._answered_at)]
        if due:
            return self._ask(lane, due)
        return Next(min(question.again_at for question in questions) - now, "retrying")

    def _ask(self, lane: LaneState, questions: Sequence[Question]) -> Next:
        """One request: about the balance if it must be known first, else about the lead that comes first."""
        # An outage spends one ask a lead and not two, and one that is refused holds up no other
        question, terms = min(questions, key=lambda q: q.turn), self._enriching
        assert terms is not None  # noqa: S101 - without them nothing is asked
        now = self._clock.now()
        with self._ledger.write() as connection:
            if not enrichment.still_waits(connection, question.waiting.seq):
                return AGAIN
            team_credits = enrichment.load_balance(connection, self.name)
            # `GET /me` is free, and after a lost answer it shows that CTGO is there
            known = self._clock.monotonic() < self._balance_unknown_until
            must_know = not known and terms.must_know(team_credits, now)
            asked, day = enrichment.asked_on(connection, self.name, day_of(now)), day_of(now)
            why = hindrance(
                team_credits, len(question.outputs), asked_today=asked, per_day=terms.per_day,
                keep_credits=terms.keep_credits, now=now,
            )  # fmt: skip
            if why is not None and not must_know:
                self._fail(connection, lane, why)
                return AGAIN
            opened = self._context.budget.open(connection, 1, live=False)
            if not isinstance(opened, Reservation):
                return opened
            if not must_know:
                person = question.waiting.person
                enrichment.note_ask(connection, self.name, person, question.outputs, day=day, now=now)
        if must_know:
            self._learn_balance(reopened(lane), opened)
        else:
            self._send(_Sent(lane, question, team_credits, day, opened))
        return AGAIN

    def _learn_balance(self, lane: LaneState, slots: Reservation) -> None:
        try:
            me: Me = slots.call(self._context.upstream.me)
        except Failure as why:
            with self._ledger.write() as connection:
                self._context.budget.close(connection, slots)
                self._fail(connection, lane, why)
            return
        balance = me.credits.balance if me.credits else None
        if balance is None:
            self._balance_unknown_until = self._clock.monotonic() + HOUR
        with self._ledger.write() as connection:
            self._context.budget.close(connection, slots)
            enrichment.save_balance(connection, self.name, balance, self._clock.now())

    def _send(self, sent: "_Sent") -> None:
        question = sent.question
        outputs, mode = question.outputs, self._enriching.email_mode if self._enriching else ""
        try:
            answer = sent.slots.call(
                lambda: self._context.upstream.enrich(question.waiting.lead_id, outputs, mode)
            )
        except Failure as why:
            self._on_failure(sent, why)
        except Exception as bug:  # noqa: BLE001 - one lead's surprise must not end the engine
            self._log.warning("enrich_failed", source=self.name, lead=question.waiting.lead_id, exc_info=bug)
            self._on_failure(
                sent, Pause("connector_bug", f"{type(bug).__name__} while enriching.", unexplained=True)
            )
        else:
            self._on_answer(sent, answer, mode)

    def _on_answer(self, sent: "_Sent", answer: Enrichment, mode: str) -> None:
        question, now = sent.question, self._clock.now()
        self._answered_at = now
        document = with_asked(merged((question.document, found_in(answer))), question.outputs, mode)
        left = answer.credits_remaining
        price = price_seen(sent.team_credits, left, len(question.outputs), now)
        with self._ledger.write() as connection:
            self._context.budget.close(connection, sent.slots)
            enrichment.close_asks(connection, self.name, [question.waiting.person])
            enrichment.save_balance(connection, self.name, left, now, price=price)
            self._settle([AfterEnrichment(question.waiting, question.lead, document)], connection)
            self._recover(connection, sent.lane)

    def _on_failure(self, sent: "_Sent", why: Failure) -> None:
        """Record a failure. A refused ask was not charged; an unanswered one may have been, and is repeated once."""
        question, now = sent.question, self._clock.now()
        if isinstance(why, Halt) and why.code in OF_ONE_LEAD and question.refused and not sent.lane.probing:
            why = Reject(why.code, why.detail)  # others were answered meanwhile
        charged = not why.unsent and ((isinstance(why, Pause) and why.unexplained) or why.code == "conflict")
        with self._ledger.write() as connection:
            self._context.budget.close(connection, sent.slots)
            if charged:
                self._balance_unknown_until = 0.0
            else:
                last = not why.unsent and not is_believed(sent.lane, why)
                enrichment.take_back(connection, self.name, question.waiting.person, sent.day, now, last=last)
                known = None if why.code == "credits_exhausted" else sent.team_credits.balance
                enrichment.save_balance(connection, self.name, known, sent.team_credits.reported_at)
            if isinstance(why, Reject):
                self._reject(connection, sent, why)
            elif isinstance(why, Halt) and why.code in OF_ONE_LEAD and not sent.lane.probing:
                self._save(connection, sent.lane._replace(code=why.code, detail=why.detail, probing=True))
            else:
                self._fail(connection, sent.lane, why)

    def _reject(self, connection: Transaction, sent: "_Sent", why: Reject) -> None:
        """The lead goes on as it is. When ten in a row are refused alike it is nobody's fault of them: they wait again.

        One lead may be new to CTGO's replica, or the route away. It waits an hour if others are answered since, else a day.
        """
        it, situation = sent.question, self._situation()
        first = enrichment.note_refused(connection, self.name, it.waiting.person, situation.now)
        if first <= self._answered_at and situation.now - first >= HOUR:
            self._go_on_without(connection, it, why)
            return
        waits = situation.now - first < DAY
        if waits and first != situation.now and not sent.lane.probing:
            return
        alike = tuple(seq for seq in sent.lane.alike if seq != it.waiting.seq)  # it counts once
        lane = reopened(sent.lane._replace(alike=alike))
        verdict = judge_call([Item(it.waiting.seq)], [why], lane, situation)
        if verdict.changes[0].state == "rejected" and not waits:
            self._go_on_without(connection, it, why)
        if verdict.revived:
            put_back(connection, self._context, verdict.revived, situation.now)
        self._save(connection, verdict.lane)

    def _go_on_without(self, connection: Transaction, it: Question, why: Reject) -> None:
        enrichment.close_asks(connection, self.name, [it.waiting.person])
        unasked = () if why.code == "not_found" else it.outputs  # what is not there needs no decision
        self._settle(
            [AfterEnrichment(it.waiting, it.lead, it.document, why.code, unasked, failed=True)], connection
        )

    def _fail(self, connection: Transaction, lane: LaneState, why: Failure) -> Next:
        if why.code == "key_refused":  # the pull and the export live by the same key
            halt_lanes(connection, SOURCE_LANES, self.name, why, self._clock.now())
        if lane.status != "paused" or lane.until is None or why.code not in SOONER:
            return super()._fail(connection, lane, why)
        # Asked before the pause was over, which neither grows by that nor ends sooner
        now, after = self._clock.now(), paused(lane, why, self._situation())
        until = max(lane.until, now + (why.after or SHORTEST_PAUSE))
        self._save(connection, after._replace(until=until, failures=lane.failures))
        return AGAIN


class _Sent(NamedTuple):
    """An ask under way. `team_credits`: before it; `day`: that it counts for."""

    lane: LaneState
    question: Question
    team_credits: CreditBalance
    day: str
    slots: Reservation


def ask_credits(context: SourceContext, ledger: Ledger) -> int | None:
    """Return the balance; None if it is not known. The pull reports trouble with the key."""
    with ledger.write() as connection:
        opened = context.budget.open(connection, 1, live=False)
    if not isinstance(opened, Reservation):
        return None
    try:
        me = opened.call(context.upstream.me)
    except Failure:
        return None
    finally:
        with ledger.write() as connection:
            context.budget.close(connection, opened)
    return me.credits.balance if me.credits else None
