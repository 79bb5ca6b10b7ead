"""`rejected`: nothing that was set aside is out of sight, and only a person's word changes it."""

import csv
import io
import json
import sys
from typing import Any

import pytest

from syncd.ledger import Ledger, history, overview
from tests.cli.conftest import Home, MakeHome


class Keyboard(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """`picky` cannot decide about any of the leads that can be read; some cannot be."""
    home = make_home(leads=20, malformed_rate=0.3)
    home.connectors["picky"] = 'type = "csv"\npath = "picky.csv"\nwhere = "handle > 3"'
    home.configure()
    assert home.syncd("--once").code == 1
    return home


def causes(home: Home, *options: str) -> dict[tuple[str, str, str], int]:
    listed = json.loads(home.syncd("rejected", "list", "--json", *options).out)
    return {(it["kind"], it["where"], it["code"]): it["n"] for it in listed}


def tally(home: Home) -> Any:
    with Ledger.open_to_read(home.ledger) as ledger, ledger.read() as connection:
        counts, recounted = overview.counts(connection), overview.recount(connection)
    for (kind, name, state), n in recounted.items():
        assert counts[kind][name][state] == n
    return counts


def test_the_list_groups_by_cause_and_says_what_to_do(home: Home) -> None:
    assert set(causes(home)) == {("delivery", "picky", "filter_failed"), ("lead", "main", "lead_malformed")}
    out = home.syncd("rejected").out
    assert "filter_failed: The connector's `where` could not be evaluated" in out
    assert home.syncd("rejected", "list").out == out


def test_the_list_of_one_connector_leaves_the_rest_out(home: Home) -> None:
    assert list(causes(home, "--connector", "picky")) == [("delivery", "picky", "filter_failed")]
    assert causes(home, "--connector", "sheet") == {}


@pytest.mark.parametrize("verb", [("list",), ("csv",), ("retry",), ("drop", "--yes")])
def test_an_unknown_connector_is_a_usage_error_and_changes_nothing(home: Home, verb: tuple[str, ...]) -> None:
    before = tally(home)
    ran = home.syncd("rejected", *verb, "--connector", "piky")
    assert ran.code == 64
    assert "did you mean picky?" in ran.err
    assert tally(home) == before


def test_the_list_names_the_first_leads_of_each_cause_to_show_one_of_them(home: Home) -> None:
    listed = {it["code"]: it for it in json.loads(home.syncd("rejected", "list", "--json").out)}
    refused = listed["filter_failed"]
    assert len(refused["leads"]) == min(3, refused["n"])
    out = home.syncd("rejected", "list").out
    assert ", ".join(map(str, refused["leads"])) in out
    assert "syncd rejected show ID" in out
    assert home.syncd("rejected", "show", str(refused["leads"][0])).code == 0
    unreadable = listed["lead_malformed"]["leads"]
    assert 0 in unreadable
    assert home.syncd("rejected", "show", "0").code == 0


def test_show_without_an_id_pages_through_all_rows(home: Home) -> None:
    n = causes(home)["delivery", "picky", "filter_failed"]
    pages = []
    for page in ("1", "2"):
        ran = home.syncd("rejected", "show", "--connector", "picky", "--page", page, "--json")
        pages.append([it["lead_id"] for it in json.loads(ran.out)])
    assert list(map(len, pages)) == [10, n - 10]
    assert len({*pages[0], *pages[1]}) == n
    more = "For more: syncd rejected show --connector picky --page 2\n"
    assert home.syncd("rejected", "show", "--connector", "picky").out.endswith(more)
    assert "For more" not in home.syncd("rejected", "show", "--connector", "picky", "--page", "2").out
    ran = home.syncd("rejected", "show", "--page", "9")
    assert (ran.code, ran.out, "Nothing is rejected on page 9." in ran.err) == (1, "", True)


def test_show_takes_a_reason_too(home: Home) -> None:
    shown = json.loads(home.syncd("rejected", "show", "--code", "lead_malformed", "--json").out)
    assert {it["code"] for it in shown} == {"lead_malformed"}


def aside(home: Home) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(home.syncd("rejected", "csv").out)))


def test_csv_holds_every_set_aside_row(home: Home) -> None:
    listed = aside(home)
    assert len(listed) == sum(causes(home).values())
    assert json.loads(listed[0]["payload"])["id"] == int(listed[0]["id"])


