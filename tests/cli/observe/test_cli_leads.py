"""`leads`: the newest first, what each connector made of them, and nothing that a terminal would obey."""

from typing import Any

import pytest

from syncd.verbs import lead
from tests.cli.conftest import HANDLES, Home, MakeHome, rows, told


@pytest.fixture
def listed(make_home: MakeHome) -> Home:
    """Twelve leads in `sheet`; `picky` rejects them all."""
    home = make_home(leads=12)
    home.connectors["picky"] = 'type = "csv"\npath = "picky.csv"\nwhere = "handle > 3"'
    home.configure()
    home.syncd("--once")
    return home


def ids(home: Home, *options: str) -> list[int]:
    return [it["id"] for it in told(home, "leads", *options)]


def newest(home: Home) -> list[int]:
    return [it for (it,) in rows(home, "SELECT lead_id FROM lead ORDER BY discovered_at DESC, seq DESC")]


def test_leads_come_newest_first_however_they_came_in(listed: Home) -> None:
    rows(listed, "UPDATE lead SET discovered_at = discovered_at + 5000 WHERE seq = 7")
    assert ids(listed) == newest(listed)
    assert ids(listed, "--limit", "4") == newest(listed)[:4]


def test_pages_join_without_a_gap_or_a_repeat(listed: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(listed, "UPDATE lead SET discovered_at = 1790000000.0 WHERE seq < 9")  # ties go by the row
    monkeypatch.setattr(lead, "PAGE", 3)
    assert ids(listed) == newest(listed)
    assert ids(listed, "--limit", "7") == newest(listed)[:7]


def test_a_lead_is_shown_with_its_name_and_its_state_at_each_connector(listed: Home) -> None:
    ((handle, name),) = rows(listed, f"{HANDLES} ORDER BY seq DESC LIMIT 1")
    rows(listed, "UPDATE lead SET discovered_at = 4e9 WHERE seq = (SELECT max(seq) FROM lead)")
    first = told(listed, "leads")[0]
    assert (first["handle"], first["name"]) == (handle, name)
    remote = {it["connector"]: (it["state"], it["code"]) for it in first["deliveries"]}
    assert remote == {"sheet": ("delivered", ""), "picky": ("rejected", "filter_failed")}
    out = listed.syncd("leads").out
    assert f"{first['id']}  @{handle}  {name}  campaign {first['stream_id']}" in out
    assert "  picky: rejected (filter_failed)\n" in out
    assert "  sheet: delivered" in out


def test_the_id_at_the_remote_is_shown(listed: Home) -> None:
    rows(listed, "UPDATE delivery SET remote_id = '00Q5e00000ABC' WHERE connector = 'sheet'")
    assert "  sheet: delivered as 00Q5e00000ABC\n" in listed.syncd("leads", "--limit", "1").out


@pytest.mark.parametrize(
    ("options", "n"),
    [
        (("--connector", "sheet", "--state", "delivered"), 12),
        (("--connector", "sheet", "--state", "rejected"), 0),
        (("--connector", "picky", "--state", "rejected"), 12),
        (("--state", "rejected"), 12),
        (("--state", "pending"), 0),
        (("--since", "2100-01-01T00:00:00Z"), 0),
        (("--since", "3650d"), 12),
        (("--campaign", "999999"), 0),
    ],
)
def test_a_filter_leaves_the_rest_out(listed: Home, options: tuple[str, ...], n: int) -> None:
    assert len(ids(listed, *options)) == n


def test_one_campaign_and_one_instant_are_told_apart(listed: Home) -> None:
    ((stream, n),) = rows(listed, "SELECT stream_id, count(*) FROM lead GROUP BY 1 ORDER BY 2 LIMIT 1")
    assert len(ids(listed, "--campaign", str(stream))) == n
    rows(listed, "UPDATE lead SET discovered_at = 4e9 WHERE seq <= 2")
    assert len(ids(listed, "--since", "2090-01-01T00:00:00Z")) == 2


def test_a_connector_and_a_lead_may_be_in_other_states(listed: Home) -> None:
    rows(listed, "UPDATE lead SET state = 'exported' WHERE seq = 3")
    assert len(ids(listed, "--state", "exported")) == 1
    ran = listed.syncd("leads", "--connector", "sheet", "--state", "exported")
    assert (ran.code, ran.out) == (64, "")


@pytest.mark.parametrize(
    "options", [("--connector", "shet"), ("--state", "deliverd"), ("--since", "soon"), ("--limit", "0")]
)
def test_a_mistake_is_a_usage_error(listed: Home, options: tuple[str, ...]) -> None:
    ran = listed.syncd("leads", *options)
    assert (ran.code, ran.out) == (64, "")


@pytest.mark.parametrize(
    "hostile", ["[red]Mara[/red]", "\x1b]0;owned\x07\x1b[2J", "a\u202eb\nlead", "x" * 500]
)
def test_a_hostile_name_stays_on_its_line_of_80_columns(listed: Home, hostile: str) -> None:
    rows(listed, "UPDATE payload SET text = json_set(text, '$.profile.displayName', ?)", hostile)
    out = listed.syncd("leads").out
    assert ascii(hostile)[1:9] in out
    assert max(map(len, out.split("\n"))) <= 80
    assert not [character for character in out if not character.isprintable() and character != "\n"]


@pytest.mark.parametrize("payload", [None, "null", "[1]", '{"profile": 7}', "{broken", '{"profile": {}}'])
def test_a_lead_whose_payload_is_gone_or_odd_is_listed_all_the_same(listed: Home, payload: Any) -> None:
    if payload is None:
        rows(listed, "DELETE FROM payload")
    else:
        rows(listed, "UPDATE payload SET text = ?", payload)
    assert ids(listed) == newest(listed)
    assert listed.syncd("leads").out.count("sheet: delivered") == 12


def test_a_cut_list_says_so_and_an_empty_one_too(listed: Home) -> None:
    assert "for more: --limit N" in listed.syncd("leads", "--limit", "3").out
    assert "for more" not in listed.syncd("leads").out
    assert listed.syncd("leads", "--state", "pending").out == "The ledger holds no such lead.\n"


def test_the_gate_names_the_list(home: Home) -> None:
    assert "syncd leads --connector NAME --state delivered" in home.syncd("explain", "gate_held").out
