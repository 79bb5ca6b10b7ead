"""Push: one source's webhook subscription, and the pulls that it brings about.

What CTGO posts is unsigned, its shape is not documented, and it may be forged, repeated or lost. So a push is believed in
nothing: it is a reason to pull before the time, at most once in `SPACING` seconds, however many come, and never for more
than half of the key's requests (`spacing`). Polling goes on, and finds the leads that no push announced.

The lane `push:SOURCE` keeps the ledger's `Subscription` and CTGO in step with the configuration, behind the first pull: what
is to be done is decided by `due_act`, pure. Trouble with it is logged once (`push_failed`), tried again with a growing back-off,
and never anybody else's: leads come by polling meanwhile.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.core.failure import CODES, Failure, Pause
from syncd.core.lane_state import BY_HAND, LaneState, Policy, reopened
from syncd.engine.budget import Reservation
from syncd.engine.lane import AGAIN, LaneTools, LedgerLane, Next
from syncd.engine.pull.lane import Pull
from syncd.engine.source import SourceContext
from syncd.ledger import Transaction, subscriptions
from syncd.ledger.lanes import load_lane
from syncd.ledger.subscriptions import Subscription

SPACING = 5.0
"""Seconds between two extra pulls of a source."""
REFRESH = 86400.0
"""Seconds without a push after which the same is subscribed again: CTGO lists no subscriptions, so that is the only way to know."""
PATIENCE = Policy(pause_base=30.0, pause_cap=3600.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wanted subscription. `public_url`: the address that CTGO reaches, less the token; `filters`: as in `Upstream.subscribe`."""

    base_url: str
    public_url: str
    filters: Mapping[str, int | str] = field(default_factory=dict)

    def target(self, token: str) -> str:
        """The address that CTGO is given."""
        return f"{self.public_url}/{token}"

    def digest(self, token: str, key: str) -> str:
        """Tells whether what was subscribed is still what is wanted. `key`: of whose account."""
        parts = [self.base_url, key, self.target(token), dict(self.filters)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Act(NamedTuple):
    """A request to CTGO. `find`: learn the id of what may have been subscribed; `number`: the subscription to remove."""

    verb: Literal["subscribe", "find", "remove"]
    number: int = 0


class Goal(NamedTuple):
    """The wanted subscription, as the ledger keeps it."""

    target: str
    digest: str


def due_act(it: Subscription, goal: Goal | None, now: float) -> Act | float | None:
    """Return what is to be done, or the seconds until something is; None: nothing until the configuration changes."""
    if it.asked and (goal is None or it.asked != goal.target):
        return Act("find")
    if goal is not None and (it.remote_id is None or it.digest != goal.digest):
        return Act("subscribe")
    if it.leaving:
        return Act("remove", it.leaving[0])
    if goal is None:
        return None
    quiet = now - max(it.subscribed_at, it.heard_at or 0.0)
    return Act("subscribe") if not 0 <= quiet < REFRESH else REFRESH - quiet


def may_have_worked(why: Failure) -> bool:
    """Tell if CTGO may have done what it was asked."""
    return isinstance(why, Pause) and why.unexplained and not why.unsent


def spacing(requests: int, per_minute: int) -> float:
    """Seconds between two extra pulls that need so many requests, so that half of the budget is left."""
    return max(SPACING, 2 * 60.0 * requests / per_minute)


class Push(LedgerLane):
    """The lane `push:NAME`. Made for a source with push, and for one that has something left to unsubscribe."""

    kind = "push"

    def __init__(self, context: SourceContext, pull: Pull, tools: LaneTools, wanted: Wanted | None) -> None:
        """`wanted`: None when the source is to have no push."""
        super().__init__(context.name, tools, PATIENCE)
        self._context, self._pull, self._upstream = context, pull, context.upstream
        self._wanted = wanted
        self._asked = self._came = False
        self._next_extra = 0.0
        with self._ledger.write() as connection:
            found = subscriptions.load(connection, context.name)
            if found is None:
                found = subscriptions.fresh(context.name)
                subscriptions.save(connection, found)
        self.token = found.token
        """The unguessable part of the address: a secret."""
        self.on = wanted is not None and not found.off
        """True if pushes are taken."""

    def came(self) -> None:
        """A push came, in CTGO's name; from any thread. Costs nothing if one is waiting already."""
        self._came = True
        self.pull_soon()

    def pull_soon(self) -> None:
        """There may be new leads, as when pushes may have been missed; from any thread."""
        if not self._asked:
            self._asked = True
            self._wake("push", self.name)

    def step(self) -> Next:
        """Pull if a push came, and one request at most to keep the subscription."""
        soon, after = self._pull_if_asked(), self._keep()
        waits = [wait for wait in (soon, after.wait) if wait is not None]
        return Next(min(waits, default=None), after.trouble)

    # Pulling

    def _pull_if_asked(self) -> float | None:
        """Pull if that was asked for; return the seconds until it may, None if nothing was asked for."""
        wait = self._next_extra - self._clock.monotonic()
        if not self._asked:
            return None
        if wait > 0:
            return wait
        came, self._came, self._asked = self._came, False, False  # what comes from here on asks for another
        self._next_extra = self._clock.monotonic() + spacing(
            self._pull.cost, self._context.budget.meter.limit
        )
        if self.on:
            self._pull.ask_extra()
            self._wake("pull", self.name)
        if came:
            with self._ledger.write() as connection:
                subscriptions.note_push(connection, self.name, self._clock.now())
        return None

    # Keeping the subscription

    def _keep(self) -> Next:
        now = self._clock.now()
        it = self._current()
        if it is None:
            return Next(None)
        with self._ledger.read() as connection:
            lane = self._load(connection)
            waits_for_pull = load_lane(connection, "pull", self.name).wait(now) != 0
        goal = self._goal()
        act = due_act(it, goal, now)
        if not isinstance(act, Act):
            return self._settled(it, lane, act)
        standstill = self._standstill(lane)
        if standstill:
            return standstill
        if self._pull.pulled is None or waits_for_pull:
            return Next(None)  # the pull that gets through wakes this lane
        with self._ledger.write() as connection:
            opened = self._context.budget.open(connection, 1, live=False)
            if isinstance(opened, Reservation) and act.verb == "subscribe" and goal is not None:
                it = self._change(connection, lambda stands: stands.asks(goal.target))
        return self._do(act, it, lane, opened) if isinstance(opened, Reservation) else opened

    def _current(self) -> Subscription | None:
        """The subscription as it is to be; what is not wanted any more is on its way out from now on."""
        with self._ledger.read() as connection:
            it = subscriptions.load(connection, self.name)
        if it is None and self._wanted is None:
            return None
        self.on = self._wanted is not None and (it is None or not it.off)
        if it is None or (not self.on and it.remote_id is not None):
            with self._ledger.write() as connection:
                it = subscriptions.load(connection, self.name) or Subscription(self.name, self.token)
                it = it if self.on else it.unwanted()
                subscriptions.save(connection, it)
        return it

    def _goal(self) -> Goal | None:
        if self._wanted is None or not self.on:
            return None
        digest = self._wanted.digest(self.token, self._context.budget.meter.name)
        return Goal(self._wanted.target(self.token), digest)

    def _change(
        self, connection: Transaction, change: Callable[[Subscription], Subscription]
    ) -> Subscription:
        """Change what is kept as it is now: what a command wrote meanwhile stays."""
        after = change(subscriptions.load(connection, self.name) or Subscription(self.name, self.token))
        subscriptions.save(connection, after)
        return after

    def _settled(self, it: Subscription, lane: LaneState, wait: float | None) -> Next:
        """All is as it should be."""
        over = self._wanted is None and not it.is_there
        trouble = bool(lane.code) and (lane.code != BY_HAND or lane.wait(self._clock.now()) == 0)
        if trouble or over:
            with self._ledger.write() as connection:
                self._recover(connection, lane)
                if over:
                    subscriptions.forget(connection, self.name)
        return Next(wait)

    def _do(self, act: Act, it: Subscription, lane: LaneState, slots: Reservation) -> Next:
        goal = self._goal()
        try:
            number = slots.call(lambda: self._call(act, it))
        except Failure as why:
            return self._give_up(act, why, slots)
        with self._ledger.write() as connection:
            self._context.budget.close(connection, slots)
            self._recover(connection, lane)
            digest, at = goal.digest if goal else "", self._clock.now()
            done: Mapping[str, Callable[[Subscription], Subscription]] = {
                "subscribe": lambda stands: stands.subscribed(number, digest, at),
                "find": lambda stands: stands.found(number),
                "remove": lambda stands: stands.left(number),
            }
            self._change(connection, done[act.verb])
        if act.verb == "subscribe" and number != it.remote_id:
            self._log.info("push_subscribed", source=self.name, id=number)
            self.pull_soon()  # for what came between the last pull and now
        elif act.verb == "remove":
            self._log.info("push_unsubscribed", source=self.name, id=number)
        return AGAIN

    def _call(self, act: Act, it: Subscription) -> int:
        if act.verb == "find":
            return self._upstream.subscribe(it.asked)
        if act.verb == "subscribe" and self._wanted is not None:
            return self._upstream.subscribe(self._wanted.target(self.token), self._wanted.filters)
        self._upstream.unsubscribe(act.number)  # one that is not there is gone
        return act.number

    def _give_up(self, act: Act, why: Failure, slots: Reservation) -> Next:
        """Pause the lane, never halt it: nothing but seconds is lost, and a plan that was upgraded needs no command here."""
        trouble = Pause("push_failed", why.detail, after=why.after if isinstance(why, Pause) else None)
        with self._ledger.write() as connection:
            self._context.budget.close(connection, slots)
            if act.verb == "subscribe" and not may_have_worked(why):
                self._change(connection, lambda stands: stands.asks(""))
            before = self._load(connection)
            after = self._fail(connection, reopened(before), trouble)
        if not before.code:
            fix = CODES["push_failed"]
            self._log.warning("push_failed", source=self.name, code=why.code, detail=why.detail, fix=fix)
        return after

    def _log_change(self, before: LaneState, after: LaneState) -> None:
        """Log nothing: `push_failed` is logged once, with its own fix."""
