"""Defects of whose export and whose delivery something is: sources that share an account, that left, that were restored."""

from typing import Any

from syncd.ledger.shelving import Moved
from tests.defects.planting import around, defect, instead

TWO_KEYS = "tests/engine/test_engine_two_keys.py"
SHELVED = "tests/engine/test_engine_shelved.py"
MISTAKES = "tests/unit/test_settings_mistakes.py"


@defect("I-1", "unit", f"{MISTAKES}::test_a_mistake_is_one_sentence")
def one_key_may_be_two_sources() -> None:
    """Campaigns of one key are routed by sources, of which each exports on its own word."""
    instead("syncd.settings:_shared_keys", lambda _: [])


@defect("I-1", "engine", f"{TWO_KEYS}::test_an_id_is_exported_when_the_connectors_of_both_keys_have_it")
def sources_of_one_account_do_not_know_each_other() -> None:
    """The id of a lead that two keys list is exported as soon as the connectors of one have it."""
    instead("syncd.ledger.kin:shared_host", lambda *_: "")


@defect("I-1", "engine", f"{TWO_KEYS}::test_a_mark_that_came_with_the_other_keys_export_is_no_strangers")
def the_other_keys_mark_is_a_strangers() -> None:
    """What one source exported is left to whoever seems to have done it by the other, and delivered nowhere."""
    instead("syncd.ledger.kin:twins_of_new", lambda *_: {})


@defect(
    "liveness", "engine", f"{TWO_KEYS}::test_two_accounts_whose_ids_are_alike_disturb_each_other_in_nothing"
)
def a_bare_id_makes_twins() -> None:
    """Accounts that count alike wait for each other's deliveries."""

    def make(_: Any) -> Any:
        sql = "SELECT lead_id FROM lead WHERE source <> ? AND state = 'delivering'"
        return lambda connection, values: connection.exec_driver_sql(sql, (values["source"],)).all()

    around("syncd.ledger.kin:_HELD", make)


@defect("liveness", "engine", f"{SHELVED}::test_its_leads_settle_and_nothing_is_left_to_do")
def exports_without_a_lane_wait_for_ever() -> None:
    """A source stops exporting, and what it owed is work that is left, run after run."""
    instead("syncd.ledger.shelving:start", lambda *_: Moved({}, {}))


@defect("exported means marked", "engine", f"{SHELVED}::test_what_was_owed_is_exported_when_it_comes_back")
def what_was_put_off_is_given_up() -> None:
    """A source comes back, and what it owed when it left is never exported."""
    instead("syncd.ledger.shelving:_take_up", lambda *_: 0)


@defect("liveness", "cli", "tests/cli/test_cli_put_off.py")
def nobody_is_told_what_is_put_off() -> None:
    """Neither a run nor `status` says that exports are not made, or why."""
    instead("syncd.cli.report:put_off", lambda *_: "")
