"""`syncd forget` finds a person whatever the case and the alphabet, and however their names were stored."""

import json
from typing import Any

import pytest

from syncd.ledger import Ledger, sql
from tests.cli.conftest import Home, rows, told
from tests.support import assert_books

PROFILE = {
    "displayName": "Émilie Οδυσσέας",
    "handle": " @Spacy_Ümlaut ",
    "xUserId": "990011223344",
    "bio": "half \ud83d of a canary",
}


def plant(home: Home, **changes: Any) -> int:
    number = home.sim.world.add_leads(1)[0]
    home.sim.world.amend_lead(number, {"profile": {**PROFILE, **changes}})
    return number


def left(home: Home) -> list[tuple[Any, ...]]:
    return rows(
        home, "SELECT state, count(*) FROM lead WHERE state IN ('forgotten', 'quarantined') GROUP BY 1"
    )


@pytest.mark.parametrize(
    ("email", "asked"),
    [
        ("Ünal@example.com", "Ünal@example.com"), ("Ünal@example.com", "ünal@EXAMPLE.com"), ("Жанна@пример.рф", "жанна@ПРИМЕР.РФ"),
        ("e\u0301lan@example.com", "Élan@example.com"), (" plain@example.com ", "plain@example.com"),
    ],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("malformed", [False, True])
def test_an_address_is_found_in_any_alphabet(
    home: Home,
    email: str,
    asked: str,
    malformed: bool,  # noqa: FBT001 - a table
) -> None:
    number = plant(home, email=email)
    if malformed:
        home.sim.world.amend_lead(number, {"segmentId": "soon"})
    home.syncd("--once")
    ran = home.syncd("forget", "--email", asked, "--yes")
    assert ran.code == 0, ran.err
    assert left(home) == [("forgotten", 1)]


@pytest.mark.parametrize("asked", ["spacy_ümlaut", "@Spacy_Ümlaut", " @SPACY_ÜMLAUT "])
def test_a_handle_is_found_bare(home: Home, asked: str) -> None:
    number = plant(home)
    home.syncd("--once")
    assert home.syncd("lead", asked.strip()).code == 0
    assert told(home, "forget", "--handle", asked, "--yes")["leads"] == [{"source": "main", "id": number}]
    assert home.syncd("forget", "--handle", asked, "--yes").code == 0
    plant(home, xUserId=None)
    home.syncd("--once", "--since", "2020-01-01T00:00:00Z")
    assert rows(home, "SELECT count(*) FROM lead") == [(4,)], "they are not taken in again"


def test_a_sentence_that_shouts_a_name_is_cleaned(home: Home) -> None:
    plant(home, handle="canary", email="ünal@example.com")
    home.syncd("--once")
    said = "CTGO answered 503: cannot serve ÉMILIE ΟΔΥΣΣΈΑΣ, ÜNAL@example.com now"
    home.syncd("pause", "sheet", "--reason", said)
    assert home.syncd("forget", "--handle", "canary", "--yes").code == 0
    ((detail,),) = rows(home, "SELECT detail FROM lane WHERE kind = 'deliver'")
    assert detail == "CTGO answered 503: cannot serve [forgotten], [forgotten] now"
    with Ledger.open(home.ledger) as ledger:
        assert_books(ledger)


def test_files_that_a_change_of_columns_renamed_are_named_too(home: Home) -> None:
    plant(home, handle="canary")
    home.syncd("--once")
    home.connectors["sheet"] = 'type = "csv"\npath = "leads.csv"\nfields.id = "{{ id }}"\nkey = ["id"]'
    home.configure()
    home.sim.world.add_leads(1)
    assert home.syncd("--once").code == 0
    (renamed,) = home.folder.glob("leads.2*.csv")
    (remains,) = told(home, "forget", "--handle", "canary", "--yes")["remains"]
    assert remains["where"] == f"{home.folder / 'leads.csv'} or {renamed}"


@pytest.mark.parametrize(
    ("value", "sought", "held"),
    [
        ({"a": [{"b": "Ä"}]}, "ä", True), ({"a": "xä"}, "ä", False), ({"a": 'say "ä"'}, "ä", False), ({"ä": 1}, "ä", False),
        (["\ud800", "ä"], "ä", True), ("ä", "ä", True), (7, "7", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ascii_", [True, False])
def test_a_value_is_found_as_a_whole_and_not_in_its_escapes(
    value: Any,
    sought: str,
    held: bool,  # noqa: FBT001 - a table
    ascii_: bool,  # noqa: FBT001
) -> None:
    stored = json.dumps(value, ensure_ascii=ascii_)
    assert sql.holds(stored, sought, "") is held
    assert sql.holds(None, sought, "") is False


def test_of_text_that_is_cut_off_the_beginning_is_searched() -> None:
    assert sql.holds('{"email":"A@b.example","bio":"x', "a@b.example", "")
    assert not sql.holds("[" * 100_000, "a", "")
