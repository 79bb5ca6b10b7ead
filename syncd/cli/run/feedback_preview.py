"""Prints what feedback a dry run would tell. Imported only where some connector is asked for feedback."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from syncd.app.compose import Mapped
from syncd.app.feedback_late import ears
from syncd.app.unopened import opened as opened_
from syncd.cli.exits import complain
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import CODES, Failure
from syncd.core.feedback import Judgement
from syncd.engine.feedback.collect import FeedbackPoll, ask, judgements_in
from syncd.ledger import Ledger
from syncd.ledger.ctgo_queue.feedback import pending_feedback
from syncd.ledger.deliveries.statuses import Judged, load_cursor, news_in

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
        asked = {m.name: m for m in mapped if m.name in opened}
        for ear in ears([*asked.values()], opened, probe=None):
            for it in _heard(ear, asked[ear.name].configured.cls.codes, real, log):
                key = (it.source, it.lead_id, it.segment_id)
                words.pop(key, None)
                untold += it.state == "no_segment"
                if it.state == "pending":
                    words[key] = it.word
    _print(words, untold)


def _heard(ear: FeedbackPoll, codes: Mapping[str, str], ledger: Ledger, log: Logger) -> list[Judged]:
    """Read all pages of a connector; return what is news. `codes`: the connector's, with their fixes."""
    with ledger.read() as connection:
        cursor = load_cursor(connection, ear.name, ear.judging.mark)
    found: list[Judged] = []
    while True:
        page = ask(ear, cursor, log)
        if isinstance(page, Failure):
            fix = {**codes, **CODES}.get(page.code, "").replace("NAME", ear.name)
            complain(f"connector {ear.name} (feedback): {page.detail} ({page.code})", fix)
            return found
        with ledger.read() as connection:
            found += news_in(connection, ear.name, judgements_in(page.found, ear.judging)).rows
        if not page.more:
            return found
        cursor = page.cursor


def _print(words: Mapping[tuple[str, int, int], str], untold: int) -> None:
    out = sys.stdout.write
    for (source, lead_id, segment_id), line in list(words.items())[:MOST]:
        out(f"{source}: lead {lead_id} in segment {segment_id} would be told as {Judgement.of(line)}\n")
    if len(words) > MOST:
        out(f"and {len(words) - MOST:,} more: {len(words):,} in all\n")
    if not words:
        out("no feedback would be told\n")
    if untold:
        out(f"{untold:,} leads are in no segment: CTGO takes no feedback on them\n")
