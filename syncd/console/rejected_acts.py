"""Acts on what was rejected or held: try one, send all again, take that back, drop for good; and pulling now."""

from collections import Counter
from http import HTTPStatus
from typing import NamedTuple

from flask import Response

from syncd.console.acts import acting, carried_on, explained, field, seen
from syncd.console.formats import counted
from syncd.console.visit import Undo, Visit
from syncd.core.lead import LARGEST_ID
from syncd.core.lead_state import LeadState
from syncd.ledger import history, overview
from syncd.ledger.admin import rejections
from syncd.verbs import gate, lanes, rejected
from syncd.verbs.seen import GroupChangedError
from syncd.verbs.targets import MistakeError, target_of

KINDS = ("delivery", "export", "feedback", "lead")
TYPED_ABOVE = 20
"""Rows above which a drop wants its number typed."""


def group(visit: Visit) -> tuple[str, str, str]:
    """Return the group that a form names. Raises MistakeError: an empty field would choose everything."""
    kind, where, code = field(visit, "kind"), field(visit, "where"), field(visit, "code")
    if kind not in KINDS or not where or not code:
        raise MistakeError("The form names no group. Go back, and read the page again.")
    return kind, where, code


@explained
def retry(visit: Visit) -> Response:
    """Send a group again: one of it, that of a lead, or all."""
    kind, where, code = group(visit)
    first, lead = (1 if field(visit, "first") == "1" else None), field(visit, "lead")
    if lead and not (lead.isdecimal() and 0 < int(lead[:20]) <= LARGEST_ID):
        raise MistakeError("The form names no lead.")
    try:
        with acting(visit) as actor:
            chosen = rejected.members_of(kind, where, code)._replace(lead_id=int(lead or 0))
            done = rejected.retry(actor, chosen, first=first, seen=seen(visit))
    except GroupChangedError as error:
        return _changed(visit, error)
    undo = Undo("/take-back", "Take back", {"number": f"{done.number}"}) if done.number else None
    visit.notice(
        f"{counted(done.n, 'row goes', 'rows go')} back to pending for {where}. {carried_on(visit)}", undo
    )
    return visit.back()


@explained
def take_back(visit: Visit) -> Response:
    """Reject again what a retry sent again and nobody tried since."""
    number = field(visit, "number")
    if not number.isdecimal() or len(number) > 9:  # noqa: PLR2004 - no operator's log is longer
        raise MistakeError("The form names no retry.")
    with acting(visit) as actor:
        n = rejected.take_back(actor, int(number))
    visit.notice(
        f"{counted(n, 'row is', 'rows are')} rejected again, as before. What was tried meanwhile stays as it is."
    )
    return visit.back()


class Left(NamedTuple):
    """Leads of a group, if it were dropped: those that wait for others, that another place has, and that none has."""

    waiting: int
    delivered: int
    nowhere: int


def left_of(states: Counter[LeadState]) -> Left:
    """Sum up the states that a drop would bring leads to."""
    waiting, nowhere = states["delivering"] + states["rejected"], states["dropped"]
    return Left(waiting, states.total() - waiting - nowhere, nowhere)


def ask_drop(visit: Visit, kind: str, where: str, code: str) -> Response:
    """Show what a drop of a group cannot undo."""
    with visit.parts.readings.reading() as connection:
        n = overview.count_rejected(connection, overview.Rejections(kind, where, code))
        newest = history.newest_action(connection)
        chosen, exports = rejected.members_of(kind, where, code), visit.parts.settings.exporting
        left = left_of(rejections.if_dropped(connection, chosen, exports)) if kind == "delivery" else None
    if kind not in KINDS or not n:
        what = "Somebody may have retried or dropped it already."
        return visit.sentence(HTTPStatus.NOT_FOUND, "There is nothing to drop.", what)
    return visit.page(
        "drop.html", n=n, where=where, code=code, left=left, back="/stuck", action="/drop", typed=n > TYPED_ABOVE,
        fields={"kind": kind, "where": where, "code": code, "n": n, "newest": newest}, here="stuck",
    )  # fmt: skip


def ask_drop_held(visit: Visit, name: str) -> Response:
    """Show what a drop of what a gate holds cannot undo."""
    reading = visit.look()
    held = reading.gates.get(name)
    if held is None:
        what = "Somebody may have let it through already."
        return visit.sentence(HTTPStatus.NOT_FOUND, "This gate holds nothing.", what)
    return visit.page(
        "drop.html", n=held.held, where=name, code="", left=None, back="/", action="/drop-held",
        typed=held.held > TYPED_ABOVE, fields={"name": name, "n": held.held, "newest": reading.newest}, here="now",
    )  # fmt: skip


def _typed_right(visit: Visit) -> bool:
    n = seen(visit).n
    return n <= TYPED_ABOVE or "".join(it for it in field(visit, "typed") if it.isdecimal()) == str(n)


@explained
def drop(visit: Visit) -> Response:
    """Drop a group for good."""
    kind, where, code = group(visit)
    if not _typed_right(visit):
        return _mistyped(visit)
    try:
        with acting(visit) as actor:
            n = rejected.drop(actor, rejected.members_of(kind, where, code), seen=seen(visit))
    except GroupChangedError as error:
        return _changed(visit, error)
    visit.notice(f"{counted(n, 'row was', 'rows were')} dropped for {where}.")
    return visit.back()


@explained
def drop_held(visit: Visit) -> Response:
    """Drop for good what a gate holds."""
    name = field(visit, "name")
    if not _typed_right(visit):
        return _mistyped(visit)
    try:
        with acting(visit) as actor:
            gate.gate_of(visit.parts.settings, actor.ledger, name)
            done = gate.drop_held(actor, name, seen=seen(visit))
    except GroupChangedError as error:
        return _changed(visit, error)
    visit.notice(f"{counted(done.n, 'delivery was', 'deliveries were')} dropped for {name}.")
    return visit.back()


@explained
def try_now(visit: Visit) -> Response:
    """Try now what waits to be tried again."""
    target = target_of(visit.parts.settings, field(visit, "name"))
    with acting(visit) as actor:
        done = lanes.try_now(actor, target)
    visit.notice(f"{counted(done.rows, 'row')} of {target} may go now. {carried_on(visit)}")
    return visit.back()


@explained
def pull_now(visit: Visit) -> Response:
    """Make the daemon pull every source now."""
    with acting(visit) as actor:
        process = lanes.pull_now(actor)
    told = f"The daemon (process {process}) pulls every source now."
    visit.notice(
        told if process else "No daemon runs on this ledger, or it is another user's: nothing was done."
    )
    return visit.back()


def _changed(visit: Visit, error: GroupChangedError) -> Response:
    visit.notice(f"Nothing was done: {error} Look again, and then decide.")
    return visit.back()


def _mistyped(visit: Visit) -> Response:
    visit.notice("Nothing was dropped: the number that was typed is another one.")
    return visit.back()
