"""The format: what is written is read back, by Python and by a spreadsheet, and a torn row is told from a whole one."""

import csv
import json
import math
import re
import timeit
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.csv import rows as csv_rows

HEADER = ["id", "name", "bio"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\u00a0=1", "\tx", "\rx", "\nx"]
FULL_WIDTH = ["\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"]
HARMLESS = [
    "",
    "1-1",
    "a=b",
    "'=1",
    "Zoë",
    "()",
    " plain",
    "\u2013",
    "a; b|c\nd\te",
    "a, =1",
    'x;y=1 "=2',
    '"=1"',
]
BEHIND = {
    "x;=1;y": "x;'=1;y", "a; \u00a0+1": "a;' \u00a0+1", "a|@SUM(A1)": "a|'@SUM(A1)", "a\tb\t-1": "a\tb\t'-1", "a\n=1": "a\n'=1",
    "a\r\n=1": "a\r\n'=1", ";\n =1": ";\n' =1", "\t=1": "'\t'=1", "\n=1": "'\n'=1", 'a;"=1"': "a;'\"=1\"", "a;\uff1d1": "a;'\uff1d1",
}  # fmt: skip
SPLITS = [",", ";", "\t", "|", ",;\t"]
"""Where spreadsheets split a line: by their country's separator, or, as LibreOffice suggests, by several."""

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def in_cells(table: list[list[str]]) -> list[list[str]]:
    """Rows of values as rows of cells."""
    return [list(cells) for cells in zip(*map(csv_rows.column, zip(*table, strict=True)), strict=True)]


def in_lines(rows: list[list[str]]) -> list[str]:
    return csv_rows.lines(list(zip(*rows, strict=True)))


def read_back(lines: list[str]) -> list[list[str]]:
    return list(csv.reader(StringIO("".join(lines), newline=""), strict=True))


@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=5))
def test_any_text_survives_a_round_trip_through_pythons_reader(table: list[list[str]]) -> None:
    cells = in_cells(table)
    assert read_back(in_lines(cells)) == cells
    assert all(
        cell.replace("'", "") == text.replace("'", "")
        for row, line in zip(table, cells, strict=True)
        for text, cell in zip(row, line, strict=True)
    )


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=4))
@example(["a\0b", "x\ud800"])
def test_no_text_spoils_the_encoding_and_none_is_cleaned_into_another_shape(values: list[str]) -> None:
    (cells,) = in_cells([values])
    assert read_back(in_lines([cells])) == [cells]
    assert "\0" not in "".join(cells)
    "".join(cells).encode()


@given(st.lists(st.one_of(st.text(), st.integers(), st.none(), st.booleans(), st.floats()), max_size=5))
def test_the_quick_way_writes_what_the_slow_way_does(values: list[object]) -> None:
    assert list(csv_rows.column(values)) == [csv_rows.cell(value) for value in values]


@given(st.lists(st.text(st.sampled_from("ab1=+@ \t\n\0ä²\ud800"), max_size=3), max_size=5))
def test_a_whole_column_is_guarded_as_each_text_is(texts: list[str]) -> None:
    assert list(csv_rows.column(texts)) == [csv_rows.cell(text) for text in texts]


@pytest.mark.parametrize("text", FORMULAS + FULL_WIDTH)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert list(csv_rows.column([text])) == [f"'{text}"]


@pytest.mark.parametrize(("text", "cell"), BEHIND.items())
def test_one_behind_a_separator_gets_it_there(text: str, cell: str) -> None:
    assert list(csv_rows.column(["plain", text])) == ["plain", cell]
    assert csv_rows.cell(text) == cell


def as_a_spreadsheet(text: str, separators: str) -> list[str]:
    """The cells that it sees: quotes count only where a cell begins, and what follows the closing one is text."""
    cells, at = [""], 0
    while at < len(text):
        if text[at] == '"' and not cells[-1]:
            closed = re.compile('"((?:[^"]|"")*)("|$)').match(text, at)
            assert closed is not None
            cells[-1], at = closed[1].replace('""', '"') or " ", closed.end()
        elif text[at] in separators + "\r\n":
            cells.append("")
            at += 1
        else:
            cells[-1] += text[at]
            at += 1
    return cells


