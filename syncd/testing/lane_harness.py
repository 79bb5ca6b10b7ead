"""The stand-in for the engine: it packs, marks, calls, judges and waits by the engine's own rules, without a ledger.

`settle` goes on, in virtual time, until every delivery is settled or the lane halts. Whatever a connector answers
is held against the grammar of the contract on the way (`complaints`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from syncd.core.delivery import Change, Delivered, Delivery, Item, Outcome, Route, pack
from syncd.core.failure import CODES, Failure, Halt, Pause, Refused, Reject, Retry
from syncd.core.lane_state import LaneState, Policy, Situation, reopened
from syncd.core.verdict import broken_off, judge_call
from syncd.testing.bench import Bench

_ROUNDS = 2000
_SHORTEST = 4
"""Characters: a shorter name may be part of any sentence."""


class Call(NamedTuple):
    """One call of `deliver`: what went in, and what was returned or raised."""

    batch: tuple[Delivery, ...]
    answer: Sequence[Outcome] | Failure | Refused

    @property
    def raised(self) -> Failure | Refused | None:
        """The failure that was raised; None if a list was returned."""
        return self.answer if isinstance(self.answer, BaseException) else None

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """One outcome each; what was raised stands for every member. Nothing for `Refused`."""
        if isinstance(self.answer, Refused):
            return ()
        return [self.answer] * len(self.batch) if isinstance(self.answer, Failure) else self.answer

    @property
    def failures(self) -> list[Failure | Refused]:
        """All that was not delivered, in words."""
        if isinstance(self.answer, Refused):
            return [self.answer]
        return [outcome for outcome in self.outcomes if isinstance(outcome, Failure)]


class LaneHarness:
    """One life of a lane. `settled`: what became of each delivery, by id; `calls`: all that were made."""

    def __init__(self, bench: Bench, *deliveries: Delivery) -> None:
        """`deliveries`: the first to be `take`n."""
        self.bench = bench
        self.lane = LaneState("deliver", "contract")
        self.calls: list[Call] = []
        self.hand_over: Callable[[Sequence[Delivery]], Sequence[Delivery]] = tuple
        self.settled: dict[int, Change] = {}
        self._pending: dict[int, Delivery] = {}
        self._items: dict[int, Item] = {}
        self._due: dict[int, float] = {}
        self._remote: dict[str, str] = {}
        self._newest: dict[str, datetime] = {}
        self.take(*deliveries)

    def take(self, *deliveries: Delivery) -> "LaneHarness":
        """Add deliveries; one that was settled before is sent again."""
        for delivery in deliveries:
            self.settled.pop(delivery.id, None)
            self._pending[delivery.id] = delivery
            self._items[delivery.id] = Item(delivery.id, maybe_sent=delivery.maybe_sent)
            self._due[delivery.id] = 0.0
        return self

    @property
    def pending(self) -> list[int]:
        """The ids of what is not settled."""
        return list(self._pending)

    def ids(self, state: str) -> list[int]:
        """The ids of what was `delivered` or `rejected`, sorted."""
        return sorted(id_ for id_, change in self.settled.items() if change.state == state)

    @property
    def answered(self) -> list[Outcome | Refused]:
        """Every outcome of every call, and every refusal."""
        return [found for call in self.calls for found in (call.outcomes or call.failures)]

    def resume(self) -> "LaneHarness":
        """Lift a halt."""
        self.lane = reopened(self.lane)
        return self

    def settle(self) -> "LaneHarness":
        """Go on until nothing is pending or the lane halts. Raises AssertionError if that never comes."""
        clock = self.bench.clock
        for _ in range(_ROUNDS):
            wait = self.lane.wait(clock.now())
            if wait is None or not self._pending:
                return self
            if wait > 0:
                clock.advance(wait + 0.001)
            elif self.step() is None and self._pending:
                clock.advance(min(self._due[id_] for id_ in self._pending) - clock.now() + 0.001)
        raise AssertionError(
            f"{len(self._pending)} deliveries are still pending after {_ROUNDS} rounds: the connector never "
            f"comes to an end with them; the last answer was {self.calls[-1].answer!r}"
        )

    def step(self) -> Call | None:
        """The next call; None if nothing is due."""
        now = self.bench.clock.now()
        due = [
            (id_, self._pending[id_])
            for id_ in sorted(self._pending, key=self._due.__getitem__)
            if self._due[id_] <= now
        ]
        due = [(id_, delivery) for id_, delivery in due if not self._superseded(delivery)]
        if not due:
            return None
        connector = self.bench.connector
        self.lane = reopened(self.lane)
        routed = [(self._items[id_], connector.route(delivery)) for id_, delivery in due]
        chosen = pack(routed, self.lane, connector.batch_size)[0]
        return self._call([due[n][1] for n in chosen], [routed[n] for n in chosen])

    def _superseded(self, delivery: Delivery) -> bool:
        """Settle, unsent, what is older than what the remote has of that person."""
        newest = self._newest.get(delivery.person)
        if newest is None or delivery.lead.discovered_at >= newest:
            return False
        self._write(Change(delivery.id, "delivered", 0, remote_id=self._remote.get(delivery.person)))
        return True

    def _call(self, batch: Sequence[Delivery], routed: Sequence[tuple[Item, Route]]) -> Call:
        items = [item if route.resend_safe else item._replace(maybe_sent=True) for item, route in routed]
        now_known = tuple(
            delivery._replace(
                remote_id=delivery.remote_id or self._remote.get(delivery.person),
                maybe_sent=item.maybe_sent,  # as it was before this call
                attempt=item.attempts + 1,
            )
            for delivery, (item, _) in zip(batch, routed, strict=True)
        )
        call = call_once(self.bench, now_known, self.hand_over(now_known))
        self.calls.append(call)
        situation = Situation(self.bench.clock.now(), Policy(), lambda: 1.0)
        verdict = judge_call(items, call.answer, self.lane, situation)
        self.lane = verdict.lane
        for change in verdict.changes:
            self._write(change)
        for id_ in verdict.revived:
            raise AssertionError(
                f"ten alike rejections in a row, the last of them delivery {id_}: {self.lane.detail}"
            )
        return call

    def _write(self, change: Change) -> None:
        if change.state == "pending":
            fields = {name: getattr(change, name) for name in Item._fields}
            self._items[change.id] = Item(**fields)
            self._due[change.id] = change.due_at
            return
        delivery = self._pending.pop(change.id)
        self.settled[change.id] = change
        if change.state == "delivered":
            if change.remote_id is not None:
                self._remote[delivery.person] = change.remote_id
            if self.bench.connector.objects == "people":
                found = self._newest.get(delivery.person, delivery.lead.discovered_at)
                self._newest[delivery.person] = max(found, delivery.lead.discovered_at)


def call_once(bench: Bench, batch: Sequence[Delivery], given: Sequence[Delivery] | None = None) -> Call:
    """Call `deliver`. Raises AssertionError when it breaks the grammar of the contract. `given`: in the batch's stead."""
    answer: Any
    outcomes: list[Outcome] = []
    try:
        answer = bench.connector.deliver(batch if given is None else given)
        if isinstance(answer, Iterator):
            for outcome in answer:
                outcomes.append(outcome)  # noqa: PERF402 - those before an error are kept
            answer = outcomes
    except (Pause, Halt, Refused) as why:
        answer = broken_off(outcomes, why, len(batch))
    except Failure as why:
        answer = why
    except Exception as bug:
        raise AssertionError(
            f"deliver raised {type(bug).__name__}: {bug}. Whatever is neither one of the four failures nor Refused "
            "is a bug: translate the vendor's errors where they come in"
        ) from bug
    call = Call(tuple(batch), answer)
    for complaint in complaints(bench, call):
        raise AssertionError(complaint)
    return call


