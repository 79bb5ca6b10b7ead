"""Defects of marking at CTGO, and of what its refusals mean."""

from typing import Any

from syncd.core.delivery import Delivered
from syncd.core.failure import Pause, Retry
from tests.proof.defects.planting import around, defect, instead

EXPORTING = "tests/engine/test_engine_exporting.py"
ERRORS = "tests/ctgo/test_upstream_errors.py"
SAME_ID = "tests/engine/pull/test_engine_same_id.py"


def _ruled(key: tuple[int, str], rule: tuple[type, str, float | None]) -> None:
    """Another meaning for a refusal of CTGO's."""

    def make(plain: Any) -> Any:
        from syncd.ctgo.errors import Rule  # noqa: PLC0415

        return {**plain, key: Rule(*rule)}

    around("syncd.ctgo.errors:RULES", make)


@defect("liveness", "engine", f"{EXPORTING}::test_a_lead_that_ctgo_no_longer_knows_is_gone")
def an_export_of_what_is_gone_is_tried_for_ever() -> None:
    """A 404 for a lead is waited out like an outage."""
    _ruled((404, ""), (Retry, "upstream_unavailable", None))


@defect(
    "halt on a refused key",
    "engine",
    f"{EXPORTING}::test_a_key_refused_mid_run_halts_both_lanes_and_loses_nothing",
)
def a_refused_key_is_waited_out() -> None:
    """A 401 is asked again and again, and nobody is told to mend it."""
    _ruled((401, ""), (Pause, "key_refused", 3600.0))


@defect("I-1", "upstream", f"{ERRORS}::test_a_404_that_is_not_ctgos_own_settles_nothing")
def a_proxys_404_settles_leads() -> None:
    """A page that some router answers with says that a lead is gone."""
    instead("syncd.ctgo.errors:FOREIGN", "")


@defect("exported means marked", "engine", f"{EXPORTING}::test_an_export_is_repeated_until_it_holds")
def a_failed_export_counts_as_made() -> None:
    """What CTGO answered with a 500 is settled as exported."""

    def make(_: Any) -> Any:
        return lambda _item, answer: isinstance(answer, Delivered | Pause | Retry)

    around("syncd.engine.export:is_done", make)


@defect(
    "exported means marked",
    "upstream",
    "tests/ctgo/test_upstream_shapes.py::test_a_web_page_exports_nothing",
)
def a_login_page_exports() -> None:
    """A page with status 200, from something in between, is a yes."""
    instead("syncd.ctgo.shapes:nothing_of", lambda _: None)


@defect(
    "liveness",
    "engine",
    f"{EXPORTING}::test_an_export_whose_answer_was_lost_settles_although_a_repeat_is_409",
)
def a_conflict_on_a_repeat_is_not_understood() -> None:
    """An export that was heard, and whose answer was lost, is repeated until it is given up."""

    def make(plain: Any) -> Any:
        return lambda item, answer: plain(item._replace(attempts=0, suspect=False), answer)

    around("syncd.engine.export:is_done", make)


@defect(
    "I-1",
    "engine",
    "tests/engine/deliver/test_engine_forgetting.py::test_an_export_that_is_owed_is_never_sent",
)
def the_export_of_who_was_forgotten_is_sent() -> None:
    """A lead that nobody has any more is marked as exported."""
    instead("syncd.ledger.admin.forgotten:_close_export", lambda *_: None)


@defect(
    "I-1",
    "ledger",
    "tests/ledger/test_ledger_pulled.py::test_an_export_that_is_owed_is_withdrawn_when_a_new_row_comes",
)
def an_export_that_is_owed_is_not_withdrawn() -> None:
    """A new row of an id comes, and its export stays where it is: one net of two is gone."""
    instead("syncd.ledger.leads.ingest:_withdraw_exports", lambda *_: None)


@defect(
    "I-1",
    "ledger",
    "tests/ledger/test_ledger_pulled.py::test_no_export_is_owed_while_a_row_of_its_id_holds_it",
)
def an_export_is_owed_with_the_first_row_of_its_id() -> None:
    """One of two rows of an id settles, and its export is made: only who sends it asks once more."""

    def make(_: Any) -> Any:
        from sqlalchemy import bindparam, literal, select  # noqa: PLC0415

        from syncd.ledger.schema import Export, Lead, table  # noqa: PLC0415
        from syncd.ledger.sql import among, upsert  # noqa: PLC0415

        lead = table(Lead)
        ready = select(lead.c.source, lead.c.lead_id, literal("pending")).where(
            lead.c.source == bindparam("owner"), among(lead.c.lead_id, "ids"), lead.c.state == "exporting"
        )
        columns = ["source", "lead_id", "state"]
        return upsert(table(Export)).from_select(columns, ready.distinct()).on_conflict_do_nothing()

    around("syncd.ledger.leads.settlement:_OWE", make)


@defect(
    "I-1",
    "ledger",
    "tests/ledger/test_ledger_pulled.py::test_an_export_is_not_chosen_while_a_row_of_its_id_holds_it",
)
def nobody_asks_once_more_before_an_export() -> None:
    """An export that is there is sent, whatever became of the rows of its id: the other net is gone."""

    def make(_: Any) -> Any:
        def due(_: Any, connection: Any, source: str, _now: float, _cap: float, limit: int) -> Any:
            from syncd.core.delivery import Item  # noqa: PLC0415
            from syncd.ledger.deliveries.queue import Claim  # noqa: PLC0415

            sql = "SELECT id, lead_id FROM export WHERE source = ? AND state = 'pending' LIMIT ?"
            return [Claim(Item(row[0]), row[1]) for row in connection.exec_driver_sql(sql, (source, limit))]

        return due

    around("syncd.ledger.deliveries.queue:Queue.due", make)


@defect("I-3", "engine", f"{SAME_ID}::test_a_row_marked_by_our_own_export_whose_answer_was_lost_is_delivered")
def our_own_mark_is_taken_for_somebody_elses() -> None:
    """A lead whose export was heard, and not answered, is left to whoever seems to have exported it."""
    instead("syncd.ledger.leads.ingest:exported_here", lambda *_: set())


@defect(
    "the budget", "engine", f"{EXPORTING}::test_a_budget_that_is_used_up_pauses_the_lane_and_not_the_source"
)
def a_used_up_budget_halts() -> None:
    """A monthly budget that comes back by itself waits for a person."""

    def make(plain: Any) -> Any:
        return {key: rule for key, rule in plain.items() if key != (403, "budget_exhausted")}

    around("syncd.ctgo.errors:RULES", make)
