"""The pages of a lead, and of the search for one."""

from http import HTTPStatus

from flask import Response, redirect

from syncd.console.pages.lead import lead_page
from syncd.console.screens import trouble
from syncd.console.visit import Visit
from syncd.core.lead import LARGEST_ID
from syncd.ledger import Ledger, Transaction, history, overview, queries
from syncd.ledger.sql import unless_late
from syncd.registry import record_urls
from syncd.verbs.lead import FindUrl, KnownLead, known_in

LONGEST_SEARCH = 2.0
"""Seconds after which a search is cut short."""
MOST = 25
_LONGEST_QUERY = 200


def lead(visit: Visit, number: str) -> Response:
    """Show every row of an id."""
    reading = visit.look()
    if reading.trouble is not None:
        return trouble(visit, *reading.trouble)
    masked, settings = visit.who.role != "operator", visit.parts.settings
    url: FindUrl = (lambda *_: None) if masked else record_urls(settings)
    found: list[KnownLead] = []
    newest = 0
    if (wanted := _id_of(number)) is not None:
        with visit.parts.readings.reading() as connection:
            found, newest = known_in(connection, url, lead_id=wanted), history.newest_action(connection)
    if not found:
        what = f"The ledger holds no lead {number[:20]}."
        return visit.sentence(HTTPStatus.NOT_FOUND, "There is no such lead.", what)
    pages = [lead_page(it, settings, masked=masked) for it in found]
    return visit.page("lead.html", pages=pages, newest=newest, reading=reading, here="leads")


def _id_of(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0  # noqa: PLR2004 - digits of the largest id
    return number if 1 <= number <= LARGEST_ID else None


def search(visit: Visit) -> Response:
    """Find leads by id; an operator also by handle, address, or the id of a record."""
    reading, query = visit.look(), visit.request.args.get("q", "").strip()[:_LONGEST_QUERY]
    if reading.trouble is not None:
        return trouble(visit, *reading.trouble)
    number, late = _id_of(query), False
    found: list[int] = []
    if query and visit.who.role == "operator":
        found, late = _found(visit, query, number)
    elif number is not None:
        with visit.parts.readings.reading() as connection:
            found = [it.lead_id for it in overview.find_leads(connection, lead_id=number)]
    found = list(dict.fromkeys(found))
    if len(found) == 1:
        return redirect(f"/lead/{found[0]}", HTTPStatus.SEE_OTHER)  # type: ignore[return-value]
    return visit.page("leads.html", query=query, found=found[:MOST], late=late, reading=reading, here="leads")


def _found(visit: Visit, query: str, number: int | None) -> tuple[list[int], bool]:
    """Return the ids that were found, and True if the search was cut short."""
    until = visit.parts.clock.monotonic() + LONGEST_SEARCH
    # A connection of its own: nobody else's page waits for a search
    with Ledger.open_to_read(visit.parts.readings.path) as ledger, ledger.read() as connection:
        if number is not None and (rows := overview.find_leads(connection, lead_id=number)):
            return [it.lead_id for it in rows], False
        ids = unless_late(
            connection,
            lambda: visit.parts.clock.monotonic() > until,
            lambda it: _ids(it, query),
        )
    return ids or [], ids is None


def _ids(connection: Transaction, query: str) -> list[int]:
    """Return the ids of the first reading of a query that finds somebody."""
    for wanted in queries.sought(query):
        if found := queries.search(connection, wanted, limit=MOST):
            return [it.lead_id for it in found]
    return []
