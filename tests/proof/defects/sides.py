"""Defects of the gate, of replaying, enriching, push, feedback and house-keeping."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

ENRICHING = "tests/engine/enrich/test_engine_enriching.py"
FEEDBACK = "tests/engine/feedback/test_engine_feedback.py"
FEEDBACK_ORDER = "tests/engine/feedback/test_engine_feedback_order.py"
GATE = "tests/engine/deliver/test_engine_gate.py"
PUSH_PULLS = "tests/engine/push/test_engine_push_pulls.py"
PUSHING = "tests/engine/push/test_engine_pushing.py"
REPLAY = "tests/cli/operate/test_cli_replay.py"


@defect(
    "the gate",
    "ledger",
    "tests/ledger/test_ledger_gating.py::test_what_comes_while_it_is_closed_is_held_however_little",
)
def a_closed_gate_lets_small_bursts_through() -> None:
    """Behind a flood that waits for a person, the next pull goes on as ever."""

    def make(plain: Any) -> Any:
        return lambda burst, size, *, closed, over: plain(burst, size, closed=closed and False, over=over)

    around("syncd.core.flood_gate:decide", make)


@defect("the gate", "ledger", "tests/ledger/test_ledger_gating.py::test_a_pass_is_counted_over_all_its_pages")
def a_gate_counts_page_by_page() -> None:
    """A flood in pages that are small enough passes."""

    def make(plain: Any) -> Any:
        return lambda burst, size, *, closed, over: plain(burst, size, closed=closed, over=over or True)

    around("syncd.core.flood_gate:decide", make)


@defect("the gate", "ledger", "tests/ledger/test_ledger_gating.py::test_a_start_opens_no_gate")
def a_start_opens_the_gates() -> None:
    """What waits for a person is let through by a restart."""

    def make(plain: Any) -> Any:
        def start(connection: Any, *given: Any) -> None:
            plain(connection, *given)
            connection.exec_driver_sql("UPDATE delivery SET held = '' WHERE state = 'pending'")

        return start

    around("syncd.ledger.deliveries.flood_gate:start", make)


@defect(
    "liveness",
    "cli",
    f"{REPLAY}::test_a_delivery_made_late_does_not_hold_back_the_export_of_a_lead_that_others_were_given",
)
def a_replay_holds_back_exports() -> None:
    """A connector that was added later becomes required for leads that came before it."""

    def make(plain: Any) -> Any:
        def making(books: Any, situation: Any, *given: Any, **named: Any) -> Any:
            made = plain(books, situation, *given, **named)
            sql = "UPDATE delivery SET required = 1 WHERE connector = ?"
            books.connection.exec_driver_sql(sql, (situation.connector,))
            return made

        return making

    around("syncd.ledger.admin.replays:make", make)


@defect(
    "liveness", "cli", f"{REPLAY}::test_rejected_ones_go_again_when_asked_for_and_todays_where_wants_them"
)
def a_replay_leaves_rejections_as_they_are() -> None:
    """What was rejected is judged again, and stays rejected."""

    def make(plain: Any) -> Any:
        return {**plain, "state": "rejected"}

    around("syncd.ledger.admin.replays:_AGAIN", make)


@defect("I-5", "engine", f"{ENRICHING}::test_a_lost_answer_is_asked_again_once_and_counted")
def an_ask_is_written_down_when_it_is_answered() -> None:
    """Credits that a lost answer cost are spent again, and again."""
    instead("syncd.ledger.leads.enrichment:note_ask", lambda *_, **__: None)


@defect("credits", "engine", f"{ENRICHING}::test_no_more_than_per_day_are_asked_on_a_day")
def per_day_is_not_counted() -> None:
    """A day's bound on enriching is never reached."""
    instead("syncd.ledger.leads.enrichment:asked_on", lambda *_: 0)


@defect("credits", "engine", f"{ENRICHING}::test_other_leads_of_a_person_are_not_asked_about_again")
def what_is_known_of_a_person_is_asked_again() -> None:
    """Each lead of a person is paid for."""
    instead("syncd.ledger.leads.enrichment:known", lambda *_: {})


@defect("I-11", "unit", f"{PUSHING}::test_extra_pulls_leave_half_of_the_budget")
def every_push_pulls() -> None:
    """A flood of pushes spends the whole allowance on pulls."""
    instead("syncd.engine.push:spacing", lambda *_: 0.0)


@defect(
    "pulls on time",
    "engine",
    f"{PUSH_PULLS}::test_a_scheduled_pull_that_comes_due_in_an_extra_one_lends_it_its_slots",
)
def a_push_takes_the_slots_of_pulls() -> None:
    """Whoever knows the address can delay the polls."""
    instead("syncd.engine.pull.lane:Pull._is_owed", lambda *_: True)