def complaints(bench: Bench, call: Call) -> Iterator[str]:
    """Yield what is wrong with an answer, whatever it says about the leads."""
    answer: object = call.answer
    if isinstance(answer, Sequence) and len(answer) != len(call.batch):
        yield f"deliver must return one outcome for each delivery: {len(answer)} for {len(call.batch)}"
    elif not isinstance(answer, Sequence | Pause | Halt | Refused) and not (
        len(call.batch) == 1 and isinstance(answer, Failure)
    ):
        yield (
            f"deliver returns a sequence of outcomes, or raises Pause, Halt or Refused, not {answer!r}: "
            "what is about one lead is returned in its place"
        )
    for outcome in call.outcomes:
        if not isinstance(outcome, Delivered | Retry | Reject | Pause | Halt):
            yield f"an outcome is Delivered or one of the four failures, not {outcome!r}"
        elif isinstance(outcome, Delivered) and not _is_id(outcome.remote_id):
            yield f"Delivered.remote_id must be a text or None, not {outcome.remote_id!r}"
    for failure in call.failures:
        yield from failure_complaints(bench, failure, call.batch)


def _is_id(remote_id: object) -> bool:
    return remote_id is None or (isinstance(remote_id, str) and bool(remote_id))


def failure_complaints(
    bench: Bench, failure: Failure | Refused, batch: Sequence[Delivery] = ()
) -> Iterator[str]:
    """Yield what is wrong with a failure, as sentences: its code, its detail, and what it gives away."""
    codes = {**bench.connector.codes, **CODES}
    if failure.code not in codes:
        yield f"the code {failure.code!r} is in no registry: add it, with its fix, to the connector's `codes`"
    if not failure.detail.strip():
        yield f"a failure with the code {failure.code!r} has no detail: say in one sentence what happened"
    after = failure.after if isinstance(failure, Failure) else None
    if after is not None and not (math.isfinite(after) and after >= 0):
        yield f"`after` must be seconds from now, zero or more, not {after}"
    shown = f"{failure} {failure!r} {failure.detail}"
    if any(secret and secret in shown for secret in bench.secrets):
        yield f"a failure with the code {failure.code!r} shows a secret: never put credentials or headers in a detail"
    for delivery in batch:
        if any(text in failure.detail for text in _personal(delivery)):
            yield f"the detail of {failure.code!r} holds personal data: say what was wrong, not whose"
            return


def _personal(delivery: Delivery) -> list[str]:
    profile = delivery.lead.profile
    texts = (profile.display_name, profile.handle, profile.bio, profile.x_user_id)
    emails = [value for value in delivery.fields.values() if isinstance(value, str) and "@" in value]
    return [text for text in (*texts, *emails) if text and len(text) >= _SHORTEST]