def test_csv_names_the_person_links_to_the_profile_and_says_what_to_do(home: Home) -> None:
    row = next(row for row in aside(home) if row["kind"] == "delivery")
    profile = json.loads(row["payload"])["profile"]
    assert row["handle"] == profile["handle"]
    assert row["name"].strip("'") == profile["displayName"]
    assert row["link"] == f"https://x.com/{profile['handle']}"
    assert row["fix"].startswith("The connector's `where` could not be evaluated")
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM payload")
    assert {(row["handle"], row["name"], row["link"]) for row in aside(home)} == {("", "", "")}


def test_a_formula_out_of_a_detail_is_disarmed_in_csv(home: Home) -> None:
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql("UPDATE delivery SET detail = '=cmd|calc' WHERE state = 'rejected'")
    assert {row["detail"] for row in aside(home) if row["kind"] == "delivery"} == {"'=cmd|calc"}


def test_show_prints_the_raw_payload_readably(home: Home) -> None:
    lead_id = next(row["id"] for row in aside(home) if row["kind"] == "delivery")
    out = home.syncd("rejected", "show", lead_id).out
    assert f'    "id": {lead_id},' in out
    assert "(filter_failed)" in out
    (shown,) = json.loads(home.syncd("rejected", "show", lead_id, "--json").out)
    assert str(shown["payload"]["id"]) == lead_id


def test_show_has_the_fields_as_written_and_marks_those_that_the_reason_names(home: Home) -> None:
    home.connectors["picky"] = 'type = "csv"\npath = "picky.csv"'
    home.configure()
    lead_id = next(row["id"] for row in aside(home) if row["kind"] == "delivery")
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        reason = "property follower_count: INVALID_OPTION, only: NEW, OPEN"
        connection.exec_driver_sql(
            "UPDATE delivery SET attempts = 1, detail = ? WHERE state = 'rejected'", (reason,)
        )
    (shown,) = json.loads(home.syncd("rejected", "show", lead_id, "--json").out)
    profile = shown["payload"]["profile"]
    assert [it["name"] for it in shown["fields"] if it["refused"]] == ["follower_count"]
    written = {it["name"]: it["written"] for it in shown["fields"]}
    assert written["follower_count"] == str(profile["followerCount"])
    lines = home.syncd("rejected", "show", lead_id).out.splitlines()
    marked = next(line for line in lines if line.startswith(">"))
    assert marked.split() == [">", "follower_count", "always", str(profile["followerCount"])]
    assert "  By today's mapping; > marks what the reason names:" in lines
    assert any("1 attempt" in line and "attempts" not in line for line in lines)


@pytest.mark.parametrize(
    "gone", ["DELETE FROM payload", "UPDATE delivery SET connector = 'left' WHERE connector = 'picky'"]
)
def test_show_does_without_fields_where_the_data_or_the_connector_is_gone(home: Home, gone: str) -> None:
    lead_id = next(row["id"] for row in aside(home) if row["kind"] == "delivery")
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql(gone)
    (shown,) = json.loads(home.syncd("rejected", "show", lead_id, "--json").out)
    assert shown["fields"] == []


def test_show_escapes_what_a_terminal_would_obey(home: Home) -> None:
    lead_id = next(row["id"] for row in aside(home) if row["kind"] == "delivery")
    with Ledger.open(home.ledger) as ledger, ledger.write() as connection:
        connection.exec_driver_sql(
            "UPDATE payload SET text = json_set(text, '$.profile.bio', ?)",
            ("\x1b[2J\x9b2J [red]\n\u202e",),
        )
    out = home.syncd("rejected", "show", lead_id).out
    assert not [character for character in out if not character.isprintable() and character != "\n"]
    assert "\\u001b[2J\\x9b2J [red]\\n" in out


def test_rows_without_a_readable_id_are_shown_as_lead_zero(home: Home) -> None:
    nameless = [row for row in aside(home) if row["id"] == "0"]
    assert nameless
    assert len(json.loads(home.syncd("rejected", "show", "0", "--json").out)) == len(nameless)


def test_show_of_a_lead_with_nothing_set_aside_exits_with_one(home: Home) -> None:
    ran = home.syncd("rejected", "show", "1")
    assert (ran.code, ran.out) == (1, "")


def test_retry_sends_again_what_was_mended(home: Home) -> None:
    n = causes(home)["delivery", "picky", "filter_failed"]
    home.connectors["picky"] = 'type = "csv"\npath = "picky.csv"'
    home.configure()
    assert home.syncd("rejected", "retry", "--connector", "picky").out.startswith(f"{n} are pending again.")
    assert tally(home)["delivery"]["picky"] == {"pending": n}
    home.syncd("--once")
    assert tally(home)["delivery"]["picky"] == {"delivered": n}
    assert tally(home)["lead"]["main"]["exported"] == n


