"""The text of `syncd status`. On a terminal it fits the width, and times are ages; elsewhere times are ISO."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from syncd.cli.observe.plan import describe_enriching, spending_document
from syncd.cli.output import ago, duration, since, when
from syncd.cli.table import table_lines, wrapped
from syncd.core.failure import CODES
from syncd.core.lane_state import BY_HAND
from syncd.log import escape

if TYPE_CHECKING:
    from syncd.core.lane_state import LaneState
    from syncd.core.reconciliation import Books
    from syncd.verbs.status import ConnectorStatus, PushStatus, SourceStatus, Status
from syncd.verbs.engine_holder import RESTART


def _damage(found: "Status") -> str:
    return found.upkeep["check"].detail if "check" in found.upkeep else ""


def status_lines(found: "Status", now: float, width: int | None) -> list[str]:
    """Write a state; `width`: columns of the terminal, None elsewhere."""
    lines = [part for line in _of_engine(found) for part in wrapped(escape(line), width, "  ")]
    lines += _tables(found, now, width)
    for line in (*_of_sources(found, now), *_of_backups(found, now), *_of_lanes(found, now)):
        lines += wrapped(escape(line), width, "  ")
    return lines if width is None else [*lines, "To explain a word or a code: syncd explain WORD"]


def _of_engine(found: "Status") -> Iterator[str]:
    engine = found.engine
    if found.trouble:
        yield f"Nothing is sent: {found.trouble}"
    if found.not_running:
        yield found.not_running
    yield f"ledger {found.ledger}: {f'process {engine} runs on it' if engine else 'no engine runs on it'}"
    if found.stale:
        yield f"{', '.join(found.stale)} changed after the engine read it; to apply it: syncd reload"
    if found.out_of_reach:
        yield f"{', '.join(found.out_of_reach)} changed after the service started. {RESTART}"
    if damage := _damage(found):
        yield f"the ledger is damaged: {damage}"
        yield "  Restore a backup with: syncd restore FILE"


def _tables(found: "Status", now: float, width: int | None) -> list[str]:
    sources = [
        (_named(name, it), _watermark(it, now), ago(it.pulled_at, now), _sum(it.leads), _sum(it.exports))
        for name, it in found.sources.items()
    ]  # fmt: skip
    connectors = [
        (_named(name, it), _sum(it.deliveries) + _held(it)) for name, it in found.connectors.items()
    ]
    header = ("source", "watermark", "last pull", "leads", "exports")
    return [
        *table_lines(header, sources, width, drop=("watermark",)),
        *table_lines(("connector", "deliveries"), connectors, width),
    ]


def _watermark(it: "SourceStatus", now: float) -> str:
    """Write the watermark; a source that only a run with --limit has pulled has none."""
    restless = it.books and it.books.restless
    limited = it.watermark is None and it.pulled_at is not None and not restless
    return "none: limited run" if limited else ago(it.watermark, now)


def _of_sources(found: "Status", now: float) -> Iterator[str]:
    for name, it in found.sources.items():
        yield from _of_source(name, it, now)
    for name, one in found.connectors.items():
        if one.heard_at is not None:
            yield f"{name}: last asked for feedback {ago(one.heard_at, now)}"
    for name, it in found.sources.items():
        if it.feedback:
            parts = (f"{n} {_FEEDBACK_STATES.get(state, state)}" for state, n in it.feedback.items())
            yield f"{name}: feedback: {', '.join(parts)}"
    for name in found.late:
        yield f"{name}: its pull is late. Look at the log, and run: syncd check"


_FEEDBACK_STATES = {"delivered": "sent", "no_segment": "on leads without a segment, which cannot be sent"}


def _of_source(name: str, it: "SourceStatus", now: float) -> Iterator[str]:
    from syncd.cli.run.report import describe_shelved  # noqa: PLC0415

    if put_off := describe_shelved(it.exports, configured=it.configured):
        yield f"{name}: {put_off}"
    if it.enriching:
        yield describe_enriching(name, spending_document(it.enriching))
    if it.books:
        yield from _books(name, it.books, now)
    if it.push:
        yield _describe_push(name, it.push, now)
    if unwanted := it.leads.get("unwanted"):
        yield (
            f"{name}: no connector's `where` accepts {unwanted:,} leads; if you have changed one:"
            " syncd replay --connector NAME --unwanted"
        )


def _books(name: str, books: "Books", now: float) -> Iterator[str]:
    """Compare the books with CTGO's count; no line if they are equal."""
    n, unmet = books.missing, books.unmet
    if n and books.swept and books.checked_at is not None:
        since_when = since(books.checked_at, now)
        yield f"{name}: CTGO counts {n} un-exported leads that it does not list, {since_when}."
    elif n:
        yield (
            f"{name}: CTGO lists {n} more un-exported leads than the ledger holds, as of {ago(books.checked_at, now)}."
            " A sweep will bring them."
        )
    elif unmet:
        yield f"{name}: CTGO counts {unmet} more un-exported leads than it lists; syncd knows that."
    if n:
        yield "  See which with: syncd audit --upstream"
    if books.restless:
        yield f"{name}: CTGO's list changed during {books.restless} sweeps; syncd continues to sweep."


def _describe_push(name: str, push: "PushStatus", now: float) -> str:
    heard = f"last heard {ago(push.it.heard_at, now)}"
    if push.it.off:
        return f"push {name}: off; to switch it on: syncd push on {name}"
    if push.it.subscribed_at is None:
        return f"push {name}: {'not subscribed yet' if push.configured else 'being unsubscribed'}; {heard}"
    return f"push {name}: subscribed {since(push.it.subscribed_at, now)}; {heard}"


def _of_backups(found: "Status", now: float) -> Iterator[str]:
    made, failed = (found.upkeep.get(job) for job in ("backup", "backup_failed"))
    if made or found.daily_backup:
        yield f"last backup: {ago(made and made.at, now)}"
    if failed and found.daily_backup:
        yield f"the daily backup failed {ago(failed.at, now)}: {failed.detail} (backup_failed)"
        yield f"  {CODES['backup_failed']}"


def _of_lanes(found: "Status", now: float) -> Iterator[str]:
    for stopped in found.lanes:
        lane = stopped.lane
        about = f"{lane.kind} {lane.name}"
        yield f"{about}: {_describe_lane(lane, now)}: {lane.detail} ({lane.code})"
        if stopped.fix:
            yield f"  {stopped.fix}"
    oldest = found.oldest_unsettled
    if oldest is not None:
        yield f"oldest unsettled lead: {duration(now - oldest)} ago"
    if found.set_aside:
        yield f"rejected: {found.set_aside}. See them with: syncd rejected list"


def _describe_lane(lane: "LaneState", now: float) -> str:
    if lane.status == "paused" and lane.code != BY_HAND and lane.until is not None:
        return f"waiting to try again in {duration(lane.until - now)}"
    if lane.status == "open":
        return f"goes on without a part {since(lane.since, now)}"
    by = f" by {lane.by}" if lane.code == BY_HAND else ""
    until = f" until {when(lane.until)}" if lane.until is not None else ""
    return f"{lane.status}{by} {since(lane.since, now)}{until}"


def _named(name: str, it: "SourceStatus | ConnectorStatus") -> str:
    return name if it.configured else f"{name} (not in the configuration)"


def _held(it: "ConnectorStatus") -> str:
    return f" ({it.held:,} held at its gate)" if it.held else ""


def _sum(states: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {state}" for state, n in states.items()) or "none"
