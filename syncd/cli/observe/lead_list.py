"""`syncd leads`: list leads, newest first, with their state at each connector and their ids there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from syncd.cli.context import AsJson, instant_option, ledger_to_read, settings_of, unknown
from syncd.cli.exits import Exit
from syncd.cli.output import iso, say, say_json
from syncd.core.delivery import State
from syncd.core.lead import LARGEST_ID
from syncd.core.lead_state import LeadState
from syncd.log import escape
from syncd.settings import Settings
from syncd.verbs.payload import profile_of

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.leads.listing import ListedDelivery, ListedLead
    from syncd.verbs.lead import FindUrl

_WIDTH = 80

_SINCE = instant_option("--since", "Only leads discovered from here on")


def leads(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    connector: Annotated[
        str, typer.Option("--connector", metavar="NAME", help="Only leads with a delivery to this connector.")
    ] = "",
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="In this state, at --connector if it is given.")
    ] = "",
    campaign: Annotated[
        int | None,
        typer.Option("--campaign", metavar="ID", min=1, max=LARGEST_ID, help="Of this campaign only."),
    ] = None,
    since: Annotated[Any, _SINCE] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> int:
    """List leads, newest first, with their state at each connector and their ids there."""
    settings = settings_of(context)
    from syncd.ledger.leads.listing import LeadFilter  # noqa: PLC0415
    from syncd.verbs.lead import newest  # noqa: PLC0415

    with ledger_to_read(settings) as ledger:
        _check(settings, ledger, connector, state)
        found = list(newest(ledger, LeadFilter(connector, state, campaign or 0, since), limit))
    from syncd.registry import record_urls  # noqa: PLC0415 - the plugins

    url = record_urls(settings)
    if as_json:
        say_json([_document(it, url) for it in found])
        return Exit.DONE
    for it in found:
        for line in _lines(it, url):
            say(line)
    if not found:
        say("The ledger holds no such lead.")
    elif len(found) == limit:
        say(f"These are the newest {limit:,}; for more: --limit N")
    return Exit.DONE


def _check(settings: Settings, ledger: "Ledger", connector: str, state: str) -> None:
    """Raise a usage error for a connector or a state that there is not."""
    from syncd.ledger import overview  # noqa: PLC0415

    states = {*get_args(State)} if connector else {*get_args(State), *get_args(LeadState)}
    if state and state not in states:
        raise unknown("state", state, states)
    with ledger.read() as connection:
        known = {*settings.connectors, *overview.counts(connection)["delivery"]}
    if connector and connector not in known:
        raise unknown("connector", connector, known)


def _document(it: "ListedLead", url: "FindUrl") -> dict[str, Any]:
    profile = profile_of(it.payload)
    return {
        "source": it.source,
        "id": it.lead_id,
        "handle": profile.get("handle"),
        "name": profile.get("displayName"),
        "stream_id": it.stream_id,
        "stream_name": it.campaign,
        "segment_id": it.segment_id,
        "state": it.state,
        "discovered_at": iso(it.discovered_at or None),
        "deliveries": [
            one._asdict() | {"held": bool(one.held), "url": url(one.connector, one.remote_id or "")}
            for one in it.deliveries
        ],
    }


def _lines(it: "ListedLead", url: "FindUrl") -> Iterator[str]:
    """Write one lead: who it is and its own state, then a line for each connector."""
    profile = profile_of(it.payload)
    handle, name = profile.get("handle"), profile.get("displayName")
    who = [f"@{handle}" if handle else "", str(name) if name else ""]
    campaign = it.stream_id and f"campaign {it.stream_id}{f' ({it.campaign})' if it.campaign else ''}"
    head = "  ".join(str(part) for part in (it.lead_id, *who, campaign) if part)
    state = f"  {it.state}"
    yield _cut(head, _WIDTH - len(state)) + state
    for one in it.deliveries:
        yield f"  {one.connector}: {_describe(one, url(one.connector, one.remote_id or ''))}"


def _describe(one: "ListedDelivery", url: str | None) -> str:
    held = ", held at its gate" if one.held else ""
    code = f" ({one.code})" if one.code and one.state != "delivered" else ""
    known = f" as {one.remote_id}{f' at {url}' if url else ''}" if one.remote_id else ""
    return f"{one.state}{known}{held}{code}"


def _cut(text: str, width: int) -> str:
    shown = escape(text)
    return shown if len(shown) <= width else f"{shown[: width - 3]}..."
