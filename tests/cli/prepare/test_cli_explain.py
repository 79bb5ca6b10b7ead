"""`explain` knows every code and every word that a command prints, and the nearest of a mistyped one."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from syncd.cli.prepare.explain import every_code, nearest
from syncd.core.delivery import State
from syncd.core.failure import CODES
from syncd.core.glossary import WORDS
from syncd.core.lane_state import Status
from syncd.core.lead_state import LeadState
from syncd.health.metrics import DELIVERY_STATES, EXPORT_STATES, FEEDBACK_STATES
from syncd.health.view import _OWNERS
from tests.cli.conftest import Home, MakeHome

ROOT = Path(__file__).parents[3]
FAILURES = {"Retry", "Reject", "Pause", "Halt", "Refused", "LedgerError", "Next"}
"""Calls whose text argument of a code's shape is a code."""
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def codes_in(path: Path) -> Iterator[str]:
    """The codes that a module of the program writes down."""
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        given = [word.value for word in call.keywords if word.arg == "code"]
        given += call.args if name in FAILURES else call.args[3:4] if name == "Note" else []
        either = [
            one
            for value in given
            for one in ([value.body, value.orelse] if isinstance(value, ast.IfExp) else [value])
        ]
        for value in either:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def test_every_code_that_is_printed_is_explained() -> None:
    program = [path for top in ("syncd", "connectors") for path in (ROOT / top).rglob("*.py")]
    written = {
        code
        for path in program
        if not {"simulator", "testing"} & set(path.parts)
        for code in codes_in(path)
        if CODE.fullmatch(code)
    }
    assert {"retrying", "defaults_replaced", "attempts_exhausted"} <= written
    assert written - every_code().keys() - WORDS.keys() == set()


@pytest.mark.parametrize(
    "word",
    [
        *get_args(LeadState), *get_args(State), *get_args(Status), *DELIVERY_STATES, *EXPORT_STATES, *FEEDBACK_STATES,
        *_OWNERS, "names", "house",
    ],
)  # fmt: skip
def test_every_state_and_every_kind_of_lane_is_explained(word: str) -> None:
    assert WORDS[word]


def test_every_heading_and_state_of_status_is_explained(make_home: MakeHome) -> None:
    home = make_home(leads=20, malformed_rate=0.5)
    home.connectors["picky"] = 'type = "csv"\npath = "p.csv"\nwhere = "follower_count < 0"'
    home.configure()
    home.syncd("--once")
    lines = home.syncd("status").out.splitlines()
    heads = {head for line in lines if re.match("source |connector ", line) for head in re.split("  +", line)}
    states = {word for line in lines for word in re.findall(r"\b\d+ ([a-z_]+)\b(?!-)", line)}
    assert heads >= {"watermark", "last pull"}
    assert states >= {"exported", "quarantined", "delivered"}
    for word in heads | (states - {"leads", "s"}):
        assert home.syncd("explain", word).code == 0, word


def test_a_word_is_explained_as_it_is_typed(home: Home) -> None:
    assert "before syncd saw it" in home.syncd("explain", "elsewhere").out
    assert home.syncd("explain", "last", "pull").out == home.syncd("explain", "Last pull").out != ""
    assert json.loads(home.syncd("explain", "(retrying)", "--json").out) == {"retrying": CODES["retrying"]}
    everything = home.syncd("explain").out
    assert all(f"{word}\n" in everything for word in (*WORDS, *CODES, "tally_off", "damaged"))


def test_of_an_unknown_code_the_nearest_three_are_named(home: Home) -> None:
    ran = home.syncd("explain", "nope")
    assert ran.code == 64
    (line,) = [line for line in ran.err.splitlines() if "nope" in line]
    assert line.count(",") == 2
    assert len(line) < 200
    assert "hubspot_token_refused" in home.syncd("explain", "hubspot_tokn").err


def test_the_nearest_words_come_in_order() -> None:
    assert nearest("gatehold", ["gate_held", "gate", "elsewhere", "open"])[0] == "gate_held"
