"""`map`: what would be sent and why not, without a key, a token, a ledger or a network."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.csv.connector import CsvConnector
from syncd.cli import entry
from tests.cli.conftest import Home, MakeHome, Ran, content, requests_of, rows, told

MAPPING = """
[connectors.sheet]
type = "csv"
path = "leads.csv"
{where}
[connectors.sheet.fields]
id = "{{{{ id }}}}"
stream_id = "{{{{ stream_id }}}}"
segment_id = "{{{{ segment_id }}}}"
{fields}
"""


class Review:
    """A pull request's CI: a configuration without secrets, and nothing else."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config, self.capsys = folder / "config.toml", capsys

    def write(self, *fields: str, where: str = "", more: str = "") -> None:
        text = MAPPING.format(where=f"where = {json.dumps(where)}" if where else "", fields="\n".join(fields))
        self.config.write_text(text + more)

    def syncd(self, *arguments: str) -> Ran:
        code = entry.run(["--config", str(self.config), *arguments])
        return Ran(code, *self.capsys.readouterr())


@pytest.fixture
def review(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Review:
    for name in ("SYNCD_SOURCES__MAIN__API_KEY", "SYNCD_CONFIG", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    made = Review(tmp_path, capsys)
    made.write('Name = "{{ display_name }}"')
    return made


def fields_of(ran: Ran) -> dict[str, Any]:
    (one,) = json.loads(ran.out)
    return {field["name"]: field for field in one["leads"][0]["fields"]}


def test_a_mapping_is_shown_for_a_made_up_lead_when_there_is_no_ledger(review: Review) -> None:
    ran = review.syncd("map", "sheet")
    assert (ran.code, ran.err) == (0, "")
    assert "made up" in ran.out
    assert [line.split() for line in ran.out.splitlines() if line.startswith("Name")] == [
        ["Name", "always", "Mara", "Oduya"]
    ]
    assert list(review.config.parent.iterdir()) == [review.config]


def test_a_source_may_lack_its_key(review: Review) -> None:
    review.write('Name = "{{ handle }}"', more="[sources.main]\n")
    assert review.syncd("map").code == 0
    assert review.syncd("check").code == 78


def test_each_field_says_its_policy_or_why_it_is_left_out(review: Review) -> None:
    review.write(
        'Mail = { value = "{{ email }}", policy = "if_empty" }',
        "Guess = \"{{ email if email_status != 'verified' }}\"",
        'Odd = "{{ raw.nothing }}"',
    )
    found = fields_of(review.syncd("map", "--json"))
    assert (found["Mail"]["policy"], found["Mail"]["value"]) == ("if_empty", "mara@smalltools.example")
    assert found["Guess"]["left_out"] == "it comes to nothing"
    assert found["Odd"]["value"] is None


def test_a_value_is_shown_as_the_connector_writes_it(review: Review) -> None:
    review.config.write_text(
        '[connectors.org]\ntype = "salesforce"\n[connectors.org.fields]\n'
        'LastName = "{{ bio }} {{ bio }} {{ bio }} {{ bio }}"\nEmail = "{{ bio }}{{ email }}{{ x_url }}{{ linkedin_url }}"\n'
    )
    found = fields_of(review.syncd("map", "--json"))
    assert len(found["LastName"]["value"]) == 103
    assert found["LastName"]["written"] == found["LastName"]["value"][:80].rstrip()
    assert found["Email"]["written"] is None
    out = review.syncd("map").out
    assert f"(cut to {len(found['LastName']['written'])} of 103 characters)" in out
    assert "left out: the connector writes no such value there" in out


def test_a_plugin_that_cannot_say_what_it_writes_hides_no_value(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(CsvConnector, "as_written", broken)
    review.write('Name = "{{ display_name }}"')
    assert fields_of(review.syncd("map", "--json"))["Name"]["written"] == "Mara Oduya"


@pytest.mark.parametrize(
    ("where", "verdict"),
    [
        ("", "wanted"),
        ("follower_count > 1000", "wanted"),
        ("match_confidence == 'medium'", "unwanted"),
        ("raw.nothing > 5", "set aside"),
    ],
)
def test_the_verdict_of_where_is_told(review: Review, where: str, verdict: str) -> None:
    review.write('Name = "{{ handle }}"', where=where)
    (one,) = json.loads(review.syncd("map", "--json").out)
    assert one["leads"][0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("field", "where", "said"),
    [
        ('Name = "{{ frist_name }}"', "", "connectors.sheet.fields.Name: there is no variable frist_name: did you mean first_name?"),
        ('Name = "{{ handle | uper }}"', "", "there is no filter uper: did you mean upper?"),
        ('Name = "handle"', "", "braces are missing: write {{ handle }}"),
        ('Name = "{{ handle }}"', "folower_count > 5", "connectors.sheet.where: there is no variable folower_count: did you mean follower_count?"),
        ('Name = "{{ follower_count.upper() }}"', "", "connectors.sheet: field Name: .upper() works on text only"),
        ('Name = "{{ handle }}"', "handle > 5", "connectors.sheet: where: it raised TypeError"),
    ],
)  # fmt: skip
def test_the_check_exits_with_78_and_names_the_mistake_and_the_nearest_name(
    review: Review, field: str, where: str, said: str
) -> None:
    review.write(field, where=where)
    ran = review.syncd("map", "--check")
    assert (ran.code, ran.out) == (78, "")
    assert said in ran.err
    (mistake,) = json.loads(review.syncd("map", "--check", "--json").out)["mistakes"]
    assert said in mistake


def test_every_mistake_is_told_at_once(review: Review) -> None:
    enrich = '[sources.main.enrich]\nwhere = "bioo"\n'
    review.write('A = "{{ a }}"', 'B = "{{ b }}"', where="c", more="[sources.main]\n" + enrich)
    lines = [
        line for line in review.syncd("map", "--check").err.splitlines() if "there is no variable" in line
    ]
    assert len(lines) == 4


def test_a_sound_mapping_passes_the_check_and_a_fragile_where_is_noted(review: Review) -> None:
    assert review.syncd("map", "--check").code == 0
    review.write('Name = "{{ handle }}"', where="follower_count > 5")
    ran = review.syncd("map", "--check")
    assert ran.code == 0
    assert "would be rejected: where: it compares or changes a null: follower_count" in ran.out
    review.write('Name = "{{ handle }}"', where="(follower_count or 0) > 5")
    assert "set aside" not in review.syncd("map", "--check").out


def test_an_unknown_connector_is_a_usage_error_with_the_nearest(review: Review) -> None:
    ran = review.syncd("map", "shete")
    assert ran.code == 64
    assert "did you mean sheet?" in ran.err


def test_leads_of_the_ledger_are_shown_newest_first_and_by_id(home: Home) -> None:
    home.syncd("--once")
    ids = [row[0] for row in rows(home, "SELECT lead_id FROM lead ORDER BY discovered_at DESC")]
    assert ids[0] != rows(home, "SELECT lead_id FROM lead ORDER BY seq DESC")[0][0]
    (one,) = told(home, "map", "sheet")
    assert [it["lead"]["id"] for it in one["leads"]] == ids[:3]
    (one,) = told(home, "map", "sheet", "--lead", str(ids[-1]))
    assert [it["lead"]["id"] for it in one["leads"]] == [ids[-1]]
    ran = home.syncd("map", "--lead", "7")
    assert (ran.code, "no lead 7" in ran.err) == (1, True)


def test_where_is_counted_over_the_leads_of_the_ledger(make_home: MakeHome) -> None:
    home = make_home(leads=12)
    home.syncd("--once")
    assert "would be wanted" not in home.syncd("map", "sheet").out  # without a `where` all are
    counts = [n for (n,) in rows(home, "SELECT json_extract(text, '$.profile.followerCount') FROM payload")]
    middle = sorted(counts)[6]
    home.connectors["sheet"] += f'\nwhere = "follower_count >= {middle}"'
    home.configure()
    wanted = sum(n >= middle for n in counts)
    assert f"where: {wanted} of 12 leads in the ledger would be wanted\n" in home.syncd("map", "sheet").out
    rows(home, "UPDATE payload SET text = json_remove(text, '$.profile.followerCount') WHERE seq = 1")
    (one,) = told(home, "map", "sheet")
    assert (one["counted"]["leads"], one["counted"]["set aside"]) == (12, 1)
    assert "of 12 leads in the ledger would be wanted; 1 would be rejected" in home.syncd("map", "sheet").out


def test_leads_that_ctgo_lists_now_are_shown_with_one_request_and_without_a_ledger(home: Home) -> None:
    (one,) = told(home, "map", "sheet", "--upstream")
    newest = [row.id for row in sorted(home.sim.world.listed(), key=lambda row: row.discovered)][::-1]
    assert [it["lead"]["id"] for it in one["leads"]] == newest[:3]
    assert {it["made_up"] for it in one["leads"]} == {False}
    assert len(requests_of(home)) == 1
    assert not home.ledger.exists()


def test_a_request_for_leads_is_counted_where_there_is_a_ledger_and_nothing_else_changes(home: Home) -> None:
    home.syncd("--once", "--limit", "1", "--max-wait", "0s")
    before, taken = content(home), rows(home, "SELECT sum(n) FROM slot")[0][0]
    assert home.syncd("map", "--upstream").code == 0
    assert (content(home), rows(home, "SELECT sum(n) FROM slot")) == (before, [(taken + 1,)])


def test_a_ctgo_that_cannot_be_asked_for_leads_is_a_sentence(home: Home) -> None:
    home.configure("http://127.0.0.1:9/api/v2")
    ran = home.syncd("map", "--upstream")
    assert (ran.code, ran.out) == (69, "")
    assert "(unreachable)" in ran.err


@pytest.mark.parametrize("option", [("--check",), ("--lead", "7"), ("--toml",)])
def test_leads_of_ctgo_go_with_no_other_choice(review: Review, option: tuple[str, ...]) -> None:
    assert review.syncd("map", "--upstream", *option).code == 64


def test_looking_changes_nothing(home: Home) -> None:
    home.syncd("--once")
    before = home.ledger.read_bytes()
    home.ledger.chmod(0o400)
    assert home.syncd("map").code == 0
    assert home.ledger.read_bytes() == before


def test_a_lead_whose_payload_is_gone_is_said_to_be(home: Home) -> None:
    home.syncd("--once")
    ((lead_id,), *_) = rows(home, "SELECT lead_id FROM lead")
    rows(home, "DELETE FROM payload")
    out = home.syncd("map", "--lead", str(lead_id)).out
    assert "no longer kept" in out


def test_a_where_that_needs_a_name_nobody_knows_yet_is_said_to_wait(home: Home) -> None:
    home.syncd("--once")
    home.connectors["sheet"] += "\nwhere = \"stream_name == 'Indie founders'\""
    home.configure()
    (one,) = told(home, "map", "sheet")
    assert {it["verdict"] for it in one["leads"]} == {"waiting"}


def test_a_dry_run_judges_by_names_too(make_home: MakeHome) -> None:
    home = make_home(leads=12)
    home.connectors["sheet"] += "\nwhere = \"stream_name == 'Indie founders'\""
    home.configure()
    ran = home.syncd("--once", "--dry-run")
    theirs = sum(row.stream_id == 14 for row in home.sim.world.listed())
    assert f"main: {theirs} new leads would be delivered" in ran.out
    assert f"main: {12 - theirs} new leads would be unwanted" in ran.out
    assert not home.ledger.exists()


def fields_in_force(review: Review) -> dict[str, Any]:
    ran = review.syncd("map", "sheet", "--toml")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = tomllib.loads(ran.out)["connectors"]["sheet"]["fields"]
    return found


def test_the_mapping_in_force_is_printed_as_a_table_to_paste(review: Review) -> None:
    odd = {"Vor-Name": 'a "b" \\ {{ handle }} é 😀 \x7f\n', "A b": {"value": "NEW", "policy": "create_only"}}
    review.write(
        "Vor-Name = " + json.dumps(odd["Vor-Name"], ensure_ascii=False).replace("\x7f", "\\u007F"),
        '"A b" = { value = "NEW", policy = "create_only" }',
    )
    found = fields_in_force(review)
    assert {name: found[name] for name in odd} == odd
    assert list(found) == ["id", "stream_id", "segment_id", *odd]
    table = review.syncd("map", "sheet", "--toml").out
    review.config.write_text('[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n' + table)
    assert review.syncd("map", "sheet", "--toml").out == table


def test_the_default_mapping_is_kept_added_to_and_taken_from(review: Review) -> None:
    head = '[connectors.sheet]\ntype = "csv"\npath = "leads.csv"\n'
    review.config.write_text(head)
    default = fields_in_force(review)
    assert default["bio"] == "{{ bio }}"
    table = '[connectors.sheet.fields]\nhandle = "@{{ handle }}"\nbio = ""\nMore = "{{ email }}"\n'
    review.config.write_text(head + "keep_default_fields = true\n" + table)
    changed = {name: text for name, text in default.items() if name != "bio"}
    assert fields_in_force(review) == changed | {"handle": "@{{ handle }}", "More": "{{ email }}"}
    review.config.write_text(head + table)
    assert list(fields_in_force(review)) == ["handle", "bio", "More"]


@pytest.mark.parametrize("option", [("--json",), ("--check",), ("--lead", "7")])
def test_the_table_is_of_no_lead_and_no_json(review: Review, option: tuple[str, ...]) -> None:
    assert review.syncd("map", "--toml", *option).code == 64
