"""ContractPart about `statuses_since`: whom a salesperson marked is told, however late it shows, and asking changes nothing.

Skipped for a connector that does not offer it. One that does needs two things more: `Bench.open(…, watched=Watched(…))`, with
two values or more, and a method `mark(person, value)` of the remote's handle.
"""

from collections.abc import Callable, Sequence

import pytest

from syncd.connector import Delivery, Failure, Halt, Pause, Status, Statuses, TellsStatus
from syncd.core.failure import CODES
from syncd.testing.base import FEW, ContractPart, all_delivered, demand
from syncd.testing.bench import Bench
from syncd.testing.lane_harness import LaneHarness

PATIENCE = 180.0
"""Seconds within which a remote must show a change: more than any index is known to lag."""
_PAGES = 200
_ASKED = 37.0


class Listener:
    """Stands in for the engine: asks page by page, and keeps the cursor."""

    def __init__(self, bench: Bench) -> None:
        """Nothing was asked yet."""
        self.bench = bench
        self.cursor = ""
        self.told: list[Status] = []

    @property
    def connector(self) -> TellsStatus:
        """The one under test. Skips where it does not tell."""
        connector: object = self.bench.connector
        if not isinstance(connector, TellsStatus):
            pytest.skip("the connector does not tell what became of anybody")
        return connector

    def hear(self) -> list[Status]:
        """All pages from the cursor on; what they told."""
        begun = len(self.told)
        for _ in range(_PAGES):
            before, page = self.cursor, self.page()
            self.told += page.found
            self.cursor = page.cursor
            if not page.more:
                return self.told[begun:]
            demand(page.cursor != before, "a page promises more, and its cursor stands where it stood")
        raise AssertionError(f"statuses_since never comes to an end: {_PAGES} pages, and there are more")

    def page(self) -> Statuses:
        """One page from the cursor on."""
        page: object = self.connector.statuses_since(self.cursor)
        if not isinstance(page, Statuses):
            raise AssertionError(f"statuses_since must return Statuses, not {type(page).__name__}")  # noqa: TRY004
        demand(isinstance(page.cursor, str), "a cursor is text")
        for status in page.found:
            demand(
                isinstance(status, Status)
                and bool(status.person or status.remote_id)
                and isinstance(status.value, str),
                "each Status needs a value and a person or a remote_id",
            )
        return page


