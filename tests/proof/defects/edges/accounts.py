"""Defects of whose export and whose delivery something is: sources that share an account, that left, that were restored."""

from typing import Any

from sqlalchemy import text

from syncd.ledger.leads.settlement import Moved
from tests.proof.defects.planting import around, defect, instead

TWO_KEYS = "tests/engine/pull/test_engine_two_keys.py"
SHELVED = "tests/engine/test_engine_shelved.py"
MISTAKES = "tests/settings/test_settings_mistakes.py"


@defect("I-1", "unit", f"{MISTAKES}::test_a_mistake_is_one_sentence")
def one_key_may_be_two_sources() -> None:
    """Campaigns of one key are routed by sources, of which each exports on its own word."""
    instead("syncd.settings:_shared_keys", lambda _: [])


@defect("I-1", "engine", f"{TWO_KEYS}::test_an_id_is_exported_when_the_connectors_of_both_keys_have_it")
def sources_of_one_account_do_not_know_each_other() -> None:
    """The id of a lead that two keys list is exported as soon as the connectors of one have it."""
    instead("syncd.ledger.twins:shared_host", lambda *_: "")


@defect("I-1", "engine", f"{TWO_KEYS}::test_a_mark_that_came_with_the_other_keys_export_is_no_strangers")
def the_other_keys_mark_is_a_strangers() -> None:
    """What one source exported is left to whoever seems to have done it by the other, and delivered nowhere."""
    instead("syncd.ledger.twins:twins_of_new", lambda *_: {})


@defect(
    "liveness", "engine", f"{TWO_KEYS}::test_two_accounts_whose_ids_are_alike_disturb_each_other_in_nothing"
)
def a_bare_id_makes_twins() -> None:
    """Accounts that count alike wait for each other's deliveries."""
    sql = "SELECT lead_id FROM lead WHERE source <> :source AND state = 'delivering'"
    instead("syncd.ledger.twins:_HELD", text(sql))


@defect("liveness", "engine", f"{SHELVED}::test_its_leads_settle_and_nothing_is_left_to_do")
def exports_without_a_lane_wait_for_ever() -> None:
    """A source stops exporting, and what it owed is work that is left, run after run."""
    instead("syncd.ledger.leads.settlement:apply_exporting", lambda *_: Moved({}, {}))


@defect("exported means marked", "engine", f"{SHELVED}::test_what_was_owed_is_exported_when_it_comes_back")
def what_was_put_off_is_given_up() -> None:
    """A source comes back, and what it owed when it left is never exported."""
    instead("syncd.ledger.leads.settlement:_take_up", lambda *_: 0)


@defect("liveness", "cli", "tests/cli/run/test_cli_put_off.py")
def nobody_is_told_what_is_put_off() -> None:
    """Neither a run nor `status` says that exports are not made, or why."""
    instead("syncd.cli.run.report:describe_shelved", lambda *_, **__: "")


@defect(
    "liveness",
    "ledger",
    "tests/ledger/test_ledger_gating.py::test_what_no_configured_pass_will_count_is_a_stroke",
)
def a_source_counts_for_connectors_it_left() -> None:
    """What a pass had brought for a connector is held for the source's next one, which brings that connector nothing."""

    def make(plain: Any) -> Any:
        def start(connection: Any, sizes: Any, routes: Any, *rest: Any) -> None:
            plain(connection, sizes, dict.fromkeys(routes, tuple(sizes)), *rest)

        return start

    around("syncd.ledger.deliveries.flood_gate:start", make)


@defect(
    "I-6",
    "cli",
    "tests/cli/run/test_cli_once.py::test_a_reconcile_that_was_noted_by_a_clock_that_was_ahead_is_due",
)
def a_reconcile_in_the_future_is_not_due() -> None:
    """One run by a clock that is ahead switches the safety net off until then."""

    def make(_: Any) -> Any:
        def is_due(engine: Any, source: str) -> bool:
            with engine.ledger.read() as connection:
                sql = "SELECT reconciled_at FROM source WHERE name = ? AND started"
                found = connection.exec_driver_sql(sql, (source,)).scalar()
            return found is not None and engine.clock.now() - found >= 3600

        return is_due

    around("syncd.cli.run.once:_reconcile_is_due", make)


@defect(
    "I-4",
    "engine",
    "tests/engine/deliver/test_engine_restored.py::test_what_was_exported_since_is_known_for_our_own",
)
def a_restored_ledger_does_not_know_its_marks() -> None:
    """What was exported since the backup is taken for somebody else's, and later rows of it are delivered nowhere."""
    around(
        "syncd.ledger.admin.restoration:_PARTS",
        lambda parts: {name: carry for name, carry in parts.items() if name != "exports"},
    )


@defect(
    "I-4",
    "engine",
    "tests/engine/pull/test_engine_same_id.py::test_a_mark_whose_sender_was_killed_stays_ours_whatever_comes",
)
def an_export_under_way_leaves_no_trace() -> None:
    """Killed between a mark and its answer, the next life takes the mark for somebody else's."""
    instead("syncd.ledger.deliveries.queue:Queue.mark_sending", lambda *_: None)


@defect(
    "no lead lost",
    "engine",
    "tests/engine/pull/test_engine_people.py::test_a_lead_dated_2099_supersedes_no_later_one",
)
def a_date_from_the_future_is_the_newest() -> None:
    """After one lead that is dated 2099, no later lead of that person is written, though all count as delivered."""
    instead("syncd.ledger.deliveries.due:believed", lambda discovered_at, _: discovered_at)


@defect(
    "I-11", "cli", "tests/cli/run/test_cli_once.py::test_the_requests_of_a_dry_run_are_counted_in_the_ledger"
)
def a_dry_runs_requests_are_counted_by_nobody() -> None:
    """A dry run, and a run after it, are more requests than the key allows."""
    instead("syncd.cli.run.dry_run:CountedIn", lambda pacer, _: pacer)


@defect("the old stays", "unit", f"{MISTAKES}::test_a_mistake_is_one_sentence")
def a_host_that_is_no_name_is_accepted() -> None:
    """An address that httpx refuses passes a reload, and ends the daemon with a traceback."""
    instead("syncd.http.addresses:usable", lambda _: True)
