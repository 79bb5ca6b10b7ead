"""`syncd lead`: everything that the ledger knows about one lead, in order of time.

Only this verb, `leads`, the verbs of `rejected` and `map` print personal data of a lead.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from syncd.cli.context import ledger_to_read, settings_of
from syncd.cli.exits import Exit, complain
from syncd.cli.output import iso, say, say_json
from syncd.core.feedback import Judgement
from syncd.core.lead import LARGEST_ID
from syncd.log import escape
from syncd.settings import Settings


def lead(
    context: typer.Context,
    who: Annotated[
        str, typer.Argument(metavar="ID|@HANDLE", help="CTGO's id of the lead, or a handle on X.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For a script, with the raw payload.")] = False,
) -> int:
    """Show everything about one lead, as a timeline. Exits with 1 if the ledger does not hold it."""
    number, handle = parse_lead_name(who)
    settings = settings_of(context)
    with ledger_to_read(settings) as ledger:
        found = find_rows(ledger, number, handle)
        _add_urls(settings, found)
        forgotten = not found and _is_forgotten(ledger, number, handle)
    if as_json:
        say_json(found)
    else:
        for row in found:
            _show(row)
    if not found and forgotten:
        complain(f"Lead {escape(who)} was forgotten: nothing of it is kept.")
    elif not found:
        complain(
            f"The ledger holds no lead {escape(who)}.",
            "" if number else "Handles are kept no longer than state.retention: ask by id.",
        )
    return Exit.DONE if found else Exit.REJECTED


def parse_lead_name(who: str) -> tuple[int, str]:
    """Parse an id, or a handle with 0 for the id. Raises a usage error."""
    if who.isascii() and who.isdecimal():
        if not 1 <= int(who) <= LARGEST_ID:
            raise typer.TyperException(f"A lead's id is between 1 and {LARGEST_ID}.")
        return int(who), ""
    handle = who.removeprefix("@")
    if not handle:
        raise typer.TyperException("Name a lead: an id, or a handle such as @jack.")
    return 0, handle


def find_rows(ledger: Any, number: int, handle: str) -> list[dict[str, Any]]:
    """Find every row of the lead with its deliveries and export, instants as ISO 8601 text."""
    from syncd.ledger import overview  # noqa: PLC0415
    from syncd.ledger.sources import load_names  # noqa: PLC0415

    with ledger.read() as connection:
        found = []
        for row in overview.find_leads(connection, lead_id=number, handle=handle):
            streams, segments, _ = load_names(connection, row.source)
            export = overview.export_of(connection, row.source, row.lead_id) if row.lead_id else None
            found.append(
                {
                    "source": row.source,
                    "id": row.lead_id,
                    "stream_id": row.stream_id,
                    "stream_name": streams.get(row.stream_id),
                    "segment_id": row.segment_id,
                    "segment_name": segments.get(row.segment_id),
                    "person": row.person,
                    "state": row.state,
                    "code": row.code,
                    "detail": row.detail,
                    "discovered_at": iso(row.discovered_at or None),
                    "ingested_at": iso(row.ingested_at),
                    "settled_at": iso(row.settled_at),
                    "payload": payload_of(row.payload),
                    "enrichment": payload_of(row.enrichment),
                    "deliveries": [_attempted(it, "connector", "required", "remote_id", "created")
                                   for it in overview.deliveries_of(connection, row.seq)],
                    "export": _attempted(export) if export else None,
                    "feedback": _feedback(connection, row),
                }
            )  # fmt: skip
        return found


def _add_urls(settings: Settings, rows: list[dict[str, Any]]) -> None:
    """Add to each delivery the address of its record for a browser, None if it is not known."""
    from syncd.registry import record_urls  # noqa: PLC0415 - the plugins

    url = record_urls(settings)
    for delivery in (it for row in rows for it in row["deliveries"]):
        delivery["url"] = url(delivery["connector"], delivery["remote_id"] or "")


def _feedback(connection: Any, row: Any) -> dict[str, Any] | None:
    """Describe a CRM's judgement of the lead, and the feedback that CTGO got; None if there is none."""
    from syncd.ledger.deliveries.queue import feedback_of  # noqa: PLC0415

    found = feedback_of(connection, row.source, row.lead_id, row.segment_id) if row.lead_id else None
    if found is None:
        return None
    texts = {key: getattr(found, key) for key in ("connector", "word", "told")}
    instants = {key: iso(getattr(found, key)) for key in ("heard_at", "told_at")}
    return {**texts, **instants, **_attempted(found)}


def _is_forgotten(ledger: Any, number: int, handle: str) -> bool:
    from syncd.ledger.admin import forgotten  # noqa: PLC0415

    with ledger.read() as connection:
        return forgotten.is_forgotten(connection, forgotten.PersonQuery(handle=handle, lead_id=number))


def _attempted(row: Any, *more: str) -> dict[str, Any]:
    found = {key: getattr(row, key) for key in (*more, "state", "attempts", "maybe_sent", "code", "detail")}
    if hasattr(row, "held"):
        found["held"] = row.held not in {"", "unasked"} and row.state == "pending"
    return {**found, "due_at": iso(row.due_at or None), "settled_at": iso(row.settled_at)}