@defect(
    "liveness",
    "engine",
    f"{PUSHING}::test_what_a_lost_answer_may_have_left_is_found_and_removed_when_it_is_not_wanted_any_more",
)
def what_may_have_been_subscribed_is_forgotten() -> None:
    """A lost answer leaves a subscription at CTGO that nobody ends."""
    instead("syncd.engine.push:may_have_worked", lambda _: False)


@defect("exports first", "engine", f"{FEEDBACK_ORDER}::test_feedback_takes_no_slot_while_an_export_could_go")
def feedback_goes_before_exports() -> None:
    """Words about old leads take the requests that new ones wait for."""
    instead("syncd.engine.feedback:SendFeedback._exports_can_go", lambda *_: False)


@defect(
    "every word arrives",
    "engine",
    "tests/engine/feedback/test_engine_feedback_crash.py::test_killed_at_any_seam_the_last_word_arrives",
)
def a_cursor_moves_before_its_page_is_written() -> None:
    """Killed between the two, what the page told of is never asked for again."""

    def make(plain: Any) -> Any:
        def ask(ear: Any, cursor: str, log: Any) -> Any:
            page = plain(ear, cursor, log)
            if getattr(page, "cursor", ""):
                with ear.ledger.write() as connection:
                    _save(connection, ear.name, ear.judging.digest, page.cursor, 0.0)
            return page

        return ask

    _save = _saving()
    _tell_ears_their_ledger()
    around("syncd.engine.feedback:ask", make)


def _saving() -> Any:
    from syncd.ledger.deliveries.statuses import save_cursor  # noqa: PLC0415

    return save_cursor


def _tell_ears_their_ledger() -> None:
    """An ear knows no ledger; this defect wants one."""

    class FeedbackPoll:
        def __init__(self, ear: Any, ledger: Any) -> None:
            self.ear, self.ledger = ear, ledger

        def __getattr__(self, name: str) -> Any:
            return getattr(self.ear, name)

    def make(plain: Any) -> Any:
        return lambda self, ear, tools: plain(self, FeedbackPoll(ear, tools.ledger), tools)

    around("syncd.engine.feedback:CollectFeedback.__init__", make)


@defect("every word arrives", "engine", f"{FEEDBACK}::test_a_word_that_changes_while_it_is_told_is_told_next")
def a_word_that_changes_under_way_is_lost() -> None:
    """What a CRM said while CTGO was told something else counts as told."""
    instead("syncd.ledger.deliveries.queue:_is_overtaken", lambda *_: False)


@defect(
    "every word arrives", "engine", f"{FEEDBACK}::test_what_was_said_back_after_an_answer_was_lost_is_told"
)
def a_word_that_may_have_arrived_is_no_word() -> None:
    """A CRM goes back to what CTGO was told before, and CTGO keeps the word whose answer was lost."""
    instead("syncd.ledger.deliveries.queue:Queue.mark_sending", lambda *_: None)
    instead("syncd.engine.export:with_doubt", lambda item, _: item)


@defect(
    "retention",
    "engine",
    "tests/engine/test_engine_housekeeping.py::test_a_payload_that_a_best_effort_delivery_waits_for_is_kept",
)
def retention_takes_what_a_delivery_waits_for() -> None:
    """A settled lead loses its payload while a connector that is down still waits for it."""
    instead("syncd.ledger.admin.maintenance:_LOOKED_AT", _whatever_settled())


def _whatever_settled() -> Any:
    from sqlalchemy import text  # noqa: PLC0415

    return text(
        "SELECT p.seq, l.settled_at < :before, l.enrichment IS NOT NULL FROM payload p JOIN lead l ON l.seq = p.seq"
        " WHERE p.seq > :after ORDER BY p.seq LIMIT :most"
    )


@defect(
    "a person's word",
    "ledger",
    "tests/verbs/test_take_back.py::test_what_was_tried_meanwhile_stays_as_it_is[tried]",
)
def what_was_tried_is_taken_back() -> None:
    """Undoing a retry also rejects what waits to be tried again, and loses the reason of that."""
    instead("syncd.ledger.deliveries.flood_gate:untouched_since", lambda rows, _: rows.c.id > 0)


@defect(
    "a person's word",
    "engine",
    "tests/engine/deliver/test_engine_undone.py::test_what_is_in_a_call_when_it_is_taken_back_is_delivered[True-5]",
)
def what_arrives_after_it_was_taken_back_stays_rejected() -> None:
    """The answer of a call under way is dropped: the remote has a lead that counts as rejected."""
    instead("syncd.ledger.deliveries.due:_arrived", lambda *_: 0)


@defect(
    "a person's word",
    "ledger",
    "tests/verbs/test_take_back.py::test_a_group_that_grew_or_that_somebody_acted_on_is_asked_about_again",
)
def an_old_page_acts_on_a_new_group() -> None:
    """Whoever agreed to drop 128 drops 3,120."""
    instead("syncd.verbs.seen:require_unchanged", lambda *_: None)
