"""`syncd lead`: everything that the ledger knows about one lead, in order of time.

Only this verb, `leads`, the verbs of `rejected` and `map` print personal data of a lead.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.context import ledger_to_read, settings_of
from syncd.cli.exits import Exit, complain
from syncd.cli.output import iso, say, say_json
from syncd.core.feedback import Judgement
from syncd.core.lead import LARGEST_ID
from syncd.log import escape

if TYPE_CHECKING:
    from syncd.verbs.lead import Attempt, KnownDelivery, KnownFeedback, KnownLead


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
    from syncd.registry import record_urls  # noqa: PLC0415 - the plugins
    from syncd.verbs.lead import is_forgotten, known  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        found = [
            document_of(it) for it in known(ledger, record_urls(settings), lead_id=number, handle=handle)
        ]
        forgotten = not found and is_forgotten(ledger, lead_id=number, handle=handle)
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


def document_of(it: "KnownLead") -> dict[str, Any]:
    """Describe one row of the lead, instants as ISO 8601 text."""
    first = (
        "source",
        "id",
        "stream_id",
        "stream_name",
        "segment_id",
        "segment_name",
        "person",
        "state",
        "code",
        "detail",
    )
    return {
        **{key: getattr(it, key) for key in first},
        "discovered_at": iso(it.discovered_at or None),
        "ingested_at": iso(it.ingested_at),
        "settled_at": iso(it.settled_at),
        "payload": it.payload,
        "enrichment": it.enrichment,
        "deliveries": [_delivery(one) for one in it.deliveries],
        "export": it.export and _attempted(it.export),
        "feedback": it.feedback and _feedback(it.feedback),
    }


def _delivery(it: "KnownDelivery") -> dict[str, Any]:
    named = {key: getattr(it, key) for key in ("connector", "required", "remote_id", "created")}
    return {**named, **_attempted(it, held=it.held), "url": it.url}


def _feedback(it: "KnownFeedback") -> dict[str, Any]:
    texts = {key: getattr(it, key) for key in ("connector", "word", "told")}
    return {**texts, "heard_at": iso(it.heard_at), "told_at": iso(it.told_at), **_attempted(it)}


def _attempted(it: "Attempt", **more: bool) -> dict[str, Any]:
    found = {key: getattr(it, key) for key in ("state", "attempts", "maybe_sent", "code", "detail")}
    return {**found, **more, "due_at": iso(it.due_at or None), "settled_at": iso(it.settled_at)}


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
