"""The feedback that a run would send, for a dry run. Imported only where some connector is asked for feedback."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from syncd.app.connectors import open_connector
from syncd.app.feedback_late import feedback_polls
from syncd.app.mappings import Mapped
from syncd.cli.exits import complain
from syncd.cli.output import say
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import CODES, Failure
from syncd.core.feedback import Judgement
from syncd.engine.feedback import FeedbackPoll, ask, judgements_in
from syncd.ledger import Ledger
from syncd.ledger.ctgo_queue.feedback import pending_feedback
from syncd.ledger.deliveries.statuses import Judged, load_cursor, news_in

MOST = 20
"""Leads that a dry run names; it counts the others."""


def preview(mapped: Sequence[Mapped], path: Path, clock: Clock, log: Logger) -> None:
    """Print the feedback that a run would send. It asks the CRMs, and only reads the ledger."""
    real = Ledger.open_to_read(path) if path.exists() else Ledger.in_memory()
    with real, ExitStack() as open_:
        opened = {
            m.name: open_connector(m.configured, clock, log) for m in mapped if m.configured.settings.feedback
        }
        for connector in opened.values():
            open_.callback(connector.close)
        with real.read() as connection:
            rows = pending_feedback(connection)
        words = {(row.source, row.lead_id, row.segment_id): row.word for row in rows}
        no_segment = 0
        asked = {m.name: m for m in mapped if m.name in opened}
        for poll in feedback_polls([*asked.values()], opened):
            for it in _news_of(poll, asked[poll.name].configured.cls.codes, real, log):
                key = (it.source, it.lead_id, it.segment_id)
                words.pop(key, None)
                no_segment += it.state == "no_segment"
                if it.state == "pending":
                    words[key] = it.word
    _print(words, no_segment)


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


def _print(words: Mapping[tuple[str, int, int], str], no_segment: int) -> None:
    for (source, lead_id, segment_id), line in list(words.items())[:MOST]:
        say(f"{source}: lead {lead_id} in segment {segment_id} would be reported as {Judgement.of(line)}")
    if len(words) > MOST:
        say(f"and {len(words) - MOST:,} more: {len(words):,} in all")
    if not words:
        say("no feedback would be sent")
    if no_segment:
        say(f"{no_segment:,} leads are in no segment: CTGO takes no feedback on them")
