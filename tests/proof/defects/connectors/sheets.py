"""Defects of the CSV files: what a torn write, a changed header or a lost answer leaves."""

import re
from typing import Any

from tests.proof.defects.planting import around, defect, instead

CRASH = "tests/connectors/csv/test_csv_crash.py"
FILE = "tests/connectors/csv/test_csv_file.py"
ROWS = "tests/connectors/csv/test_csv_rows.py"
TROUBLE = "tests/connectors/csv/test_csv_trouble.py"


@defect("I-3", "connectors", f"{FILE}::test_only_a_lead_that_may_have_been_sent_is_looked_for")
def a_row_that_may_be_there_is_written_again() -> None:
    """A lead whose answer was lost gets a second row."""

    def make(plain: Any) -> Any:
        return lambda self, batch: [row._replace(sought=False) for row in plain(self, batch)]

    around("connectors.csv.connector:CsvConnector._rows", make)


@defect("I-3", "connectors", f"{CRASH}::test_a_write_torn_at_any_byte_is_healed_when_it_is_sent_again")
def a_torn_line_is_kept() -> None:
    """Half a row stays, and the whole one is written behind it on the same line."""

    def make(plain: Any) -> Any:
        from dataclasses import replace  # noqa: PLC0415

        return lambda *given: replace(plain(*given), finished=True)

    around("connectors.csv.file:read", make)


@defect("I-2", "connectors", f"{CRASH}::test_a_batch_is_one_write_and_one_sync")
def a_row_is_delivered_unsynced() -> None:
    """A power cut takes rows away that were said to be there."""
    instead("connectors.csv.file:os.fdatasync", lambda _: None)


@defect("I-2", "connectors", f"{TROUBLE}::test_the_folder_is_synced_when_a_file_is_made")
def a_new_files_name_is_not_synced() -> None:
    """A power cut takes the whole file away."""
    instead("connectors.csv.file:sync_folder", lambda _: None)


@defect("I-2", "connectors", f"{TROUBLE}::test_what_is_found_is_synced_before_it_is_believed")
def what_is_found_is_believed_unsynced() -> None:
    """A row that a killed process wrote is there, and a power cut takes it away."""

    def make(plain: Any) -> Any:
        def append(fd: int, data: bytes) -> Any:
            from connectors.csv import file  # noqa: PLC0415

            return plain(fd, data) if data else file.fingerprint(fd)

        return append

    around("connectors.csv.file:append", make)


@defect("I-2", "connectors", f"{TROUBLE}::test_a_failed_sync_is_not_believed_and_its_rows_are_written_anew")
def a_failed_sync_is_shrugged_off() -> None:
    """The disk says that it could not keep the rows, and they count as delivered."""

    def make(plain: Any) -> Any:
        import os  # noqa: PLC0415

        def append(fd: int, data: bytes) -> Any:
            before = os.fstat(fd)
            try:
                return plain(fd, data)
            except OSError:
                from connectors.csv.file import Fingerprint  # noqa: PLC0415

                return Fingerprint(before.st_dev, before.st_ino, before.st_size + len(data))

        return append

    around("connectors.csv.file:append", make)


@defect("I-3", "connectors", f"{FILE}::test_a_changed_header_starts_a_new_file_and_both_are_looked_in")
def files_with_another_header_are_not_looked_in() -> None:
    """After a change of columns, a row of the old file is written again."""
    instead("connectors.csv.file:siblings", lambda _: [])


@defect("I-2", "connectors", f"{FILE}::test_a_rename_never_overwrites")
def a_rename_writes_over_an_older_file() -> None:
    """The rows of last year's columns are gone."""

    def make(_: Any) -> Any:
        def rename(path: Any, now: float) -> Any:
            from connectors.csv import rows  # noqa: PLC0415

            return path.replace(path.with_name(rows.renamed(path.stem, path.suffix, now, 0)))

        return rename

    around("connectors.csv.file:rename", make)


@defect("I-3", "connectors", f"{TROUBLE}::test_a_locked_file_pauses_the_lane")
def nobody_waits_for_another_programs_lock() -> None:
    """Two programs append to one file at a time."""
    instead("connectors.csv.file:_lock", lambda _: None)


@defect(
    "I-3",
    "connectors",
    "tests/connectors/csv/test_csv_paths.py::test_two_connectors_with_one_path_are_refused_in_one_sentence",
)
def one_file_is_known_by_one_spelling() -> None:
    """Two connectors write one file, for its paths are written in two ways."""
    instead("connectors.csv.file:_pattern", str)


@defect("safe to open", "connectors", f"{ROWS}::test_text_that_a_spreadsheet_would_run_gets_an_apostrophe")
def a_bio_may_hold_a_formula() -> None:
    """A stranger's bio is run by the spreadsheet of a salesperson."""
    instead("connectors.csv.rows:_RUN", re.compile("(?!)"))


@defect("safe to open", "connectors", f"{ROWS}::test_no_spreadsheet_sees_a_formula_wherever_it_splits")
def a_bio_may_hold_a_formula_behind_a_semicolon() -> None:
    """A spreadsheet that splits at semicolons runs what a stranger wrote behind one."""
    instead("connectors.csv.rows:_RUN", re.compile(r"\0(?=\s*[=+@-]|[\t\r\n])"))


@defect(
    "safe to open",
    "connectors",
    f"{ROWS}::test_quotes_stand_where_pythons_writer_puts_them_for_any_separator",
)
def a_cell_with_a_semicolon_is_not_quoted() -> None:
    """A spreadsheet that splits at semicolons and commas makes two cells of one."""
    instead("connectors.csv.rows:_needs_quotes", lambda text: any(mark in text for mark in ',"\r\n'))


@defect(
    "safe to open",
    "cli",
    "tests/cli/test_cli_output.py::test_a_formula_behind_what_a_spreadsheet_may_split_at_is_disarmed",
)
def a_printed_cell_may_hold_a_formula_behind_a_semicolon() -> None:
    """What `rejected csv` prints is guarded at the beginning of a cell alone."""
    instead("syncd.cli.output:_RUN", re.compile(r"^(?=\s*[=+@-])"))


@defect("I-3", "connectors", f"{FILE}::test_a_row_of_the_same_person_in_another_campaign_is_another_lead")
def one_row_a_person() -> None:
    """A lead is taken for there because another one with its id is."""

    def make(plain: Any) -> Any:
        return lambda columns, key: plain(columns, key[:1])

    around("connectors.csv.rows:key_of", make)