class StatusClaims(ContractPart):
    """The claims about `statuses_since`."""

    def test_whom_somebody_marked_is_told(self, bench: Bench) -> None:
        """By the person it was sent for, or by the remote id that it got; with the value, and when."""
        listener, mark, first, _ = _ready(bench)
        ids, begun = _delivered(bench), bench.clock.now()
        everybody = _everybody(bench)
        mark(everybody[0].person, first)
        bench.clock.advance(PATIENCE)
        found = _of(listener.hear(), everybody[0], ids)
        demand(bool(found), "somebody was marked, and is not told")
        demand(found[-1].value == first, f"marked as {first!r}, they are told as {found[-1].value!r}")
        at = found[-1].changed_at
        demand(
            begun - 1 <= at <= bench.clock.now() + 1,
            f"changed_at is when they were changed, in seconds since the epoch, not {at}",
        )

    def test_a_change_that_shows_late_is_told(self, bench: Bench) -> None:
        """Indexes lag and transactions end late: a look that was too early must not be the last one."""
        listener, mark, first, _ = _ready(bench)
        ids, some = _delivered(bench), _everybody(bench)[:3]
        bench.clock.advance(PATIENCE)
        for one in some:  # a later one may show sooner
            mark(one.person, first)
            bench.clock.advance(1.0)
        listener.hear()
        bench.clock.advance(PATIENCE)
        listener.hear()
        for one in some:
            told = [status.value for status in _of(listener.told, one, ids)]
            demand(
                first in told,
                "a change that the remote shows late was never told: begin again a little before where the last page ended",
            )

    def test_what_changes_again_is_told_again(self, bench: Bench) -> None:
        """The last value wins, and it is told after the others."""
        listener, mark, first, second = _ready(bench)
        ids, one = _delivered(bench), _everybody(bench)[0]
        for value in (first, second):
            mark(one.person, value)
            bench.clock.advance(PATIENCE)
            listener.hear()
        values = [it.value for it in sorted(_of(listener.told, one, ids), key=lambda it: it.changed_at)]
        demand(
            bool(values) and values[-1] == second and first in values,
            f"marked as {first!r} and then as {second!r}, they are told as {values}",
        )

    def test_a_page_may_be_asked_for_again(self, bench: Bench) -> None:
        """The process may die with a page: the cursor is all that is remembered, also by another instance."""
        listener, mark, first, _ = _ready(bench)
        _delivered(bench)
        for one in _everybody(bench):
            mark(one.person, first)
        bench.clock.advance(PATIENCE)
        told = sorted(set(listener.hear()))
        for fresh in (False, True):
            if fresh and bench.again is not None:
                bench.connector.close()
                bench.connector = bench.again()
            repeated = sorted(set(Listener(bench).hear()))
            demand(
                repeated == told, "asked again from the same cursor, the remote's people are told otherwise"
            )

    def test_listening_changes_nothing(self, bench: Bench) -> None:
        """It reads; also what it does not understand."""
        listener, mark, first, _ = _ready(bench)
        _delivered(bench)
        mark(_everybody(bench)[0].person, first)
        bench.clock.advance(PATIENCE)
        before = [dict(each) for each in bench.remote.objects()]
        listener.hear()
        listener.cursor = "no cursor of yours"
        listener.hear()
        demand(
            [dict(each) for each in bench.remote.objects()] == before,
            "statuses_since changed something at the remote: it must only read",
        )

    def test_trouble_while_listening_loses_nothing(self, bench: Bench) -> None:
        """It raises `Pause` or `Halt`, as `deliver` does; the same cursor tells it all afterwards."""
        listener, mark, first, _ = _ready(bench)
        ids, one = _delivered(bench), _everybody(bench)[0]
        mark(one.person, first)
        bench.clock.advance(PATIENCE)
        if self.able("fail"):
            bench.remote.fail_next()
            why = _raised(listener)
            demand(
                isinstance(why, Pause) and why.unexplained,
                f"a bare server error is Pause(…, unexplained=True), not {why!r}",
            )
        if self.able("slow_down"):
            bench.remote.slow_down(_ASKED)
            why = _raised(listener)
            demand(
                isinstance(why, Pause) and (why.after or 0) >= _ASKED,
                f"told to slow down, raise Pause(…, after=…), not {why!r}",
            )
        bench.clock.advance(PATIENCE)
        demand(bool(_of(listener.hear(), one, ids)), "what was asked for in vain is never told")
        if self.able("revoke"):
            bench.remote.revoke()
            why = _raised(listener)
            demand(isinstance(why, Halt), f"revoked credentials must halt: raise Halt, not {why!r}")
            demand(why.code in {**bench.connector.codes, **CODES}, f"the code {why.code} is in no registry")

    def test_a_cursor_holds_nothing_private(self, bench: Bench) -> None:
        """It is kept for ever, and people who are forgotten must not live on in it."""
        listener, mark, first, _ = _ready(bench)
        _delivered(bench)
        everybody = _everybody(bench)
        for one in everybody:
            mark(one.person, first)
        bench.clock.advance(PATIENCE)
        listener.hear()
        private = {text for one in everybody for text in _private(one)}
        shown = [text for text in private if text and text in listener.cursor]
        demand(not shown, "the cursor holds a name, a handle, an address or a person's id")
        demand(not any(secret in listener.cursor for secret in bench.secrets), "the cursor holds a secret")


def _ready(bench: Bench) -> tuple[Listener, Callable[[str, str], object], str, str]:
    """A listener, how to mark somebody, and two values. Skips where nothing is told."""
    listener = Listener(bench)
    _ = listener.connector
    mark: Callable[[str, str], object] | None = getattr(bench.remote, "mark", None)
    values = sorted(bench.watched.values) if bench.watched else []
    demand(
        mark is not None and len(values) > 1,
        "a connector with statuses_since needs Bench.open(…, watched=Watched(property, two or more values)) and a method"
        " mark(person, value) of the remote's handle",
    )
    assert mark is not None  # noqa: S101 - demanded above, for the types
    return listener, mark, values[0], values[1]


def _delivered(bench: Bench) -> dict[str, str | None]:
    """A few people, delivered; their remote ids."""
    everybody = _everybody(bench)
    harness = LaneHarness(bench, *everybody).settle()
    all_delivered(harness, everybody, "Before anybody is marked")
    return {one.person: harness.settled[one.id].remote_id for one in everybody}


def _everybody(bench: Bench) -> list[Delivery]:
    """A few people, however many go into a call."""
    return bench.deliveries(FEW)


def _of(told: Sequence[Status], one: Delivery, ids: dict[str, str | None]) -> list[Status]:
    return [
        it for it in told if it.person == one.person or (it.remote_id and it.remote_id == ids[one.person])
    ]


def _raised(listener: Listener) -> Failure:
    try:
        page = listener.page()
    except Failure as why:
        return why
    raise AssertionError(f"the remote made trouble, and statuses_since answered {page!r}")


def _private(one: Delivery) -> list[str]:
    profile = one.lead.profile
    return [one.person, profile.display_name or "", profile.handle or "", str(one.fields.get("email") or "")]
