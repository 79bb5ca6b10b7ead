"""What must hold, asked from outside: of the ledger's file over connections of its own, and of the remotes."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from syncd.core.lead import Malformed, parse_lead
from syncd.ledger import Ledger
from syncd.ledger.admin import auditor
from tests.proof.simulation.books import share_compiled
from tests.proof.simulation.remotes import CONNECTORS, FarEnds, PersonQuery
from tests.support.books import assert_books

# ruff: noqa: S608 - put together from this line
_STATE = "CASE WHEN d.remote_id IS NULL THEN d.state ELSE 'delivered' END"
"""What is written once more is there meanwhile, as its remote id says."""
_ROWS = (
    "SELECT l.seq, l.lead_id, l.stream_id, l.segment_id, l.person, l.state, d.connector, d.required,"
    f" {_STATE} FROM lead l LEFT JOIN delivery d ON d.lead_seq = l.seq WHERE l.source = ? AND l.lead_id = ?"
)
_DELIVERED = (
    "SELECT l.lead_id, l.stream_id, l.segment_id, l.person, d.connector FROM delivery d JOIN lead l ON l.seq = d.lead_seq"
    f" WHERE {_STATE} = 'delivered' AND l.lead_id > 0"
)
_HEARD = (
    "SELECT l.source, l.lead_id, l.segment_id, l.person, f.state FROM lead l"
    f" JOIN delivery d ON d.lead_seq = l.seq AND {_STATE} = 'delivered' AND d.connector = ?"
    " LEFT JOIN feedback f ON f.source = l.source AND f.lead_id = l.lead_id AND f.segment_id = l.segment_id"
    " WHERE l.lead_id > 0 AND l.segment_id > 0"
)
ROOM = 60
"""Requests a minute."""


class Oracle:
    """See the module. `objections`: what it saw that must not be; kept, for an engine may swallow what is raised."""

    def __init__(self, path: Path, far: FarEnds) -> None:
        self.objections: list[str] = []
        self.exports = 0
        self.looks = 0
        self._path, self._far = path, far
        self._known: dict[str, set[tuple[Any, ...]]] = {}
        self.excused: set[str] = set()
        """People whose deliveries a person undid: forgotten."""
        self._marked: dict[str, tuple[str, set[Any]]] = {}

    # At the instant when an export comes in

    def exporting(self, source: str, lead_id: int) -> None:
        """I-1: every delivery that is required is durably delivered, and at the remote (I-2)."""
        self.exports += 1
        self._ask_how_often()
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_ROWS, (source, lead_id)).fetchall()
        by_row: defaultdict[int, list[Any]] = defaultdict(list)
        for row in rows:
            if row[5] == "quarantined":
                self._object(f"{source} {lead_id} exported while a row of it is in quarantine")
            if row[6]:
                by_row[row[0]].append(row)
        for deliveries in by_row.values():
            for _, id_, stream, segment, person, _, connector, required, state in deliveries:
                if required and state not in {"delivered", "dropped"}:
                    self._object(f"{source} {lead_id} exported while {connector} has it {state}")
                if state == "delivered" and not self._far.holds(
                    connector, PersonQuery(id_, stream, segment, person)
                ):
                    self._object(f"{source} {lead_id} exported and {connector} does not hold it")
        if not any(row[8] == "delivered" for row in rows):
            self._object(f"{source} {lead_id} exported and delivered nowhere")

    # Now and then

    def look(self) -> None:
        """I-2, I-3, I-7, I-9, I-11 and I-12, of a ledger that may be in the middle of anything."""
        self.looks += 1
        for told in self._far.doubles():
            self._object(f"twice: {told}")
        self._ask_how_often()
        for name, world in self._far.worlds.items():
            if world.stats()["tooManyRequests"]:
                self._object(f"{name}: was told that it asks too often")
        if self._path.exists():
            self._look_into_ledger()

    def _ask_how_often(self) -> None:
        """I-11, as the remote counts arrivals; what the simulator's own window makes of them is no better."""
        for name, world in self._far.worlds.items():
            if world.gateway.busiest_minute() > ROOM:
                self._object(f"{name}: more than {ROOM} requests within a minute")

    def _look_into_ledger(self) -> None:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            if not connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()[0]:
                return
            delivered = {tuple(row) for row in connection.execute(_DELIVERED)}
        with Ledger.open_to_read(self._path) as ledger:
            share_compiled(ledger)
            try:
                assert_books(ledger)
            except AssertionError as error:
                self._object(f"the books: {error}")
            with ledger.read() as connection:
                for told in auditor.contradictions(connection):
                    self._object(f"contradiction: {told}")
        self._remember(delivered)
        people = {connector: self._far.crms[connector].held() for connector in CONNECTORS[1:]}
        for lead_id, stream, segment, person, connector in delivered:
            at = people.get(connector)
            if not (
                person in at
                if at is not None
                else self._far.holds(connector, PersonQuery(lead_id, stream, segment, person))
            ):
                self._object(f"{lead_id} counts as delivered to {connector}, which does not hold it")

    def _remember(self, delivered: set[tuple[Any, ...]]) -> None:
        """I-7: what was delivered once is delivered, through crashes too."""
        before = self._known.get("delivered", set())
        for row in before - delivered:
            if row[3] not in self.excused:
                self._object(f"{row} was delivered and is not any more")
        self._known["delivered"] = delivered

    def count_asks(self, enriched: Counter[str]) -> None:
        """What costs credits is done twice for a lead at most: once, and once more if the answer was lost."""
        for told, n in enriched.items():
            if n > 2:
                self._object(f"{told}: {n} times")

    def forget_what_was(self) -> None:
        """A person put another ledger in its place, or had things sent again: what was delivered need not stay so."""
        self._known.clear()

    # In the end

    def lost(self) -> list[str]:
        """What CTGO lists as new, and the ledger does not know (I-4, I-6)."""
        told = []
        with Ledger.open_to_read(self._path) as ledger, ledger.read() as connection:
            for source, world in self._far.worlds.items():
                parsed = [parse_lead(source, row.payload(world.options)) for row in world.listed()]
                leads = [
                    it[0] for it in parsed if not isinstance(it, Malformed) and it[0].exported_at is None
                ]
                known = auditor.known(connection, source, leads)
                told += [f"{lead.key}" for lead in leads if lead.key not in known]
        return told

    def mark(self, connector: str, person: str, word: str) -> None:
        """A salesperson says of a person what CTGO is to be told, of the leads that this connector has by then.

        A lead that comes later is not told of: a word is news once. `word`: empty says nothing.
        """
        before, _ = self._marked.get(person, ("", set()))
        if word and word != before:
            self._marked[person] = word, {row[:3] for row in self._judged(connector) if row[3] == person}

    def _judged(self, connector: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            return connection.execute(_HEARD, (connector,)).fetchall()

    def untold(self, connector: str) -> list[str]:
        """Words of salespeople that CTGO was not told, or not last."""
        rows, told = self._judged(connector), []
        for source, lead_id, segment, person, state in rows:
            world, (word, of) = self._far.worlds.get(source), self._marked.get(person, ("", set()))
            if world is None:
                continue
            said = world.feedback.stored.get((lead_id, segment))
            there = any(row.id == lead_id for row in world.listed())
            if (
                word
                and there
                and (source, lead_id, segment) in of
                and state != "dropped"
                and (said is None or said.judgement.feedback != word)
            ):
                told.append(f"{source} {lead_id} in {segment}: {word}, and CTGO was told {said}, {state}")
        return told

    def unsettled(self) -> Sequence[Any]:
        """Leads that are not settled, with their deliveries and exports: (source, id, state, connector, state, code, held)."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            return connection.execute(
                "SELECT l.source, l.lead_id, l.state, d.connector, d.state, d.code, d.held, e.state, e.code FROM lead l"
                " LEFT JOIN delivery d ON d.lead_seq = l.seq AND d.state IN ('pending', 'rejected')"
                " LEFT JOIN export e ON e.source = l.source AND e.lead_id = l.lead_id WHERE l.settled_at IS NULL"
            ).fetchall()

    def _object(self, told: str) -> None:
        if told not in self.objections:
            self.objections.append(told)


def sane(unsettled: Iterable[Any]) -> list[Any]:
    """Of what is unsettled, that which waits for no person: nothing was set aside, in quarantine or behind a gate."""
    rows = list(unsettled)
    waits = {
        (row[0], row[1])
        for row in rows
        if row[2] in {"quarantined", "rejected"} or row[4] == "rejected" or row[6] or row[7] == "rejected"
    }
    return [row for row in rows if (row[0], row[1]) not in waits]