def payload_of(text: str | None) -> Any:
    """Read a stored payload as JSON; text that is not JSON stays text."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _show(row: dict[str, Any]) -> None:
    streams = _called("campaign", row["stream_id"], row["stream_name"])
    segments = _called("segment", row["segment_id"], row["segment_name"])
    say(f"lead {row['id']} of {row['source']}{streams}{segments}: {row['state']}")
    for line in _about(row):
        say(f"  {line}")
    events = list(_events(row))
    happened = sorted((instant, what) for instant, what in events if instant)
    for instant, what in happened:
        say(f"  {_to_the_second(instant):20}  {what}")
    for what in (what for instant, what in events if not instant):
        say(f"  {'':20}  {what}")


def _called(what: str, number: int, name: str | None) -> str:
    return f", {what} {number}{f' ({name})' if name else ''}" if number else ""


def _about(row: dict[str, Any]) -> Iterator[str]:
    payload = row["payload"]
    if payload is None:
        yield "Its personal data is no longer kept."
    profile = payload.get("profile") if isinstance(payload, dict) else None
    if isinstance(profile, dict):
        for key, variable in _PROFILE.items():
            if profile.get(key) not in (None, ""):
                yield f"{variable}: {profile[key]}"
    if row["person"]:
        yield f"person: {row['person']}"
    if text := describe_enrichment(row["enrichment"]):
        yield f"enriching: {text}"


_PROFILE = {
    "handle": "handle",
    "displayName": "display_name",
    "followerCount": "follower_count",
    "bio": "bio",
}
"""Keys of a profile, by which CTGO sends it, with the variables of a mapping."""


def _events(row: dict[str, Any]) -> Iterator[tuple[str | None, str]]:
    """List the events, each with its instant; None for an event to come."""
    if row["state"] != "quarantined" and row["discovered_at"]:
        yield row["discovered_at"], "discovered"
    yield row["ingested_at"], "ingested"
    if row["state"] == "enriching":
        yield None, "enriching: CTGO will be asked about it"
    for delivery in row["deliveries"]:
        best_effort = "" if delivery["required"] else " (best effort)"
        yield delivery["settled_at"], f"{delivery['connector']}{best_effort}: {_describe(delivery)}"
    if row["export"]:
        yield row["export"]["settled_at"], f"export: {_describe(row['export'])}"
    if row["feedback"]:
        yield from _of_feedback(row["feedback"])
    why = f": {row['detail']} ({row['code']})" if row["code"] else _WHY.get(row["state"], "")
    yield row["settled_at"], f"{row['state']}{why}"


_WHY = {
    "unwanted": ": no connector's `where` accepts it",
    "elsewhere": ": another program had exported it",
    "gone": ": CTGO no longer had it",
    "dropped": ": a person dropped it",
}
"""The reason, by the state in which a lead ended."""


def _of_feedback(it: dict[str, Any]) -> Iterator[tuple[str | None, str]]:

    yield it["heard_at"], f"{it['connector']} says: {Judgement.of(it['word'])}"
    if it["state"] == "no_segment":
        yield it["settled_at"], "feedback: cannot be sent, because the lead is in no segment"
    elif it["told"] and it["told"] != it["word"]:
        yield it["told_at"], f"feedback: CTGO got {Judgement.of(it['told'])}"
        yield None, f"feedback: {_describe(it)}"
    else:
        yield it["settled_at"], f"feedback: {_describe(it)}"


def _describe(it: dict[str, Any]) -> str:
    parts = [it["state"]]
    if it.get("remote_id"):
        at = f" at {it['url']}" if it.get("url") else ""
        parts.append(f"{'created' if it['created'] else 'found'} as {it['remote_id']}{at}")
    if it["attempts"]:
        parts.append(f"{it['attempts']} attempt{'s' if it['attempts'] > 1 else ''}")
    if it["state"] == "pending" and it["due_at"]:
        parts.append(f"next not before {_to_the_second(it['due_at'])}")
    if it.get("held"):
        parts.append(f"held at its gate until syncd release {it['connector']}")
    if it["maybe_sent"]:
        parts.append("maybe sent")
    text = ", ".join(parts)
    return f"{text}: {it['detail']} ({it['code']})" if it["code"] and it["state"] != "delivered" else text


def _to_the_second(instant: str) -> str:
    """Cut the fraction off an ISO 8601 text of UTC."""
    head, dot, _ = instant.partition(".")
    return f"{head}Z" if dot else instant


def describe_enrichment(document: Any) -> str:
    """Describe the enrichment of one lead; empty if there was none."""
    if not isinstance(document, dict):
        return ""
    asked = document.get("asked")
    parts = []
    if isinstance(asked, dict) and asked:
        parts.append("asked for " + " and ".join(_output(name, mode) for name, mode in sorted(asked.items())))
    found = [name for name, key in (("email", "email"), ("linkedin_url", "linkedin")) if document.get(key)]
    if parts:
        parts.append(f"found {' and '.join(found) or 'nothing'}")
    if document.get("skipped"):
        parts.append(f"not asked{' for all' if parts else ''}: {document['skipped']}")
    return ", ".join(parts)


def _output(name: str, mode: object) -> str:
    return f"email ({mode})" if name == "email" else str(name)
