"""Acts: each form calls the same function as the command line, says what it did on the next page, and offers to undo it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus

from flask import Response

from syncd.console.formats import counted
from syncd.console.visit import Undo, Visit
from syncd.ledger import LedgerError, history
from syncd.verbs import gate, lanes
from syncd.verbs.actor import Actor, at_work
from syncd.verbs.seen import GroupChangedError, Seen
from syncd.verbs.targets import MistakeError, UnknownNameError, target_of

REREAD = 2.0
"""Seconds that a resume waits for a daemon that reads its configuration anew."""
PAUSES = {"": None, "1h": 3600.0, "12h": 12 * 3600.0}
_LONGEST_REASON = 200

View = Callable[[Visit], Response]


@contextmanager
def acting(visit: Visit) -> Iterator[Actor]:
    """Open the ledger for somebody's acts; afterwards the next page is read anew."""
    parts = visit.parts
    try:
        with at_work(parts.settings, visit.who.name, "console", parts.clock) as actor:
            yield actor
    finally:
        parts.readings.forget()


def explained(view: View) -> View:
    """Wrap an act: a mistake, or a ledger that cannot be written, is a page that says that nothing was done."""

    @wraps(view)
    def answer(visit: Visit) -> Response:
        try:
            return view(visit)
        except (UnknownNameError, MistakeError) as error:
            return visit.sentence(HTTPStatus.NOT_FOUND, "Nothing was done.", f"{error}")
        except LedgerError as error:
            busy = error.code == "ledger_busy"
            title = (
                "The ledger is busy; nothing was done."
                if busy
                else "The ledger cannot be written; nothing was done."
            )
            return visit.sentence(HTTPStatus.SERVICE_UNAVAILABLE, title, error.detail)

    return answer


def field(visit: Visit, name: str) -> str:
    """Return a field of the form."""
    return visit.request.form.get(name, "").strip()


def seen(visit: Visit) -> Seen:
    """Return the group as the page showed it. Raises MistakeError for a form that does not say it."""
    n, newest = field(visit, "n"), field(visit, "newest")
    if not (n.isdecimal() and newest.isdecimal() and len(n) < 10 > len(newest)):  # noqa: PLR2004 - no ledger holds more
        raise MistakeError("The form does not say what you saw. Go back, and read the page again.")
    return Seen(int(n), int(newest))


def carried_on(visit: Visit) -> str:
    """Say who does the rest."""
    engine = visit.parts.readings.look().engine
    return (
        f"The engine (process {engine}) goes on with it."
        if engine
        else "No engine runs: it waits until one does."
    )


@explained
def pause(visit: Visit) -> Response:
    """Pause a source or a connector."""
    name, reason = field(visit, "name"), field(visit, "reason")[:_LONGEST_REASON]
    length = PAUSES.get(field(visit, "for"))
    target = target_of(visit.parts.settings, name)
    with acting(visit) as actor:
        until = lanes.pause(actor, target, seconds=length, reason=reason)
    end = f"until {visit.times().clock(until)}" if until is not None else "until it is resumed"
    visit.notice(
        f"Paused {target} {end}. Nothing is lost meanwhile.",
        Undo("/resume", f"Resume {name}", {"name": name}),
    )
    return visit.back()


@explained
def resume(visit: Visit) -> Response:
    """Lift a pause or a halt."""
    name = field(visit, "name")
    target = target_of(visit.parts.settings, name)
    with acting(visit) as actor:
        done = lanes.resume(actor, target, patience=REREAD)
    if not done.lifted:
        visit.notice(f"{target} was neither paused nor halted.".capitalize())
        return visit.back()
    halted = any(it.status == "halted" for it in done.lifted)
    how = " It begins with a single lead." if halted else ""
    undo = Undo("/pause", f"Pause {name}", {"name": name})
    visit.notice(f"Resumed {target}.{how} {carried_on(visit)}", undo)
    return visit.back()


def ask_release(visit: Visit, name: str) -> Response:
    """Ask before everything that a gate holds is let through."""
    reading = visit.look()
    held = reading.gates.get(name)
    if held is None:
        return visit.sentence(
            HTTPStatus.NOT_FOUND, "This gate holds nothing.", "Somebody may have let it through already."
        )
    return visit.page("release.html", name=name, held=held.held, newest=reading.newest)


@explained
def release(visit: Visit) -> Response:
    """Let through what a gate holds: the oldest, or all."""
    name, first = field(visit, "name"), field(visit, "first")
    most = int(first) if first.isdecimal() and len(first) < 7 else None  # noqa: PLR2004 - a field of ours
    try:
        with acting(visit) as actor:
            gate.gate_of(visit.parts.settings, actor.ledger, name)
            done = gate.release(actor, name, most, seen=seen(visit))
            with actor.ledger.read() as connection:
                number = history.newest_touching(connection, "release", name)
    except GroupChangedError as error:
        visit.notice(f"Nothing was done: {error} Look again, and then decide.")
        return visit.back()
    undo = (
        Undo("/hold", "Hold again what was not tried", {"name": name, "number": str(number)})
        if number and done.n
        else None
    )
    visit.notice(
        f"{counted(done.n, 'delivery', 'deliveries')} let through for {name}. {carried_on(visit)}", undo
    )
    return visit.back()


@explained
def hold(visit: Visit) -> Response:
    """Hold again what a release let through and nobody tried since."""
    name, number = field(visit, "name"), field(visit, "number")
    with acting(visit) as actor:
        done = gate.hold_again(actor, name, int(number) if number.isdecimal() and len(number) < 10 else None)  # noqa: PLR2004
    visit.notice(f"{counted(done.n, 'delivery is', 'deliveries are')} held again for {name}.")
    return visit.back()
