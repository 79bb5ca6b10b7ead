"""Defects of what CTGO was not asked for, and of what it refuses to be asked."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

UNASKED = "tests/engine/enrich/test_engine_unasked.py"
AWAY = "tests/engine/enrich/test_engine_enrich_away.py"
CLI = "tests/cli/run/test_cli_unasked.py"
NOTHING_SILENT = "nothing settles in silence"


@defect(
    NOTHING_SILENT,
    "engine",
    f"{UNASKED}::test_of_130_leads_at_50_a_day_all_are_asked_about_and_delivered_with_an_email",
)
def what_was_not_asked_is_a_no() -> None:
    """A `where` that needs an email says no to a lead that the day has no room to ask about."""
    instead("syncd.engine.fanout:hangs_on", lambda *_: False)


@defect(
    "liveness", "engine", f"{UNASKED}::test_a_lead_that_the_day_has_no_room_for_is_asked_about_on_another"
)
def what_was_put_off_is_never_asked() -> None:
    """A connector waits for an answer that nobody asks for."""
    instead("syncd.ledger.leads.enrichment:standing", lambda *_, **__: [])


@defect(NOTHING_SILENT, "cli", f"{CLI}::test_a_run_says_how_many_wait_and_until_when_and_leaves_with_75")
def what_is_never_asked_waits_in_silence() -> None:
    """A run says nothing of the leads that wait to be asked about."""
    instead("syncd.ledger.leads.enrichment:unasked_counts", lambda _: {})


@defect("gate", "engine", f"{UNASKED}::test_no_gate_counts_or_frees_what_waits_for_an_answer")
def a_gate_counts_what_waits_for_an_answer() -> None:
    """What a start finds marked as not asked for is taken for what a pass left at the gate."""

    def make(plain: Any) -> Any:
        def start(connection: Any, *rest: Any) -> None:
            connection.exec_driver_sql("UPDATE delivery SET held = 'gate' WHERE held = 'unasked'")
            plain(connection, *rest)

        return start

    around("syncd.ledger.deliveries.flood_gate:start", make)


@defect("no lead lost", "engine", f"{AWAY}::test_a_few_that_are_not_found_for_a_while_are_asked_about_again")
def one_answer_stands_for_the_enrich_route() -> None:
    """A lead that is not found while the route is away is never asked about again."""
    instead("syncd.engine.enrich:DAY", 0.0)


@defect("poison alone", "engine", f"{AWAY}::test_one_lead_that_ctgo_refuses_stops_nobody")
def one_refused_lead_halts_enriching() -> None:
    """A 403 to one lead is believed of all."""
    instead("syncd.engine.enrich:OF_ONE_LEAD", frozenset[str]())


@defect("poison alone", "engine", f"{AWAY}::test_a_halt_that_is_lifted_tries_another_lead_first")
def each_start_asks_about_the_same_lead() -> None:
    """A lead that was refused keeps its place at the head of the line."""

    def make(plain: Any) -> Any:
        return lambda *rest, **_: plain(*rest, last=False)

    around("syncd.ledger.leads.enrichment:take_back", make)


@defect(
    NOTHING_SILENT, "cli", f"{CLI}::test_replay_has_ctgo_asked_about_what_nobody_wanted_for_want_of_an_answer"
)
def replay_takes_what_was_not_asked_for_a_no() -> None:
    """`replay --unwanted` judges by an email that nobody asked for."""
    instead("syncd.engine.enrich_questions:hanging", lambda *_: ())
