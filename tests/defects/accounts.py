"""Defects of whose export and whose delivery something is: sources that share an account, that left, that were restored."""

from tests.defects.planting import defect, instead

MISTAKES = "tests/unit/test_settings_mistakes.py"


@defect("I-1", "unit", f"{MISTAKES}::test_a_mistake_is_one_sentence")
def one_key_may_be_two_sources() -> None:
    """Campaigns of one key are routed by sources, of which each exports on its own word."""
    instead("syncd.settings:_shared_keys", lambda _: [])
