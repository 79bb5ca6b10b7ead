"""`syncd --once --dry-run`: what a run would do, with nothing but GET requests, which the ledger counts.

The listing is walked by the real pull lane into a ledger in memory, which begins with the real one's cursor; what the real
ledger does not know yet is what a run would bring. Its requests are the only thing that is written to the real one, so that
whoever uses the key next, or at the same time, knows of them. What CRMs say of people is asked of them.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from syncd.app.compose import compile_connectors, make_desk, make_names
from syncd.app.engine_start import naming
from syncd.cli.exits import SOURCE_EXITS, Exit, complain, fix_of, strongest
from syncd.cli.run.once import Order
from syncd.clock import SystemClock
from syncd.core.flood_gate import FIRST, said
from syncd.engine.budget import RequestBudget, Reservation
from syncd.engine.lane import Lane
from syncd.engine.pull.lane import Pull
from syncd.ledger import Ledger, LedgerError, Transaction, overview
from syncd.ledger.admin import preview as admin_preview
from syncd.ledger.deliveries import flood_gate
from syncd.log import logger
from syncd.settings import Settings
from syncd.workers.pool import WorkerPool
from syncd.workers.runner import Runner


class CountedIn(RequestBudget):
    """A pacer that counts in another ledger than its lane writes to, and leaves scheduled pulls their slots."""

    def __init__(self, pacer: RequestBudget, ledger: Ledger) -> None:
        """`ledger`: open to write."""
        self.meter = pacer.meter
        self._pacer, self._ledger = pacer, ledger

    def open(self, _: Transaction, want: int, *, live: bool, at_once: int = 1) -> Reservation | float:  # noqa: ARG002
        """As `RequestBudget.open`, in a transaction of the other ledger's."""
        with self._ledger.write() as connection:
            return self._pacer.open(connection, want, live=False, at_once=at_once)

    def close(self, _: Transaction, hold: Reservation | None) -> None:
        """As `RequestBudget.close`, in a transaction of the other ledger's."""
        with self._ledger.write() as connection:
            self._pacer.close(connection, hold)


def _real(path: Path) -> tuple[Ledger, str]:
    """The ledger as it is, or an empty one; and why the requests cannot be counted in it, empty if they can."""
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


def run_dry(settings: Settings, order: Order) -> Exit:
    """Print what `--once` with the same flags would do."""
    settings.require_sources()
    mapped = compile_connectors(settings)
    clock, log = SystemClock(), logger()
    path = settings.state.path
    real, uncounted = _real(path)
    with real, Ledger.in_memory() as scratch:
        admin_preview.copy_cursors(real, scratch)
        runner = Runner(clock, log, until_quiet=True, max_wait=order.max_wait)
        names = make_names(settings, mapped, scratch, clock)
        contexts = [make_desk(name, settings, mapped, clock, names.get(name)) for name in settings.sources]
        if not uncounted:
            contexts = [replace(context, pacer=CountedIn(context.pacer, real)) for context in contexts]
        pulls = [Pull(context, scratch, clock, log, runner.wake) for context in contexts]
        for pull in pulls:
            if order.since is not None or order.until is not None:
                pull.ask_window(order.since or 0.0, order.until, order.limit)
            else:
                pull.ask_live(order.limit)
        try:
            lanes: list[Lane] = [*pulls]
            for context in contexts:
                if context.name in names:  # a `where` may need them
                    known = names[context.name]
                    lanes.append(naming(context, known, log, runner.wake, ledger=scratch, clock=clock))
            ended = runner.run([WorkerPool(lanes, len(lanes))])
        finally:
            for context in contexts:
                context.upstream.close()
        found = admin_preview.unknown(scratch, real)
        with real.read() as connection:
            waiting = overview.counts(connection)
            gates = flood_gate.gates(connection)
    _print(found, waiting)
    if settings.hears:
        from syncd.cli.run.feedback_preview import preview  # noqa: PLC0415 - only where there is feedback

        preview([mapped[name] for name in mapped if order.connector in {"", name}], path, clock, log)
    held = {name: gate for name, gate in gates.items() if gate.since is not None}
    if not order.yes:
        _print_gates(found, {name: m.configured.gate for name, m in mapped.items()}, held)
    _print_end(uncounted)
    codes = []
    for (_, name), code in ended.troubles.items():
        complain(f"source {name}: it could not be listed ({code})", fix_of(code).replace("SOURCE", name))
        codes.append(SOURCE_EXITS.get(code, Exit.WORK_LEFT))
    return strongest(codes)


def _print(found: admin_preview.Preview, waiting: overview.Counts) -> None:
    out = sys.stdout.write
    for (source, state), n in sorted(found.leads.items()):
        out(f"{source}: {n} new leads would be {_WOULD_BE.get(state, state)}\n")
    new: Counter[str] = Counter()
    for (connector, _), n in found.deliveries.items():
        new[connector] += n
    for connector in sorted({*new, *waiting["delivery"]}):
        pending = waiting["delivery"].get(connector, {}).get("pending", 0)
        out(f"{connector}: {new[connector]} new and {pending} waiting deliveries would be made\n")
    if not found.leads:
        out("no new leads\n")


def _print_end(uncounted: str) -> None:
    """`uncounted`: why the requests were not counted; empty if they were."""
    sys.stdout.write("Nothing was changed: this was a dry run.\n")
    if uncounted:
        sys.stdout.write(
            f"Its requests are counted nowhere ({uncounted}): wait a minute before you run syncd, or CTGO may turn some away.\n"
        )


def _print_gates(
    found: admin_preview.Preview, sizes: Mapping[str, int | None], held: Mapping[str, flood_gate.GateState]
) -> None:
    """What would not go at once, and what to type."""
    for name, gate in sorted(held.items()):
        sys.stdout.write(f"{name}: {said(gate.held, gate.size)} To let them go: syncd release {name}\n")
    for (name, _), n in sorted(found.deliveries.items()):
        size = sizes.get(name)
        if size is not None and n > size and name not in held:
            sys.stdout.write(
                f"{name}: {n:,} in one burst are more than its gate takes ({size:,}): the {FIRST} oldest would go, and the"
                f" rest would wait for: syncd release {name} (or --yes with this run)\n"
            )


_WOULD_BE = {
    "delivering": "delivered",
    "enriching": "enriched, and then delivered to whoever wants them",
    "rejected": "set aside",
    "elsewhere": "left alone: exported by somebody else",
}
