"""Defects of pulling: what is asked for, what is believed, and where the watermark goes."""

from typing import Any

from syncd.core.failure import Halt
from syncd.core.lead import Malformed
from tests.proof.defects.planting import around, defect, instead

SOURCES = "tests/engine/pull/test_engine_sources.py"
SWITCHES = "tests/engine/test_engine_switches.py"
PAGES = "tests/engine/pull/test_engine_pages.py"


@defect("I-6", "engine", f"{SWITCHES}::test_a_lead_late_within_the_lookback_comes_with_the_next_pulls")
def nothing_is_looked_back_for() -> None:
    """A pull asks for what is newer than the watermark, and a late lead is never listed again."""

    def make(plain: Any) -> Any:
        return lambda watermark, _lookback, start, **named: plain(watermark, 0.0, start, **named)

    around("syncd.engine.pull.passes:live_plan", make)


@defect(
    "I-6", "daemon", "tests/daemon/test_daemon_polling.py::test_a_source_is_reconciled_on_its_own_schedule"
)
def nobody_reconciles() -> None:
    """The pass over what CTGO still lists as new is never made."""
    instead("syncd.engine.pull.lane:Pull.ask_reconcile", lambda _: None)


@defect("I-4", "engine", f"{SWITCHES}::test_a_lead_dated_2099_does_not_blind_later_pulls")
def a_lead_of_2099_is_believed() -> None:
    """One lead with a wrong date moves the watermark to where nothing is ever listed."""

    def make(plain: Any) -> Any:
        return lambda newest, _date, now, since: newest or plain(newest, _date, now, since)

    around("syncd.engine.pull.passes:watermark_after", make)


@defect("I-4", "engine", f"{SWITCHES}::test_more_than_a_page_arrives_whole_in_every_order[descending]")
def a_pass_is_over_with_its_first_page() -> None:
    """`hasMore` is not looked at."""

    def make(plain: Any) -> Any:
        return lambda self, keys, _total, *, has_more: plain(self, keys, None, has_more=has_more and False)

    around("syncd.engine.pull.passes:Walk.take", make)


@defect("I-4", "engine", f"{PAGES}::test_a_page_that_is_none_moves_no_watermark_and_loses_nothing")
def a_login_page_is_an_empty_page() -> None:
    """An answer that is no listing counts as one without leads."""

    def make(plain: Any) -> Any:
        def page_of(body: bytes, server_date: float | None) -> Any:
            from syncd.ctgo.models import Page  # noqa: PLC0415
            from syncd.ctgo.shapes import Unfit  # noqa: PLC0415

            found = plain(body, server_date)
            return (
                Page(rows=(), total=0, has_more=False, server_date=server_date)
                if isinstance(found, Unfit)
                else found
            )

        return page_of

    around("syncd.ctgo.shapes:page_of", make)


@defect("I-10", "engine", f"{PAGES}::test_a_quarantined_lead_is_replaced_by_a_listing_that_parses")
def one_bad_row_refuses_its_page() -> None:
    """A lead that cannot be read keeps all others of its page out, for good."""

    def make(plain: Any) -> Any:
        def parse_lead(source: str, row: object) -> Any:
            found = plain(source, row)
            if isinstance(found, Malformed):
                raise Halt("unexpected_answer", found.reason)
            return found

        return parse_lead

    around("syncd.core.lead:parse_lead", make)


@defect("I-4", "engine", f"{PAGES}::test_the_same_page_twice_moves_no_watermark")
def a_page_that_comes_twice_is_believed() -> None:
    """A listing that ignores `offset` is walked as if each page were another."""
    instead("syncd.engine.pull.passes:Walk._check", lambda *_, **__: None)


@defect("I-4", "engine", f"{SOURCES}::test_a_limit_stops_ingesting_and_leaves_the_watermark")
def a_limited_pull_moves_the_watermark() -> None:
    """What `--limit` left out is behind the cursor, and never comes."""
    instead("syncd.engine.pull.passes:Plan.moves_watermark", property(lambda self: self.kind == "live"))


@defect(
    "I-6",
    "engine",
    "tests/engine/pull/test_engine_first_pass.py::test_a_sweep_that_fails_between_two_campaigns_hides_no_row_of_an_id",
)
def exports_go_between_two_pages() -> None:
    """What is exported leaves the listing of new leads, and the next page skips as many."""
    instead("syncd.engine.pull.passes:Passes.holds_exports", property(lambda _: False))


@defect(
    "liveness",
    "unit",
    "tests/engine/pull/test_passes.py::test_a_live_pass_puts_a_window_off_between_two_pages_and_the_window_goes_on_after_it",
)
def a_long_window_goes_first() -> None:
    """New leads wait until a year has been listed."""

    def make(plain: Any) -> Any:
        return lambda self: self.current or plain(self)

    around("syncd.engine.pull.passes:Passes.turn", make)


@defect(
    "what is asked for",
    "engine",
    f"{SOURCES}::test_a_reconcile_pass_takes_nothing_from_before_the_start[True]",
)
def the_start_is_forgotten_when_reconciling() -> None:
    """With `start = "now"` the old leads come an hour later."""

    def make(plain: Any) -> Any:
        return lambda self: plain(self)._replace(since=self._clock.now() - self._context.reconcile_window)

    around("syncd.engine.pull.passes:Planner.reconcile", make)


@defect(
    "not ours to export",
    "engine",
    "tests/engine/pull/test_engine_same_id.py::test_a_lead_exported_by_somebody_else_is_elsewhere",
)
def what_others_exported_is_taken_for_new() -> None:
    """A lead that another tool has delivered is delivered again."""

    def make(plain: Any) -> Any:
        return lambda lead, *rest, **named: plain(lead._replace(exported_at=None), *rest, **named)

    around("syncd.engine.fanout:admit", make)
