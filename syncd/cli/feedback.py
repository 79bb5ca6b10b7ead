"""The lanes of feedback put together, and what a dry run says of it. Imported only where some connector is asked for any."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from syncd.cli.compose import Mapped
from syncd.cli.exits import complain
from syncd.cli.unopened import opened as opened_
from syncd.clock import Clock
from syncd.connector import Connector, Logger, TellsStatus
from syncd.delivery import Policy
from syncd.engine.delivering import Wake
from syncd.engine.desk import Desk
from syncd.engine.feeding_back import FeedBack
from syncd.engine.hearing import Ear, Hear, ask, said_in
from syncd.engine.pulling import Pull
from syncd.engine.step import Stepper
from syncd.failure import Failure
from syncd.feedback import BAD, GOOD, Judging, Word, plain
from syncd.ledger import Ledger
from syncd.ledger.feedback import pending_feedback
from syncd.ledger.hearing import Judged, load_cursor, news_in
from syncd.settings import Feedback


def judging_of(type_: str, chosen: Feedback) -> Judging:
    """A `feedback` table as the engine has it. `type_`: of the connector, for a cursor is nothing to another."""
    words = {plain(value): Word(GOOD) for value in chosen.good}
    words |= {
        plain(value): Word(BAD, reason, " ".join(chosen.notes.get(value, "").split()))
        for value, reason in chosen.bad.items()
    }
    return Judging(f"{type_} {chosen.property}", words, chosen.poll)


def ears(
    mapped: Sequence[Mapped], opened: Mapping[str, Connector], *, probe: float | None, repeats: bool = False
) -> list[Ear]:
    """The connectors that are asked; one that could not be opened is none, and its other lane says why.

    `probe`: as of its other lane; `repeats`: whether each is asked again after its `poll`, for this run goes on.
    """
    found = []
    for m in mapped:
        chosen, connector = m.configured.settings.feedback, opened[m.name]
        if chosen is not None and isinstance(connector, TellsStatus):
            policy = Policy(attempts=m.configured.settings.attempts, probe=probe)
            found.append(Ear(m.name, connector, judging_of(m.configured.type, chosen), policy, repeats))
    return found


def hearing(listening: Sequence[Ear], ledger: Ledger, clock: Clock, log: Logger, wake: Wake) -> list[Stepper]:
    """A lane for each connector that is asked."""
    return [Hear(ear, ledger, clock, log, wake) for ear in listening]


def telling(
    desks: Sequence[Desk], pulls: Sequence[Pull], ledger: Ledger, clock: Clock, log: Logger
) -> list[Stepper]:
    """A lane for each source: whose leads are judged is not known before."""
    return [
        FeedBack(desk, ledger, clock, log, partial(getattr, pull, "busy"))
        for desk, pull in zip(desks, pulls, strict=True)
    ]


MOST = 20
"""Leads that a dry run names; the others are counted."""


def preview(mapped: Sequence[Mapped], path: Path, clock: Clock, log: Logger) -> None:
    """Print what feedback a run would tell. The CRMs are asked, and the ledger is only read."""
    real = Ledger.open_to_read(path) if path.exists() else Ledger.in_memory()
    with real, ExitStack() as open_:
        opened = {m.name: opened_(m.configured, clock, log) for m in mapped if m.configured.settings.feedback}
        for connector in opened.values():
            open_.callback(connector.close)
        with real.read() as connection:
            rows = pending_feedback(connection)
        words = {(row.source, row.lead_id, row.segment_id): row.word for row in rows}
        untold = 0
        for ear in ears([m for m in mapped if m.name in opened], opened, probe=None):
            for it in _heard(ear, real, log):
                key = (it.source, it.lead_id, it.segment_id)
                words.pop(key, None)
                untold += it.state == "no_segment"
                if it.state == "pending":
                    words[key] = it.word
    _print(words, untold)


def _heard(ear: Ear, ledger: Ledger, log: Logger) -> list[Judged]:
    """What is news of a connector, all pages."""
    with ledger.read() as connection:
        cursor = load_cursor(connection, ear.name, ear.judging.mark)
    found: list[Judged] = []
    while True:
        page = ask(ear, cursor, log)
        if isinstance(page, Failure):
            complain(
                f"connector {ear.name} (feedback): {page.detail} ({page.code})",
                page.fix.replace("NAME", ear.name),
            )
            return found
        with ledger.read() as connection:
            found += news_in(connection, ear.name, said_in(page.found, ear.judging)).rows
        if not page.more:
            return found
        cursor = page.cursor


def _print(words: Mapping[tuple[str, int, int], str], untold: int) -> None:
    out = sys.stdout.write
    for (source, lead_id, segment_id), line in list(words.items())[:MOST]:
        out(f"{source}: lead {lead_id} in segment {segment_id} would be told as {Word.of(line)}\n")
    if len(words) > MOST:
        out(f"and {len(words) - MOST:,} more: {len(words):,} in all\n")
    if not words:
        out("no feedback would be told\n")
    if untold:
        out(f"{untold:,} leads are in no segment: CTGO takes no feedback on them\n")
