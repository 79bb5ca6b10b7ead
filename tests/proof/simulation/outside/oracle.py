"""An oracle that asks remotes for what they hold, and the ledger only for reasons that a person can read too.

It knows no state of the ledger that excuses by itself. For each row that CTGO ever listed it asks the connectors that want
the row. If one of them never had it, `syncd lead` must show why. There is no age limit.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from syncd.cli.observe.lead import document_of
from syncd.ledger import Ledger
from syncd.ledger.lanes import load_lanes
from syncd.verbs.lead import known as known_leads
from tests.proof.simulation.books import share_compiled
from tests.proof.simulation.outside.remote import App, LeadId, Readings, Row, lead_id, person_of
from tests.proof.simulation.remotes import ACCOUNTS, FarEnds, PersonQuery
from tests.proof.simulation.setup import Setup

EXPORT = re.compile(r"/api/v2/leads/(\d+)/export")
ROOM, MINUTE = 60, 60.0
"""Requests a minute that CTGO allows a key."""
READABLE = {"quarantined", "rejected", "dropped", "forgotten"}
"""States of a lead that `syncd lead`, `status` and the operator's log explain, and that wait for a person or came from one."""

Told = Mapping[str, Any]
"""A row of `syncd lead --json`."""


class Outside:
    """See the module. `objections`: what must not be, seen while the world goes on."""

    def __init__(
        self,
        path: Path,
        far: FarEnds,
        setup: Setup,
        passed: Callable[[], float],
        forged: Collection[tuple[str, str]] = (),
    ) -> None:
        """`forged`: remotes and paths of which a proxy said that all is done, and the remote never heard."""
        self.objections: list[str] = []
        self.heard: set[tuple[str, int]] = set()
        """Ids, with their sources, whose export came in."""
        self._path, self._far, self._setup, self._passed = path, far, setup, passed
        self._forged = forged
        self.excused: set[str] = set()
        """People who were forgotten: of them the ledger keeps a tombstone only."""
        self._elsewhere: set[tuple[Any, ...]] = set()
        """Rows that were *elsewhere* before the first export of their id: no export of ours can be meant."""
        self._arrivals: dict[str, deque[float]] = {}

    # While the world goes on

    def listening(self, source: str, app: App, witness: Callable[[str, int], object]) -> App:
        """Put this oracle before a CTGO's app. `witness` hears of an export before the app does."""

        def heard(environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
            self._arrives(source)
            export = EXPORT.fullmatch(environ["PATH_INFO"])
            if export and environ["REQUEST_METHOD"] == "POST":
                self._exporting(source, int(export[1]))
                witness(source, int(export[1]))
            return app(environ, start_response)

        return heard

    def _arrives(self, source: str) -> None:
        """I-11: count the requests within a minute."""
        now = self._passed()
        arrivals = self._arrivals.setdefault(source, deque())
        arrivals.append(now)
        while arrivals[0] <= now - MINUTE:
            arrivals.popleft()
        if len(arrivals) > ROOM:
            self._object(f"outside: {source}: more than {ROOM} requests within a minute")

    def _exporting(self, source: str, number: int) -> None:
        """I-1: each connector that gates has every row of the id that syncd knows, or a person said otherwise."""
        rows = [row for row in self._far.accounts[source].rows() if row.get("id") == number]
        gating = self._gating()
        with Ledger.open_to_read(self._path) as ledger:
            share_compiled(ledger)
            told = _rows_of(ledger, number)
        if (source, number) not in self.heard:
            self.heard.add((source, number))
            self._elsewhere |= {_key(it) for it in told if it["state"] == "elsewhere"}
        for row in rows:
            known = _found(told, source, row)
            if known is None or _key(known) in self._elsewhere:
                continue  # listed a moment ago, or exported by another program before: the promise is about the others
            for connector in gating:
                if not self._has(connector, row) and not _excused(known, connector):
                    self._object(
                        f"outside: {source} {number} is exported early: {connector} does not have it: {known['state']}"
                    )

    # At the end, after a quiet day

    def at_the_end(self) -> Iterator[str]:
        """Say what is wrong at rest."""
        with Ledger.open_to_read(self._path) as ledger:
            share_compiled(ledger)
            for source, account in self._far.accounts.items():
                new = set(account.new())
                for row in account.rows():
                    key = lead_id(row)
                    if key is not None:
                        yield from self._about(source, row, _rows_of(ledger, key[0]), new)
        yield from (f"outside: twice: {it}" for it in self._far.doubles())
        yield from (f"outside: a spreadsheet runs a cell: {it!r}" for it in self._far.formulas())

    def _about(self, source: str, row: Row, told: Sequence[Told], new: Collection[int]) -> Iterator[str]:
        what = f"outside: {source} {row['id']}/{row.get('streamId')}/{row.get('segmentId')}"
        known = _found(told, source, row)
        is_new = row["id"] in new and row.get("exportedAt") is None
        if known is None:
            if is_new and not self._unreadable(told, source) and person_of(row) not in self.excused:
                yield f"{what} is lost: CTGO lists it as new, and the ledger does not hold it"
            return
        if known["state"] == "elsewhere" and (
            (source, row["id"]) not in self.heard or _key(known) in self._elsewhere
        ):
            return  # another program had exported it, and CTGO says so
        wanting, stopped = self._wanting(row, known), self._stopped()
        missing = [it for it in wanting if not self._has(it, row)]
        unexplained = [it for it in missing if not _excused(known, it, stopped)]
        if unexplained:
            yield f"{what} is lost: {', '.join(unexplained)} never had it, and it is {known['state']} without a reason"
        forgets = known["state"] == "exported" and forgets_marks(self._far.accounts[source].readings)
        # Any 2xx is a yes: an export that a proxy answered is taken for done, and only an audit shows it
        forgets |= any(
            far == ACCOUNTS[source] and path.endswith(f"/leads/{row['id']}/export")
            for far, path in self._forged
        )
        # A connector may hold the person from an earlier lead, and the lead waits for it; an export waits for each row of its id
        waiting = any(
            _waits_at(it, name, stopped) for it in told if it["source"] == source for name in wanting
        )
        waits = _waits_for_a_person(known, told, source) or (not unexplained and (missing or waiting))
        if is_new and not forgets and not waits:
            yield f"{what} is still new at CTGO, and it is {known['state']}: {_export(known)}"

    def _unreadable(self, told: Sequence[Told], source: str) -> bool:
        """Tell if another row of the id is in quarantine: its key could not be read then."""
        return any(it["source"] == source and it["state"] in {"quarantined", "dropped"} for it in told)

    def is_through(self, source: str, number: int) -> bool:
        """Tell if every row of an id is where it is wanted, or waits for a person, and CTGO does not list it as new."""
        rows = [row for row in self._far.accounts[source].rows() if row.get("id") == number]
        with Ledger.open_to_read(self._path) as ledger:
            share_compiled(ledger)
            told = _rows_of(ledger, number)
        if any(it["source"] == source and it["state"] in READABLE | {"gone"} for it in told):
            return True  # it is not healthy
        known = [(row, it) for row in rows if (it := _found(told, source, row))]
        return (
            bool(known)
            and all((self._has(connector, row) for row, it in known for connector in self._wanting(row, it)))
            and (source, number) in self.heard
        )

    def is_unwell(self, source: str, number: int) -> bool:
        """Tell if this lead was no healthy one: a connector's CRM says so, or the day has no room for it.

        What the day has no room for waits until CTGO may be asked about it again, and `syncd lead` says so.
        """
        rows = [row for row in self._far.accounts[source].rows() if row.get("id") == number]
        if any(crm.refuses(row) for crm in self._far.crms.values() for row in rows):
            return True
        with Ledger.open_to_read(self._path) as ledger:
            share_compiled(ledger)
            told = _rows_of(ledger, number)
        return any(
            it["code"] == "unasked" for row in told if row["source"] == source for it in row["deliveries"]
        )

    def unexplained(self, unsettled: Iterable[Any]) -> list[Any]:
        """Leave out leads that hold a lane up, with a code, and exports that CTGO does not want any more."""
        new = {source: set(account.new()) for source, account in self._far.accounts.items()}
        stopped, rows = self._stopped(), list(unsettled)
        waiting = {(it[0], it[1]) for it in rows if it[2] == "delivering" and it[5] and it[3] in stopped}
        return [
            it
            for it in rows
            if not (it[2] == "exporting" and it[7] and it[1] not in new[it[0]])
            and not (it[2] == "delivering" and it[5] and it[3] in stopped)
            and not (it[2] == "exporting" and not it[7] and (it[0], it[1]) in waiting)
        ]

    def _stopped(self) -> set[str]:
        """Return the connectors whose lane is not open, as `status` shows: the healthy leads of a world prove the rest."""
        with Ledger.open_to_read(self._path) as ledger, ledger.read() as connection:
            return {lane.name for lane in load_lanes(connection) if lane.status != "open"}

    # What is wanted, and where

    def _gating(self) -> list[str]:
        return [it for it in self._steady() if it not in self._best_effort() and it != "outreach"]

    def _best_effort(self) -> set[str]:
        hook = {"hook"} if self._setup.hook == "best_effort" else set()
        return self._setup.best_effort | hook

    def _steady(self) -> list[str]:
        """Connectors that were in the configuration all the time: leads of other times are not wanted in the rest."""
        return [it for it in self._setup.names if it not in self._setup.left]

    def _wanting(self, row: Row, known: Told) -> list[str]:
        enrichment = known["enrichment"]
        email = row.get("email") or (isinstance(enrichment, dict) and enrichment.get("email"))
        skips = self._setup.without_email == "skip" and not email
        return [it for it in self._steady() if it != "outreach" or not skips]

    def _has(self, connector: str, row: Row) -> bool:
        key: LeadId | None = lead_id(row)
        return key is not None and self._far.holds(connector, PersonQuery(*key, person_of(row)))

    def _object(self, told: str) -> None:
        if told not in self.objections:
            self.objections.append(told)


def forgets_marks(readings: Readings) -> bool:
    """Tell if this CTGO may list a lead as new although it took the export; `syncd audit --upstream` shows such marks."""
    by_row = "row" in {readings.get("export_scope"), readings.get("export_marks")}
    return by_row or bool(readings.get("failovers")) or bool(readings.get("unexports"))


def _rows_of(ledger: Ledger, number: int) -> list[Told]:
    """As `syncd lead --json` tells them."""
    return [document_of(it) for it in known_leads(ledger, lambda *_: None, lead_id=number)]


def _found(told: Iterable[Told], source: str, row: Row) -> Told | None:
    key = lead_id(row)
    return next(
        (
            it
            for it in told
            if it["source"] == source and (it["id"], it["stream_id"], it["segment_id"]) == key
        ),
        None,
    )


def _key(known: Told) -> tuple[Any, ...]:
    return known["source"], known["id"], known["stream_id"], known["segment_id"]


def _excused(known: Told, connector: str, stopped: Collection[str] = ()) -> bool:
    """Tell if `syncd lead` says why a connector does not have a lead. `stopped`: connectors that `status` shows so."""
    if known["state"] in {"quarantined", "forgotten"}:
        return True
    delivery = _delivery(known, connector)
    if delivery is None:
        return known["state"] in {"dropped", "enriching"} or bool(known["code"])
    return delivery["state"] == "dropped" or _waits_at(known, connector, stopped)


def _waits_at(known: Told, connector: str, stopped: Collection[str]) -> bool:
    """Tell if a lead waits at a connector, and `syncd lead` says why."""
    delivery = _delivery(known, connector)
    if delivery is None:
        return False
    return delivery["held"] or (
        bool(delivery["code"])
        and (delivery["state"] == "rejected" or (delivery["state"] == "pending" and connector in stopped))
    )


def _delivery(known: Told, connector: str) -> Mapping[str, Any] | None:
    return next((it for it in known["deliveries"] if it["connector"] == connector), None)


def _waits_for_a_person(known: Told, told: Iterable[Told], source: str) -> bool:
    """Tell if a row may be new at CTGO still: it, or another row of its id, waits for a person or was dropped by one.

    It may also wait for a day that has room to ask CTGO about it.
    """
    export = known["export"]
    refused = bool(export) and export["state"] in {"rejected", "dropped"} and bool(export["code"])
    states = {it["state"] for it in told if it["source"] == source}
    unasked = any(
        it["code"] == "unasked" for row in told if row["source"] == source for it in row["deliveries"]
    )
    return refused or unasked or known["state"] in READABLE or bool(states & READABLE)


def _export(known: Told) -> str:
    return f"its export is {known['export']['state']}" if known["export"] else "it has no export"
