"""What `--once` does about flood gates: asks on a terminal before anything is sent, and says what is held."""

import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import typer

from syncd.cli.context import advice, operator
from syncd.cli.exits import complain
from syncd.cli.prompt import answered
from syncd.clock import Clock
from syncd.core.flood_gate import GATE_HELD, said
from syncd.ledger import Ledger, overview
from syncd.ledger.admin.actions import release
from syncd.ledger.deliveries import flood_gate
from syncd.settings import Settings


def ask_to_release(ledger: Ledger, names: Collection[str], clock: Clock) -> None:
    """For each of these connectors whose gate is closed, ask whether all that waits there may go."""
    with ledger.read() as connection:
        closed = [gate.connector for gate in flood_gate.gates(connection).values() if gate.since is not None]
        waiting = overview.counts(connection)["delivery"]
    for name in closed:
        if name in names and _yes(
            f"{waiting[name]['pending']:,} leads would go to {name}. Send them? [y/N] "
        ):
            with ledger.write() as connection:
                release(connection, name, clock.now(), who=operator())


def complain_of_gates(
    settings: Settings, ledger: Ledger, names: Collection[str], troubles: Mapping[tuple[str, str], str]
) -> None:
    """One sentence for each closed gate that a lane's trouble has not told of already."""
    with ledger.read() as connection:
        gates = flood_gate.gates(connection).values()
    for gate in gates:
        name = gate.connector
        if gate.since is not None and name in names and troubles.get(("deliver", name)) != GATE_HELD:
            detail = f"connector {name}: {said(gate.held, gate.size)} ({GATE_HELD})"
            complain(detail, advice(settings, GATE_HELD, name))


def _yes(question: str) -> bool:
    with _interruptible():
        try:
            return answered(question)
        except KeyboardInterrupt:
            raise typer.Abort from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """A run drains on the first Ctrl-C, and a question has nothing to drain: here it ends the run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    draining = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, draining)