@pytest.mark.parametrize("separators", SPLITS)
@given(
    st.lists(
        st.lists(st.text(st.sampled_from("a=-@ ;,|\t\n\r\"'\uff1d"), max_size=7), min_size=2, max_size=3),
        min_size=1,
    )
)
def test_no_spreadsheet_sees_a_formula_wherever_it_splits(separators: str, table: list[list[str]]) -> None:
    width = min(map(len, table))
    file = "id,x\r\n" + "".join(in_lines(in_cells([row[:width] for row in table])))
    seen = as_a_spreadsheet(file, separators)
    assert [cell for cell in seen if cell.strip()[:1] in set("=-@\uff1d")] == []


def test_a_spreadsheet_sees_one_that_nobody_guards() -> None:
    row = 'x,"a;=1",2\r\n'
    assert as_a_spreadsheet(row, ",") == ["x", "a;=1", "2", "", ""]
    assert as_a_spreadsheet(row, ";") == ['x,"a', '=1",2', "", ""]
    assert as_a_spreadsheet('x;""=1"', ";") == ["x", ' =1"']


def test_the_time_to_guard_a_text_is_linear() -> None:
    def seconds(n: int) -> float:
        return min(
            timeit.repeat(lambda: [csv_rows.cell(one * n) for one in ("\n ", ';"', "|")], number=1, repeat=5)
        )

    assert seconds(80_000) < 80 * seconds(4000)


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert list(csv_rows.column([text])) == [text]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (-0.5, "-0.5"),
        (math.inf, "inf"),
        (2**63 - 1, "9223372036854775807"),
        (datetime(2026, 6, 11, 9, 15, tzinfo=timezone(timedelta(hours=2))), "2026-06-11T07:15:00Z"),
        (datetime(2026, 6, 11, 7, 15), "2026-06-11T07:15:00Z"),  # noqa: DTZ001 - the zone is missing on purpose
        (["a", {"b": None}], '["a",{"b":null}]'),
        ({"name": "Zoë\0"}, '{"name":"Zoë\\u0000"}'),
        ("a\0b\ud800c", "a\ufffdb\ufffdc"),
    ],
)
def test_values_become_text(value: object, text: str) -> None:
    assert csv_rows.cell(value) == text


def test_objects_are_json() -> None:
    assert json.loads(csv_rows.cell({"a": [1, 2.5, "x"]})) == {"a": [1, 2.5, "x"]}


def by_pythons_writer(text: str, separator: str) -> str:
    written = StringIO(newline="")
    csv.writer(written, delimiter=separator).writerow([text, ""])
    return written.getvalue().removesuffix(f"{separator}\r\n")


@given(st.lists(st.text(st.sampled_from('a ,"\r\n\t\\;|ä'), max_size=6), min_size=2, max_size=5))
def test_quotes_stand_where_pythons_writer_puts_them_for_any_separator(cells: list[str]) -> None:
    quoted = [max((by_pythons_writer(cell, one) for one in ",;\t|"), key=len) for cell in cells]
    assert in_lines([[*cells, ""]]) == [",".join([*quoted, '""\r\n'])]
    assert csv_rows.header_line(cells) == ",".join(quoted) + "\r\n"


def test_the_last_cell_is_quoted_and_the_others_only_when_they_must_be() -> None:
    assert in_lines([["1", "a,b", 'say "hi"'], ["", "c", ""]]) == [
        '1,"a,b","say ""hi"""\r\n',
        ',c,""\r\n',
    ]
    assert in_lines([["x"]]) == ['"x"\r\n']


def test_the_rest_of_a_torn_header_is_known_at_every_byte() -> None:
    whole = b"id,name,bio\r\n"
    for n in range(len(whole)):
        assert csv_rows.header_left(whole[:n], HEADER, bom=False) == whole[n:]
    for n in range(1, 4):
        assert csv_rows.header_left(b"\xef\xbb\xbf"[:n], HEADER, bom=False) == b"\xef\xbb\xbf"[n:] + whole
    assert csv_rows.header_left(whole, HEADER, bom=False) is None
    assert csv_rows.header_left(b"id,other", HEADER, bom=False) is None
    assert csv_rows.header_left(b"", HEADER, bom=True) == b"\xef\xbb\xbf" + whole


