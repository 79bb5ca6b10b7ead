"""An act whose process is killed at one of its statements: what it did is whole, and the next one does the rest."""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from syncd.core.delivery import Change
from syncd.core.flood_gate import Gates
from syncd.ledger import Ledger
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.leads.ingest import ingest
from syncd.ledger.sql import driver
from syncd.verbs import gate, rejected
from syncd.verbs.actor import Actor
from tests.ledger.rows import NOW, admission, ids, put, settle
from tests.verbs.conftest import audit

LEADS, PART = 20, 6
STRIDE = 3
"""Statements from one kill to the next."""
CRM = rejected.members_of("delivery", "crm", "bad")

Act = Callable[[Actor], Any]
BEFORE: dict[str, tuple[Act | None, Act, dict[str, int]]] = {
    "retry": (None, lambda actor: rejected.retry(actor, CRM), {"pending": LEADS}),
    "take back": (
        lambda actor: rejected.retry(actor, CRM),
        rejected.take_back,
        {"rejected": LEADS},
    ),
    "release": (None, lambda actor: gate.release(actor, "mail"), {"free": LEADS}),
    "hold again": (
        lambda actor: gate.release(actor, "mail"),
        lambda actor: gate.hold_again(actor, "mail"),
        {"free": 5},
    ),
    "drop": (None, lambda actor: rejected.drop(actor, CRM), {"dropped": LEADS}),
}
"""By name: an act before it, the act, and what it comes to."""


def prepare(actor: Actor) -> None:
    """A connector that rejected all, and one whose gate holds all but five."""
    put(actor.ledger, *(admission(n) for n in range(1, LEADS + 1)))
    settle(actor.ledger, *(Change(n, "rejected", 1, code="bad") for n in range(1, LEADS + 1)))
    gates = Gates({"mail": 10})
    with actor.ledger.write() as connection:
        page = flood_gate.page(connection, gates, "main", "live")
        ingest(connection, (), [admission(n, "mail") for n in range(101, 101 + LEADS)], (), NOW)
        flood_gate.take_in(connection, gates, page, NOW, over=True)


def killed(actor: Actor, path: Path, act: Act, statement: int) -> bool:
    """Do it in a process that dies before this statement. False: it had fewer."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    said = count()

    def die(_: str) -> None:
        if next(said) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        with Ledger.open(path) as ledger:
            with ledger.read() as connection:
                driver(connection).set_trace_callback(die)
            act(replace(actor, ledger=ledger))
    finally:
        os._exit(0)


def standing(ledger: Ledger) -> dict[str, int]:
    found = ids(ledger, "SELECT state, count(*) FROM delivery WHERE connector = 'crm' GROUP BY state")
    free = "SELECT count(*) FROM delivery WHERE connector = 'mail' AND held = ''"
    return {**dict(found), "free": ids(ledger, free)[0]}


@pytest.mark.parametrize("name", BEFORE)
def test_a_kill_at_any_statement_leaves_nothing_half_done(
    actor: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (rejected, gate):
        monkeypatch.setattr(module, "MOST_TOUCHED", PART)
    before, act, after = BEFORE[name]
    prepare(actor)
    if before:
        before(actor)
    actor.clock.advance(60)  # type: ignore[attr-defined]
    copy, kills = tmp_path / "copy.db", 0
    for statement in count(0, STRIDE):
        with actor.ledger.write():  # nothing else writes it
            for end in ("", "-wal"):
                shutil.copy(f"{actor.ledger.path}{end}", f"{copy}{end}")
        died = killed(actor, copy, act, statement)
        kills += died
        with Ledger.open(copy) as ledger:
            audit(ledger)
            act(replace(actor, ledger=ledger))
            assert {key: standing(ledger).get(key, 0) for key in after} == after, statement
        for end in ("", "-wal", "-shm"):
            Path(f"{copy}{end}").unlink(missing_ok=True)
        if not died:
            break
    assert kills > 2
