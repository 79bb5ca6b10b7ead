"""What is printed can do no harm: not to a terminal, not to a spreadsheet."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.cli.output import duration, guarded, say, say_csv, say_json, say_table
from syncd.cli.table import cell_width, table_lines, wrapped
from syncd.verbs.engine_holder import holder_in

HOSTILE = "[red]Mara[/red]\x1b[2J\x9b31m\u202e\nforged: line"


class Latin(io.TextIOWrapper):
    """A stdout that knows no emoji."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="latin-1")

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("latin-1")


def test_a_line_stays_one_line_and_its_control_characters_are_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(HOSTILE)
    assert capsys.readouterr().out == "[red]Mara[/red]\\x1b[2J\\x9b31m\\u202e\\nforged: line\n"


def test_a_table_shows_all_of_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("n", "name"), [(5, "x" * 300), (12, HOSTILE)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["n", "name"]
    assert first == " 5  " + "x" * 300
    assert second.startswith("12  [red]Mara[/red]\\x1b[2J")


def test_json_is_ascii_and_comes_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"name": HOSTILE + "\ud800é"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"name": HOSTILE + "\ud800é"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =cmd", "＝1"])  # noqa: RUF001 - meant
def test_a_formula_in_a_cell_is_disarmed(text: str) -> None:
    assert guarded(text) == "'" + text


@pytest.mark.parametrize(
    ("text", "cell"),
    [("x;=1", "x;'=1"), ("x | @a", "x |' @a"), ('x;"=1"', 'x;\'"=1"'), (";;-1", ";;'-1"), ("|＝1", "|'＝1")],  # noqa: RUF001 - meant
)
def test_a_formula_behind_what_a_spreadsheet_may_split_at_is_disarmed(text: str, cell: str) -> None:
    assert guarded(text) == cell


@pytest.mark.parametrize("text", ["Mara", "", " ", "1", "a=b", None, "a; b|c", "a\\t=1", '"=1"'])
def test_any_other_cell_stays_as_it_is(text: str | None) -> None:
    assert guarded(text) == (text or "")


def test_csv_is_one_row_a_line_whatever_the_cells_hold(capsys: pytest.CaptureFixture[str]) -> None:
    say_csv(("id", "name"), [(-5, 'a,"b"\nc'), (7, "=1"), (8, "a;b"), (9, "a|b")])
    out = capsys.readouterr().out
    assert out.count("\n") == 5
    assert list(csv.reader(io.StringIO(out)))[:3] == [["id", "name"], ["-5", 'a,"b"\\nc'], ["7", "'=1"]]
    assert out.endswith('8,"a;b"\n9,"a|b"\n')


def test_what_the_encoding_lacks_is_written_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = Latin()
    monkeypatch.setattr(sys, "stdout", stdout)
    say("é 🚀 \ud800")
    assert stdout.text() == "é \\U0001f680 \\ud800\n"


TABLE = (
    ("id", "campaign", "status", "leads"),
    [(5, "Swiss founders", "succeeded", 12), (17, "x", "failed", 3)],
)


def test_a_table_has_no_frame_and_looks_alike_on_a_terminal() -> None:
    plain = table_lines(*TABLE)
    assert plain == [
        "id  campaign        status     leads",
        " 5  Swiss founders  succeeded     12",
        "17  x               failed         3",
    ]
    assert table_lines(*TABLE, 80) == plain


def test_columns_are_left_out_before_words_are_broken() -> None:
    narrow = table_lines(*TABLE, 31, ("leads", "status"))
    assert narrow == [
        "id  campaign        status",
        " 5  Swiss founders  succeeded",
        "17  x               failed",
        "(too narrow for: leads)",
    ]
    assert "campaign" in table_lines(*TABLE, 20, ("leads", "status"))[0]


@pytest.mark.parametrize("width", range(1, 60))
def test_no_word_is_broken_at_any_width(width: int) -> None:
    words = {str(cell) for row in TABLE[1] for text in row for cell in str(text).split()}
    for drop in ((), ("status",)):
        lines = table_lines(*TABLE, width, drop)
        left_out = any(line.startswith("(too") for line in lines)
        kept = words - ({"succeeded", "failed"} if left_out else set())
        assert kept <= {word for line in lines for word in line.split()}
        assert max(map(len, lines[:4])) <= max(width, 30)


def test_a_wide_character_takes_two_columns() -> None:
    assert cell_width("漢a\u0301") == 3
    assert table_lines(("name", "n"), [("漢字", 1), ("ab", 2)])[1:] == ["漢字  1", "ab    2"]


def test_a_sentence_is_split_between_words() -> None:
    assert wrapped("a sentence of words", 11, "  ") == ["a sentence", "  of words"]
    assert wrapped("https://example.com/long", 5) == ["https://example.com/long"]


def test_on_a_terminal_markup_is_text_and_nothing_is_cut_off(tmp_path: Path) -> None:
    script = tmp_path / "draw.py"
    script.write_text(
        f"from syncd.cli.output import say_table\nsay_table(('n', 'name'), [(5, {HOSTILE!r}), (6, '{'y' * 150}')])"
    )
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "COLUMNS": "60", "TERM": "xterm"}
    subprocess.run([sys.executable, str(script)], stdout=slave, check=True, env=environment)
    os.close(slave)
    drawn = os.read(master, 100_000).decode()
    os.close(master)
    assert "[red]Mara[/red]\\x1b" in drawn
    assert "\x1b[2J" not in drawn
    assert drawn.count("y") == 150


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7200, "2 h"), (90061, "1 d 1 h"), (-3, "0 s")],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


LOCKS = """1: POSIX  ADVISORY  WRITE 77 08:01:131 0 EOF
2: FLOCK  ADVISORY  WRITE 4242 08:01:131 0 EOF
2: -> FLOCK  ADVISORY  WRITE 4300 08:01:131 0 EOF
3: FLOCK  ADVISORY  READ 99 08:01:500 0 EOF
4: FLOCK  ADVISORY  WRITE 88 00:2f:600 0 EOF
"""


@pytest.mark.parametrize(
    ("device", "inode", "recorded", "holder"),
    [
        ("08:01", 131, "4242", 4242),
        ("08:01", 131, "", 4242),  # it has the lock, and has not written its number yet
        ("08:02", 131, "1", None),  # the same inode of another file system
        ("08:01", 500, "99", None),  # a reader's lock is no engine's
        ("00:30", 600, "88", 88),  # an overlay: the device differs, the process does not
        ("08:01", 132, "4242", None),
    ],
)
def test_the_kernels_list_of_locks_tells_who_holds_the_ledger(
    device: str, inode: int, recorded: str, holder: int | None
) -> None:
    assert holder_in(LOCKS, device, inode, recorded) == holder