def test_a_row_is_found_by_its_key_wherever_its_columns_stand() -> None:
    text = StringIO('\ufeffname,id\r\n"Zoë\r\n7",1\r\n\r\nshort\r\nx,2\r\n', newline="")
    reading = csv_rows.read(text, ["id"], {"1", "7", "9"})
    assert reading == csv_rows.Reading(["name", "id"], {"1": [()]}, finished=True)


def test_a_file_without_the_key_columns_holds_nothing_that_is_sought() -> None:
    assert csv_rows.read(["name\r\n", "1\r\n"], ["id"], {"1"}).found == {}


def test_the_cells_that_tell_people_apart_come_with_the_key() -> None:
    text = ["id,name\r\n", "1,Ada\r\n", "1\r\n", "2,Bo\r\n"]
    assert csv_rows.read(text, ["id"], {"1"}, ["name", "mail"]).found == {"1": [("Ada", ""), ("", "")]}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ((), (), True),
        (("ada", "May"), ("ada", "June"), True),
        (("ada", "May"), ("bo", "June"), False),
        (("ada", "May"), ("", ""), True),
        (("ada", ""), ("bo", ""), False),
    ],
)
def test_two_rows_are_of_one_lead_if_a_telling_cell_is_equal_or_none_can_be_compared(
    mine: tuple[str, ...], theirs: tuple[str, ...], *, same: bool
) -> None:
    assert csv_rows.is_same(mine, theirs) == same


def test_an_open_quote_is_unfinished_though_the_text_ends_in_a_line_end() -> None:
    assert not csv_rows.read(["id,bio\r\n", '1,"a\r\n'], ["id"], set()).finished
    assert csv_rows.read(["id,bio\r\n", '1,5" disk\r\n'], ["id"], set()).finished


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=4))
def test_the_last_row_begins_where_the_rows_before_it_end(table: list[list[str]]) -> None:
    lines = in_lines(in_cells(table))
    text = StringIO("".join(lines), newline="")
    assert csv_rows.last_row_at(text) == len("".join(lines[:-1]).encode())


LINE = in_lines([["1", "a,b", 'two\r\nlines, "quoted" 😀']])[0]


def test_every_start_of_a_line_of_ours_is_cut() -> None:
    whole = LINE.encode()
    for n in range(1, len(whole)):
        assert csv_rows.judge_tail(whole[:n], HEADER, ["id"], {"1": LINE}) == "cut"


def test_a_start_of_a_row_that_nobody_sends_now_is_never_taken_for_a_whole_row() -> None:
    whole = in_lines([["1", "a,b", "plain 😀, torn"]])[0].encode()
    kept = [n for n in range(1, len(whole)) if csv_rows.judge_tail(whole[:n], HEADER, ["id"], {}) == "keep"]
    assert kept == [len(whole) - 2, len(whole) - 1]  # it lacks no more than its line end


@pytest.mark.parametrize(
    ("tail", "verdict"),
    [
        (b"2,by hand,fine", "keep"),
        (b"1,other mapping,torn", "aside"),
        (b"2,too few", "aside"),
        (b"2,too,many,cells", "aside"),
        (b"2,empty,", "aside"),
        (b"2,zeros,a\0\0\0", "aside"),
        (b"junk", "aside"),
        (b"2,\xff\xfe,latin", "keep"),
    ],
)
def test_a_tail_that_is_not_ours_is_kept_if_it_is_a_whole_row(tail: bytes, verdict: str) -> None:
    assert csv_rows.judge_tail(tail, HEADER, ["id"], {"1": LINE}) == verdict


def test_only_names_that_a_change_of_header_makes_are_recognised() -> None:
    noon = datetime(2026, 6, 11, 12, tzinfo=UTC).timestamp()
    assert csv_rows.renamed("leads", ".csv", noon, 0) == "leads.20260611T120000Z.csv"
    for counter in range(3):
        assert csv_rows.is_renamed(csv_rows.renamed("leads", ".csv", noon, counter), "leads", ".csv")
    for name in (
        "leads.csv",
        "leads.2026.csv",
        "other.20260611T120000Z.csv",
        "leads.20260611T120000Z.csv.torn",
    ):
        assert not csv_rows.is_renamed(name, "leads", ".csv")
