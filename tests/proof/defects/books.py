"""Defects of a listing that is believed too soon, and of books that nobody compares."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

FIRST = "tests/engine/pull/test_engine_first_pass.py"
BOOKS = "tests/engine/pull/test_engine_books.py"


@defect("I-4", "engine", f"{FIRST}::test_some_who_leave_while_others_come_hide_nobody")
def a_page_need_not_hold_the_last_row_before_it() -> None:
    """Rows that slide over the border between two pages are seen by nobody, and the walk is believed."""

    def make(plain: Any) -> Any:
        def compare(self: Any, keys: Any, total: Any) -> None:
            plain(self, keys, total)
            self._steady = True

        return compare

    around("syncd.engine.pull.passes:Walk._compare", make)


@defect("I-4", "engine", f"{FIRST}::test_a_listing_that_never_stands_still_does_not_begin_the_source")
def a_restless_list_begins_the_source() -> None:
    """The watermark moves after rounds that saw rows leave, and what they missed is behind it."""
    instead("syncd.engine.pull.passes:Pass.calm", property(lambda _: True, lambda _self, _calm: None))


@defect("I-4", "engine", f"{FIRST}::test_exports_are_held_before_the_first_page_is_asked_for")
def the_first_page_is_asked_for_while_exports_are_sent() -> None:
    """An export that is under way shortens the listing behind its first page."""

    def make(plain: Any) -> Any:
        return lambda self, plan: bool(plain(self, plan)) and False

    around("syncd.engine.pull.lane:Pull._exports_leave", make)


@defect("I-4", "engine", f"{FIRST}::test_a_source_that_begins_now_takes_ctgos_word_for_when_that_is[7200.0]")
def this_machines_clock_says_when_now_is() -> None:
    """With a clock that is two hours ahead, the leads of two hours are never taken."""

    def make(plain: Any) -> Any:
        return lambda self, plan, _date: plain(self, plan, None)

    around("syncd.engine.pull.pages:Listings._fix_floor", make)


@defect(
    "I-6", "engine", f"{BOOKS}::test_a_lead_that_comes_late_is_found_within_an_hour_whatever_its_age[3456000.0-True]"
)  # fmt: skip
def nobody_compares_the_books() -> None:
    """CTGO counts more than the ledger holds, and no sweep follows."""
    instead(
        "syncd.core.reconciliation:after_check",
        lambda books, _total, _held, now: books._replace(checked_at=now),
    )


@defect(
    "I-6", "engine", f"{BOOKS}::test_a_lead_that_a_strangers_export_outweighs_is_found_by_the_reconcile_pass"
)
def even_counts_are_proof_enough() -> None:
    """A reconcile pass looks thirty days back only, and leaves the rest to the counts."""

    def make(plain: Any) -> Any:
        def plan_of(self: Any) -> Any:
            month = self._clock.now() - self._context.reconcile_window
            return plain(self)._replace(since=month, whole=False)

        return plan_of

    around("syncd.engine.pull.passes:Planner.reconcile", make)


@defect(
    "told once",
    "engine",
    f"{BOOKS}::test_what_ctgo_counts_and_never_lists_is_told_once_and_then_reckoned_with",
)
def what_ctgo_counts_is_told_for_ever() -> None:
    """CTGO's way of counting is not remembered, and is news with every sweep."""

    def make(plain: Any) -> Any:
        return lambda books, *rest: plain(books._replace(unmet=0), *rest)

    around("syncd.core.reconciliation:after_sweep", make)


@defect("readiness", "health", "tests/health/test_readiness.py::test_leads_that_no_sweep_finds_are_a_reason")
def what_is_missing_is_told_to_nobody() -> None:
    """CTGO counts leads that no sweep finds, and the daemon calls itself ready."""
    instead("syncd.core.reconciliation:trouble", lambda _: None)


@defect(
    "the road",
    "engine",
    f"{BOOKS}::test_the_listing_of_all_campaigns_is_tried_again_with_each_reconcile_pass",
)
def a_road_is_changed_for_good() -> None:
    """Two answers that were cut short make a source ask for its campaigns one by one, for ever."""

    def make(plain: Any) -> Any:
        def begin(self: Any, plan: Any) -> Any:
            made = plain(self, plan._replace(kind="window"))
            made.plan = plan
            return made

        return begin

    around("syncd.engine.pull.pages:Listings.begin", make)


@defect(
    "poison alone", "engine", f"{BOOKS}::test_one_campaign_that_is_refused_does_not_stand_for_its_source[403]"
)
def one_campaign_stands_for_its_source() -> None:
    """CTGO refuses one campaign, and no other one is listed any more."""

    def make(plain: Any) -> Any:
        def pass_over(self: Any, current: Any, listing: int, why: Any) -> Any:
            from syncd.core.failure import Halt  # noqa: PLC0415

            if isinstance(why, Halt):
                raise why
            return plain(self, current, listing, why)

        return pass_over

    around("syncd.engine.pull.pages:Listings._pass_over", make)


@defect(
    "liveness",
    "engine",
    "tests/engine/deliver/test_engine_gate.py::test_a_pass_that_never_ends_does_not_hold_for_ever_what_it_brought",
)
def a_pass_that_never_ends_keeps_what_it_brought() -> None:
    """While CTGO fails at one page, a gated CRM gets no lead of the pages before it."""
    instead("syncd.engine.pull.lane:STUCK", 1_000_000)


MARKS = "tests/engine/pull/test_engine_marks.py"


@defect(
    "told once", "engine", f"{MARKS}::test_a_mark_that_ctgo_lost_is_told_once_after_a_day_and_not_made_again"
)
def a_lost_mark_is_told_to_nobody() -> None:
    """CTGO lists a lead as new ever after its export, and only an audit by hand says so."""
    instead("syncd.ledger.leads.marks:exported", lambda *_: set())


@defect(
    "liveness",
    "engine",
    f"{MARKS}::test_exports_behind_a_halted_lane_are_gone_if_ctgo_lists_their_leads_no_more[True]",
)
def what_ctgo_lists_no_more_is_owed_for_ever() -> None:
    """Exports of leads that were archived stay pending behind the halt that they made."""
    instead("syncd.ledger.leads.marks:settle_unlisted", lambda *_: 0)


@defect(
    "no lead lost",
    "engine",
    f"{MARKS}::test_exports_behind_a_halted_lane_are_gone_if_ctgo_lists_their_leads_no_more[True]",
)
def one_empty_sweep_settles_exports() -> None:
    """A listing that is empty for a moment is taken for the end of its leads."""
    instead("syncd.engine.pull.marks:UNLISTED_FOR", 0.0)
