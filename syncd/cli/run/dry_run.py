"""`syncd --once --dry-run`: print what a run would do. It makes only GET requests, which the ledger counts.

The real pull lane walks the listing into a ledger in memory, which begins with the cursor of the real ledger. Leads that
the real ledger does not know are those that a run would bring. Only the requests are written to the real ledger, so that
other processes on the same key count them. Each CRM that gives feedback is asked for it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from syncd.app.connectors import Mapped, compile_connectors, open_connector
from syncd.app.engine import make_names, make_naming, make_source
from syncd.app.feedback_late import feedback_polls
from syncd.cli.exits import SOURCE_EXITS, Exit, complain, strongest
from syncd.cli.output import say, say_json
from syncd.cli.run.once import Order
from syncd.clock import Clock, SystemClock
from syncd.connector import Logger
from syncd.core.failure import CODES, Failure
from syncd.core.feedback import Judgement
from syncd.core.flood_gate import FIRST, describe_gate
from syncd.engine.budget import RequestBudget, Reservation
from syncd.engine.feedback import FeedbackPoll, ask, judgements_in
from syncd.engine.lane import Lane, LaneTools, Next
from syncd.engine.pull.lane import Pull
from syncd.ledger import Ledger, LedgerError, Transaction, overview
from syncd.ledger.admin import preview as admin_preview
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.queue import pending_feedback
from syncd.ledger.deliveries.statuses import Judged, load_cursor, news_in
from syncd.log import logger
from syncd.settings import Settings
from syncd.workers import Runner, WorkerPool

MOST = 20
"""Leads whose feedback is named; the others are counted."""

_WOULD_BE = {
    "delivering": "delivered",
    "enriching": "enriched, and then delivered to the connectors that want them",
    "rejected": "rejected",
    "elsewhere": "left alone: another program has exported them",
}


class _Feedback(NamedTuple):
    """Feedback that a run would send: a word by source, lead and segment; and the leads in no segment."""

    judgements: Mapping[tuple[str, int, int], str]
    no_segment: int


class CountedIn(RequestBudget):
    """A budget that counts in another ledger than its lane writes to, and leaves scheduled pulls their slots."""

    def __init__(self, budget: RequestBudget, ledger: Ledger) -> None:
        """`ledger`: open to write."""
        self.meter = budget.meter
        self._budget, self._ledger = budget, ledger

    def open(self, _: Transaction, want: int, *, live: bool, at_once: int = 1) -> Reservation | Next:  # noqa: ARG002
        """As `RequestBudget.open`, in a transaction of the other ledger."""
        with self._ledger.write() as connection:
            return self._budget.open(connection, want, live=False, at_once=at_once)

    def close(self, _: Transaction, hold: Reservation | None) -> None:
        """As `RequestBudget.close`, in a transaction of the other ledger."""
        with self._ledger.write() as connection:
            self._budget.close(connection, hold)


def _open_real(path: Path) -> tuple[Ledger, str]:
    """Open the ledger, or an empty one; also return the reason why it cannot count requests, empty if it can."""
    if not path.exists():
        return Ledger.in_memory(), "there is no ledger yet"
    try:
        ledger = Ledger.open(path)
        try:
            ledger.touch()
        except LedgerError:
            ledger.close()
            raise
    except LedgerError as error:
        return Ledger.open_to_read(path), error.detail
    return ledger, ""


def run_dry(settings: Settings, order: Order, *, as_json: bool = False) -> Exit:
    """Print what `--once` with the same flags would do; for a script also each new lead."""
    settings.require_sources()
    mapped = compile_connectors(settings)
    clock, log = SystemClock(), logger()
    real, uncounted = _open_real(settings.state.path)
    with real, Ledger.in_memory() as scratch:
        admin_preview.copy_cursors(real, scratch)
        troubles = _pull(settings, order, mapped, scratch, None if uncounted else real, clock, log)
        found = admin_preview.unknown(scratch, real, rows_too=as_json)
        with real.read() as connection:
            waiting = overview.counts(connection)
            gates = flood_gate.gates(connection)
    pending = {name: states.get("pending", 0) for name, states in waiting["delivery"].items()}
    feedback = None
    if settings.gives_feedback:
        chosen = [m for m in mapped.values() if order.connector in {"", m.name}]
        feedback = _preview_feedback(chosen, settings.state.path, clock, log)
    held = {} if order.yes else {name: gate for name, gate in gates.items() if gate.since is not None}
    sizes = {} if order.yes else {name: m.configured.gate for name, m in mapped.items()}
    if as_json:
        codes = {name: code for (_, name), code in troubles.items()}
        say_json(_document(found, pending, feedback, _behind_gates(found, sizes, held), codes))
        return strongest(SOURCE_EXITS.get(code, Exit.WORK_LEFT) for code in troubles.values())
    _print(found, pending)
    if feedback is not None:
        _print_feedback(*feedback)
    _print_gates(found, sizes, held)
    say("Nothing was changed: this was a dry run.")
    if uncounted:
        say(
            f"Its requests are not counted ({uncounted}): wait a minute before you run syncd, or CTGO may refuse some."
        )
    for (_, name), code in troubles.items():
        complain(
            f"source {name}: it could not be listed ({code})", CODES.get(code, "").replace("SOURCE", name)
        )
    return strongest(SOURCE_EXITS.get(code, Exit.WORK_LEFT) for code in troubles.values())


def _pull(  # noqa: PLR0917
    settings: Settings,
    order: Order,
    mapped: Mapping[str, Mapped],
    scratch: Ledger,
    counted: Ledger | None,
    clock: Clock,
    log: Logger,
) -> Mapping[tuple[str, str], str]:
    """Pull into the scratch ledger; return the codes of lanes in trouble. `counted`: the ledger that counts requests."""
    runner = Runner(clock, log, until_quiet=True, max_wait=order.max_wait)
    tools = LaneTools(scratch, clock, log, runner.wake)
    names = make_names(settings, mapped, scratch, clock)
    contexts = [make_source(name, settings, mapped, clock, names.get(name)) for name in settings.sources]
    if counted is not None:
        contexts = [replace(context, budget=CountedIn(context.budget, counted)) for context in contexts]
    pulls = [Pull(context, tools) for context in contexts]
    for pull in pulls:
        if order.since is not None or order.until is not None:
            pull.ask_window(order.since or 0.0, order.until, order.limit)
        else:
            pull.ask_live(order.limit)
    # A `where` may need names
    lanes: list[Lane] = [
        *pulls,
        *(make_naming(it, names[it.name], tools) for it in contexts if it.name in names),
    ]
    try:
        return runner.run([WorkerPool(lanes, len(lanes))]).troubles
    finally:
        for context in contexts:
            context.upstream.close()


def _document(
    found: admin_preview.Preview,
    pending: Mapping[str, int],
    feedback: _Feedback | None,
    held: Mapping[str, int],
    troubles: Mapping[str, str],
) -> dict[str, Any]:
    """Describe a dry run for a script. `held`: by connector, deliveries that its gate would hold."""
    new = _new_deliveries(found)
    return {
        "leads": [
            {**it.key._asdict(), "state": it.state, "code": it.code, "connectors": it.connectors}
            for it in found.rows
        ],
        "deliveries": {
            name: {"new": new[name], "waiting": pending.get(name, 0), "held": held.get(name, 0)}
            for name in sorted({*new, *pending})
        },
        "feedback": [
            {"source": source, "id": lead_id, "segment_id": segment_id, "judgement": str(Judgement.of(line))}
            for (source, lead_id, segment_id), line in (feedback.judgements if feedback else {}).items()
        ],
        "troubles": dict(troubles),
    }


def _new_deliveries(found: admin_preview.Preview) -> Counter[str]:
    new: Counter[str] = Counter()
    for (connector, _), n in found.deliveries.items():
        new[connector] += n
    return new


def _print(found: admin_preview.Preview, pending: Mapping[str, int]) -> None:
    for (source, state), n in sorted(found.leads.items()):
        say(f"{source}: {n} new leads would be {_WOULD_BE.get(state, state)}")
    new = _new_deliveries(found)
    for name in sorted({*new, *pending}):
        say(f"{name}: {new[name]} new and {pending.get(name, 0)} waiting deliveries would be made")
    if not found.leads:
        say("no new leads")


def _behind_gates(
    found: admin_preview.Preview, sizes: Mapping[str, int | None], held: Mapping[str, flood_gate.GateState]
) -> Counter[str]:
    """Count by connector the deliveries that its gate holds, or would hold."""
    behind = Counter({name: gate.held for name, gate in held.items()})
    for (name, _), n in found.deliveries.items():
        size = sizes.get(name)
        if name in held:
            behind[name] += n
        elif size is not None and n > size:
            behind[name] += n - FIRST
    return behind


def _print_gates(
    found: admin_preview.Preview, sizes: Mapping[str, int | None], held: Mapping[str, flood_gate.GateState]
) -> None:
    """Print which deliveries would wait at a gate, and the command that releases them."""
    for name, gate in sorted(held.items()):
        say(f"{name}: {describe_gate(gate.held, gate.size)} To let them go: syncd release {name}")
    for (name, _), n in sorted(found.deliveries.items()):
        size = sizes.get(name)
        if size is not None and n > size and name not in held:
            say(
                f"{name}: {n:,} in one burst are more than its gate lets through ({size:,}): the {FIRST} oldest would go,"
                f" and the rest would wait for: syncd release {name} (or --yes with this run)"
            )


def _preview_feedback(mapped: Sequence[Mapped], path: Path, clock: Clock, log: Logger) -> _Feedback:
    """Find the feedback that a run would send. It asks the CRMs, and only reads the ledger."""
    real = Ledger.open_to_read(path) if path.exists() else Ledger.in_memory()
    with real, ExitStack() as open_:
        opened = {
            m.name: open_connector(m.configured, clock, log) for m in mapped if m.configured.settings.feedback
        }
        for connector in opened.values():
            open_.callback(connector.close)
        with real.read() as connection:
            rows = pending_feedback(connection)
        judgements = {(row.source, row.lead_id, row.segment_id): row.word for row in rows}
        no_segment = 0
        asked = {m.name: m for m in mapped if m.name in opened}
        for poll in feedback_polls([*asked.values()], opened):
            for it in _news_of(poll, asked[poll.name].configured.cls.codes, real, log):
                key = (it.source, it.lead_id, it.segment_id)
                judgements.pop(key, None)
                no_segment += it.state == "no_segment"
                if it.state == "pending":
                    judgements[key] = it.word
    return _Feedback(judgements, no_segment)


def _news_of(poll: FeedbackPoll, codes: Mapping[str, str], ledger: Ledger, log: Logger) -> list[Judged]:
    """Ask a connector for all pages of its news. `codes`: the connector's, with their fixes."""
    with ledger.read() as connection:
        cursor = load_cursor(connection, poll.name, poll.judging.digest)
    found: list[Judged] = []
    while True:
        page = ask(poll, cursor, log)
        if isinstance(page, Failure):
            fix = {**codes, **CODES}.get(page.code, "").replace("NAME", poll.name)
            complain(f"connector {poll.name} (feedback): {page.detail} ({page.code})", fix)
            return found
        with ledger.read() as connection:
            found += news_in(connection, poll.name, judgements_in(page.found, poll.judging)).rows
        if not page.more:
            return found
        cursor = page.cursor


def _print_feedback(judgements: Mapping[tuple[str, int, int], str], no_segment: int) -> None:
    for (source, lead_id, segment_id), line in list(judgements.items())[:MOST]:
        say(f"{source}: lead {lead_id} in segment {segment_id} would be reported as {Judgement.of(line)}")
    if len(judgements) > MOST:
        say(f"and {len(judgements) - MOST:,} more: {len(judgements):,} in all")
    if not judgements:
        say("no feedback would be sent")
    if no_segment:
        say(f"{no_segment:,} leads are in no segment: CTGO takes no feedback on them")
