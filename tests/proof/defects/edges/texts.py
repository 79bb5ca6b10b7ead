"""Defects of what becomes of strangers' text, and of fields of another type than expected."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead

ROWS = "tests/core/test_lead_rows.py"
LETTERS = "tests/cli/data/test_cli_forget_letters.py"


@defect("I-4", "unit", f"{ROWS}::test_text_is_cleaned_by_the_rule_wherever_it_stands[a NUL]")
def half_an_emoji_goes_on_as_it_is() -> None:
    """Text that some program chokes on is not cleaned, and its lead arrives nowhere."""
    instead("syncd.core.texts:clean", lambda value, *_: value)


@defect("I-4", "e2e", "tests/e2e/test_bad_text.py::test_every_connector_has_every_lead_and_each_is_exported")
def a_text_without_end_is_not_cut() -> None:
    """Three megabytes of bio are more than any connector takes."""

    def make(_: Any) -> Any:
        from syncd.core import texts  # noqa: PLC0415

        return lambda text: texts._UNCLEAN.sub("\ufffd", text)

    around("syncd.core.texts:clean_text", make)
    around("syncd.core.texts:clean", lambda plain: lambda value, text=None: plain(value, text or _cleaned))


def _cleaned(text: str) -> str:
    from syncd.core import texts  # noqa: PLC0415

    return texts.clean_text(text)


@defect("I-4", "unit", f"{ROWS}::test_a_lead_that_does_not_say_when_it_was_found_is_null_there")
def an_odd_field_sets_its_lead_aside() -> None:
    """A time that nobody can read keeps a lead from everybody."""

    def make(plain: Any) -> Any:
        def lenient(source: str, raw: Any) -> Any:
            from syncd.core.lead import UNDATED, Row  # noqa: PLC0415

            lead = plain(source, raw)
            return Row.model_validate({}) if lead.discovered_at is UNDATED else lead

        return lenient

    around("syncd.core.lead:_lenient", make)


@defect("I-7", "unit", f"{ROWS}::test_only_what_does_not_say_who_and_for_which_campaign_is_malformed")
def a_campaign_that_cannot_be_read_is_none() -> None:
    """A lead of a campaign whose number cannot be read is taken for another lead."""

    def make(plain: Any) -> Any:
        def validated(source: str, raw: Any, row: Any, payload: str) -> Any:
            if isinstance(row, dict) and row.get("streamId") is None:
                return plain(source, row, row, payload)
            return plain(source, raw, row, payload)

        return validated

    around("syncd.core.lead:_validated", make)


@defect("I-15", "cli", f"{LETTERS}::test_an_address_is_found_in_any_alphabet")
def people_are_looked_for_in_ascii() -> None:
    """Somebody whose address has a capital outside ASCII is said to be nobody."""
    instead("syncd.core.texts:fold", lambda text: text.encode().lower().decode())


@defect("I-15", "cli", f"{LETTERS}::test_a_sentence_that_shouts_a_name_is_cleaned")
def sentences_are_looked_through_in_ascii() -> None:
    """A sentence that names somebody in Greek capitals stays."""

    def make(plain: Any) -> Any:
        return lambda connection, column, words, pattern: plain(
            connection, column, [word for word in words if word.isascii()], pattern
        )

    around("syncd.ledger.admin.forgotten:_sentences_in", make)


@defect("I-15", "cli", f"{LETTERS}::test_a_handle_is_found_bare")
def a_handle_is_compared_as_it_stands() -> None:
    """Somebody whose handle was listed with an @ is said to be nobody."""
    instead("syncd.core.texts:bare", str.casefold)


@defect("I-15", "cli", f"{LETTERS}::test_files_that_a_change_of_columns_renamed_are_named_too")
def a_renamed_file_is_not_named() -> None:
    """`forget` names a file that does not have the person, and not the one that has."""
    instead("syncd.cli.data.forget:_files", lambda path: [path])
