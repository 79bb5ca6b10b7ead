"""Claims about `statuses_since`: every status that somebody sets is reported, however late it shows, and a poll changes nothing.

Skipped for a connector that does not offer it. One that does needs two things more: `Bench.open(…, watched=Watched(…))`, with
two values or more, and a method `mark(person, value)` of the remote's handle.
"""

from collections.abc import Callable

import pytest

from syncd.connector import Delivery, Failure, Halt, Pause, Status, Statuses, TellsStatus
from syncd.core.failure import CODES
from syncd.testing.base import FEW, ContractPart, deliver_all, demand
from syncd.testing.bench import Bench

PATIENCE = 180.0
"""Seconds within which a remote must show a change: more than any index is known to lag."""
_PAGES = 200
_ASKED = 37.0


class StatusPoll:
    """Stands in for the engine: delivers a few people, polls page by page, and keeps the cursor. Skips without `statuses_since`.

    Attributes:
        people: those that were delivered.
        first, second: two values of the watched property.
        found: every status so far.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cursor = ""
        self.found: list[Status] = []
        _ = self._connector
        mark: Callable[[str, str], object] | None = getattr(bench.remote, "mark", None)
        values = sorted(bench.watched.values) if bench.watched else []
        if mark is None or len(values) < 2:  # noqa: PLR2004 - two values, to change one for the other
            raise AssertionError(
                "a connector with statuses_since needs Bench.open(…, watched=Watched(property, two or more values)) and a "
                "method mark(person, value) of the remote's handle"
            )
        self._mark, (self.first, self.second) = mark, values[:2]
        self.people = bench.deliveries(FEW)
        settled = deliver_all(bench, self.people, "Before anybody is marked").settled
        self._remote_ids = {one.person: settled[one.id].remote_id for one in self.people}

    @property
    def _connector(self) -> TellsStatus:
        connector: object = self.bench.connector
        if not isinstance(connector, TellsStatus):
            pytest.skip("the connector has no statuses_since")
        return connector

    def mark(self, value: str, *people: Delivery) -> None:
        """Let somebody set the watched property of these people, or of everybody, and wait until the remote shows it."""
        for one in people or self.people:
            self._mark(one.person, value)
        self.bench.clock.advance(PATIENCE)

    def mark_slowly(self, value: str, *people: Delivery) -> None:
        """Let somebody set the watched property of one after the other. A later one may show sooner."""
        for one in people:
            self._mark(one.person, value)
            self.bench.clock.advance(1.0)

    def poll(self) -> list[Status]:
        """Read all pages from the cursor on; return their statuses."""
        begun = len(self.found)
        for _ in range(_PAGES):
            before, page = self.cursor, self.page()
            self.found += page.found
            self.cursor = page.cursor
            if not page.more:
                return self.found[begun:]
            demand(page.cursor != before, "a page promises more, and its cursor stands where it stood")
        raise AssertionError(f"statuses_since never comes to an end: {_PAGES} pages, and there are more")

    def page(self) -> Statuses:
        """Read one page from the cursor on."""
        page: object = self._connector.statuses_since(self.cursor)
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

    def failure(self) -> Failure:
        """Read a page, which must fail."""
        try:
            page = self.page()
        except Failure as why:
            return why
        raise AssertionError(f"the remote made trouble, and statuses_since answered {page!r}")

    def of(self, one: Delivery) -> list[Status]:
        """Every status of a person so far, by the person or by the remote id."""
        remote_id = self._remote_ids[one.person]
        return [
            it for it in self.found if it.person == one.person or (remote_id and it.remote_id == remote_id)
        ]


class StatusClaims(ContractPart):
    """The claims about `statuses_since`."""

    def test_whom_somebody_marked_is_told(self, bench: Bench) -> None:
        """By the person it was sent for, or by the remote id that it got; with the value, and when."""
        polled = StatusPoll(bench)
        begun, one = bench.clock.now(), polled.people[0]
        polled.mark(polled.first, one)
        polled.poll()
        found = polled.of(one)
        demand(bool(found), "somebody was marked, and is not reported")
        value, at = found[-1].value, found[-1].changed_at
        demand(value == polled.first, f"marked as {polled.first!r}, they are reported as {value!r}")
        demand(
            begun - 1 <= at <= bench.clock.now() + 1,
            f"changed_at is when they were changed, in seconds since the epoch, not {at}",
        )

    def test_a_change_that_shows_late_is_told(self, bench: Bench) -> None:
        """Indexes lag and transactions end late: a look that was too early must not be the last one."""
        polled = StatusPoll(bench)
        some = polled.people[:3]
        bench.clock.advance(PATIENCE)
        polled.mark_slowly(polled.first, *some)
        polled.poll()
        bench.clock.advance(PATIENCE)
        polled.poll()
        for one in some:
            demand(
                polled.first in [status.value for status in polled.of(one)],
                "a change that the remote shows late was never reported: begin again a little before where the last page ended",
            )

    def test_what_changes_again_is_told_again(self, bench: Bench) -> None:
        """The last value wins, and it is reported after the others."""
        polled = StatusPoll(bench)
        one, first, second = polled.people[0], polled.first, polled.second
        for value in (first, second):
            polled.mark(value, one)
            polled.poll()
        values = [it.value for it in sorted(polled.of(one), key=lambda it: it.changed_at)]
        demand(
            bool(values) and values[-1] == second and first in values,
            f"marked as {first!r} and then as {second!r}, they are reported as {values}",
        )

    def test_a_page_may_be_asked_for_again(self, bench: Bench) -> None:
        """The process may die with a page: the cursor is all that is remembered, also by another instance."""
        polled = StatusPoll(bench)
        polled.mark(polled.first)
        found = set(polled.poll())
        for fresh in (False, True):
            if fresh and bench.again is not None:
                bench.restart()
            polled.cursor = ""
            demand(
                set(polled.poll()) == found,
                "asked again from the same cursor, the connector reports otherwise",
            )

    def test_listening_changes_nothing(self, bench: Bench) -> None:
        """It reads; also what it does not understand."""
        polled = StatusPoll(bench)
        polled.mark(polled.first, polled.people[0])
        before = bench.objects()
        polled.poll()
        polled.cursor = "no cursor of yours"
        polled.poll()
        unchanged = bench.objects() == before
        demand(unchanged, "statuses_since changed something at the remote: it must only read")

    def test_trouble_while_listening_loses_nothing(self, bench: Bench) -> None:
        """It raises `Pause` or `Halt`, as `deliver` does; the same cursor brings everything afterwards."""
        polled = StatusPoll(bench)
        one = polled.people[0]
        polled.mark(polled.first, one)
        if self.able("fail"):
            bench.remote.fail_next()
            why = polled.failure()
            demand(
                isinstance(why, Pause) and why.unexplained,
                f"a bare server error is Pause(…, unexplained=True), not {why!r}",
            )
        if self.able("slow_down"):
            bench.remote.slow_down(_ASKED)
            why = polled.failure()
            demand(
                isinstance(why, Pause) and (why.after or 0) >= _ASKED,
                f"asked to slow down, raise Pause(…, after=…), not {why!r}",
            )
        bench.clock.advance(PATIENCE)
        polled.poll()
        demand(bool(polled.of(one)), "a status whose poll failed is never reported")
        if self.able("revoke"):
            bench.remote.revoke()
            why = polled.failure()
            demand(isinstance(why, Halt), f"revoked credentials must halt: raise Halt, not {why!r}")
            demand(why.code in {**bench.connector.codes, **CODES}, f"the code {why.code} is in no registry")

    def test_a_cursor_holds_nothing_private(self, bench: Bench) -> None:
        """It is kept for ever, and people who are forgotten must not live on in it."""
        polled = StatusPoll(bench)
        polled.mark(polled.first)
        polled.poll()
        private = {
            text
            for one in polled.people
            for text in (
                one.person,
                one.lead.profile.display_name,
                one.lead.profile.handle,
                one.fields.get("email"),
            )
        }
        shown = any(text and str(text) in polled.cursor for text in private)
        demand(not shown, "the cursor holds a name, a handle, an address or a person's id")
        secret = any(secret in polled.cursor for secret in bench.secrets)
        demand(not secret, "the cursor holds a secret")