def test_retry_of_one_lead_leaves_the_others(home: Home) -> None:
    n = causes(home)["delivery", "picky", "filter_failed"]
    lead_id = next(row["id"] for row in aside(home) if row["kind"] == "delivery")
    assert home.syncd("rejected", "retry", "--id", lead_id).out.startswith("1 are pending again")
    assert home.syncd("rejected", "retry", "--code", "csv_busy").out.startswith("0 are pending again")
    assert tally(home)["delivery"]["picky"] == {"pending": 1, "rejected": n - 1}


def test_one_is_tried_and_a_retry_is_taken_back(home: Home) -> None:
    n = causes(home)["delivery", "picky", "filter_failed"]
    before = aside(home)
    assert home.syncd("rejected", "retry", "--connector", "picky", "--first", "1").out.startswith(
        "1 are pending"
    )
    home.syncd("rejected", "retry", "--connector", "picky")
    assert tally(home)["delivery"]["picky"] == {"pending": n}
    assert home.syncd("rejected", "take-back").out == f"{n - 1} are rejected again.\n"
    assert home.syncd("rejected", "take-back", "1").out == "1 are rejected again.\n"
    assert aside(home) == [{**row, "attempts": "0"} for row in before]
    assert "took back a retry of picky: 1 taken back" in home.syncd("log").out


def test_what_is_no_retry_cannot_be_taken_back(home: Home) -> None:
    ran = home.syncd("rejected", "take-back")
    assert (ran.code, "There is no retry" in ran.err) == (64, True)
    home.syncd("pause", "sheet")
    ran = home.syncd("rejected", "take-back", "1")
    assert (ran.code, "Entry 1 of the operator's log is no retry" in ran.err) == (64, True)


def test_drop_wants_a_choice(home: Home) -> None:
    before = tally(home)
    assert home.syncd("rejected", "drop", "--yes").code == 64
    assert tally(home) == before


def test_drop_wants_a_yes_where_nobody_can_be_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tally(home)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    ran = home.syncd("rejected", "drop", "--all")
    assert ran.code == 64
    assert "--yes" in ran.err
    assert tally(home) == before


@pytest.mark.parametrize(("answer", "dropped"), [("y\n", True), ("\n", False), ("", False), ("no\n", False)])
def test_on_a_terminal_drop_asks(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    dropped: bool,  # noqa: FBT001 - a table
) -> None:
    n = sum(causes(home).values())
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    ran = home.syncd("rejected", "drop", "--all")
    assert f"Drop {n} rejected rows for good? [y/N]" in ran.err
    assert ("Nothing was dropped." in ran.out) is not dropped
    assert bool(causes(home)) is not dropped


def test_dropping_a_connector_lets_its_leads_be_exported(home: Home) -> None:
    n = causes(home)["delivery", "picky", "filter_failed"]
    assert home.syncd("rejected", "drop", "--connector", "picky", "--yes").out == f"{n} rows were dropped.\n"
    home.syncd("--once")
    assert tally(home)["lead"]["main"]["exported"] == n
    assert list(causes(home)) == [("lead", "main", "lead_malformed")]


def test_dropping_a_connector_that_left_takes_its_pending_deliveries_too(home: Home) -> None:
    n = causes(home)["delivery", "picky", "filter_failed"]
    lead_id = next(row["id"] for row in aside(home) if row["kind"] == "delivery")
    home.syncd("rejected", "retry", "--id", lead_id)
    home.syncd("rejected", "drop", "--connector", "picky", "--yes")
    assert tally(home)["delivery"]["picky"] == {"dropped": n - 1, "pending": 1}  # it is still configured

    del home.connectors["picky"]
    home.configure()
    assert home.syncd("rejected", "drop", "--connector", "picky", "--yes").out == "1 row was dropped.\n"
    assert tally(home)["delivery"]["picky"] == {"dropped": n}


def test_every_act_is_written_down_with_who_did_it(home: Home) -> None:
    home.syncd("rejected", "retry", "--connector", "picky")
    home.syncd("rejected", "drop", "--code", "lead_malformed", "--yes")
    with Ledger.open_to_read(home.ledger) as ledger, ledger.read() as connection:
        acts = [(act.verb, act.name, act.detail, bool(act.who)) for act in history.actions(connection)]
    assert acts == [("drop", "", "code lead_malformed", True), ("retry", "picky", "all", True)]


def test_when_nothing_is_set_aside_the_list_says_so(home: Home) -> None:
    home.syncd("rejected", "drop", "--all", "--yes")
    assert home.syncd("rejected").out == "Nothing is rejected.\n"
    assert home.syncd("rejected", "list", "--json").out == "[]\n"
