"""Defects of whose export and whose delivery something is: sources that share an account, that left, that were restored."""

from typing import Any

from tests.defects.planting import around, defect, instead

TWO_KEYS = "tests/engine/test_engine_two_keys.py"
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
