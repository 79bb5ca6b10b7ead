"""`config`: the configuration in force, where each value comes from, and no secret in any of it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from syncd.settings.lines import lines_of
from tests.cli.conftest import KEY, Home, told
from tests.cli.plugin import Plugin, plugged


def explained(home: Home, key: str) -> dict[str, Any]:
    (it,) = told(home, "config", "explain", key)
    assert isinstance(it, dict)
    return it


def test_show_prints_all_that_holds_as_toml(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_LOG__LEVEL", "debug")
    home.source = 'poll = "5m"\n[sources.main.enrich]\nper_day = 3'
    home.configure()
    ran = home.syncd("config", "show")
    document = tomllib.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert document == told(home, "config", "show")
    assert list(document) == ["state", "sources", "connectors", "health", "alerts", "log"]
    source = document["sources"]["main"]
    assert (source["poll"], source["lookback"], source["enrich"]["per_day"]) == ("5m", "1h", 3)
    assert document["log"] == {"format": "auto", "level": "debug"}
    sheet = document["connectors"]["sheet"]
    assert (sheet["ack"], sheet["gate"], sheet["path"]) == ("required", 0, str(home.folder / "leads.csv"))
    assert sheet["fields"]["handle"] == "{{ handle }}", "the default mapping holds"


def test_what_is_shown_is_the_same_configuration_once_the_secrets_are_put_back(home: Home) -> None:
    home.source = '[sources.main.push]\npublic_url = "https://hooks.example.com/ctgo"'
    home.connectors["crm"] = (
        'type = "hubspot"\naccess_token = "pat-x"\nmax_age = "90m"\n[connectors.crm.fields]\n"a b" = { value = "x", policy = "create_only" }\n'
        '[connectors.crm.feedback]\nproperty = "hs_lead_status"\nbad = { NO = "bot" }'
    )
    home.configure()
    first = home.syncd("config", "show").out
    home.config.write_text(first.replace("…", KEY))
    assert home.syncd("config", "show").out == first


def test_no_secret_is_printed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_ALERTS__WEBHOOK_URL", "https://hooks.example.com/canary-1")
    home.connectors |= {
        "crm": 'type = "hubspot"\naccess_token = "canary-2"',
        "hook": 'type = "webhook"\nurl = "https://x.example.com/canary-3"\nheaders = { Authorization = "canary-4" }',
    }
    home.configure()
    for arguments in (
        ("show",),
        ("explain",),
        ("explain", "connectors.hook"),
        ("explain", "sources.main.api_key"),
    ):
        for more in ((), ("--json",)):
            out = home.syncd("config", *arguments, *more).out
            assert "canary" not in out
            assert "…" in out or "\\u2026" in out
    assert told(home, "config", "show")["connectors"]["hook"] == {
        "type": "webhook", "ack": "best_effort", "gate": 200, "where": "", "attempts": 8, "max_age": "7d",
        "keep_default_fields": False, "url": "…", "headers": {"Authorization": "…"}, "signing_secret": "",
        "allow_private": False, "fields": told(home, "config", "show")["connectors"]["hook"]["fields"],
    }  # fmt: skip


class Stranger(Plugin):
    """A plugin whose author forgot that some of its options are secrets."""

    class Options(BaseModel):
        model_config = ConfigDict(extra="allow")

        token: SecretStr
        password: str = ""
        header: dict[str, str] = {}
        kind: Literal["a", "b"] = "a"
        file: Path = Path("x")
        pages: int = 3
        zone: str = "UTC"

    defaults: ClassVar[Any] = {}


def test_of_a_strangers_options_only_what_cannot_be_a_secret_is_shown(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged(home, monkeypatch, Stranger)
    home.connectors["crm"] += (
        '\npassword = "canary"\nheader = { a = "canary" }\nkind = "b"\npages = 4\nundeclared = "canary"'
    )
    home.configure()
    crm = told(home, "config", "show")["connectors"]["crm"]
    assert {key: crm[key] for key in ("token", "password", "header", "undeclared")} == dict.fromkeys(
        ("token", "password", "header", "undeclared"), "…"
    )
    assert (crm["kind"], crm["pages"], crm["zone"]) == ("b", 4, "UTC")
    assert crm["file"] == str(home.folder / "x")
    assert "canary" not in home.syncd("config", "explain").out


def test_explain_says_where_each_value_comes_from(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    token = home.folder / "token"
    token.write_text("pat-x")
    monkeypatch.setenv("SYNCD_CONNECTORS__CRM__ACCESS_TOKEN_FILE", str(token))
    monkeypatch.setenv("SYNCD_STATE__RETENTION", "20d")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(home.folder / "creds"))
    (home.folder / "creds").mkdir()
    (home.folder / "creds" / "alerts.webhook_url").write_text("https://hooks.example.com/x")
    home.connectors["crm"] = 'type = "hubspot"\n[connectors.crm.fields]\nfirstname = "{{ first_name }}"'
    home.configure()
    origins = {
        "sources.main.api_key": f"{home.config}:2",
        "connectors.sheet.path": f"{home.config}:7",
        "connectors.crm.fields.firstname": f"{home.config}:11",
        "connectors.crm.access_token": f"SYNCD_CONNECTORS__CRM__ACCESS_TOKEN_FILE (the file {token})",
        "state.retention": "SYNCD_STATE__RETENTION",
        "alerts.webhook_url": str(home.folder / "creds" / "alerts.webhook_url"),
        "sources.main.poll": "default",
        "connectors.sheet.fields.handle": "default",
    }
    assert {key: explained(home, key)["from"] for key in origins} == origins


def test_explain_has_the_description_the_type_the_bounds_and_the_variable(home: Home) -> None:
    assert home.syncd("config", "explain", "sources.main.requests_per_minute").out.splitlines() == [
        "sources.main.requests_per_minute = 60",
        "CTGO's allowance for one key; lower it to leave some for other programs.",
        "from      default",
        "default   60",
        "type      number",
        "bounds    at least 1",
        "variable  SYNCD_SOURCES__MAIN__REQUESTS_PER_MINUTE",
    ]


def test_explain_knows_the_keys_of_a_table_that_is_not_there(home: Home) -> None:
    out = home.syncd("config", "explain", "sources.main.enrich.per_day").out
    assert out.startswith("sources.main.enrich.per_day is not set: its table is absent\n")
    assert explained(home, "sources.main.enrich.per_day")["value"] is None


def test_explain_without_a_key_lists_what_is_not_the_default(home: Home) -> None:
    home.source = 'poll = "60s"\nexport = false'
    home.configure()
    assert [(it["key"], it["value"]) for it in told(home, "config", "explain")] == [
        ("sources.main.api_key", "…"),
        ("sources.main.base_url", f"{home.sim.url}/api/v2"),
        ("sources.main.export", False),
        ("connectors.sheet.type", "csv"),
        ("connectors.sheet.path", str(home.folder / "leads.csv")),
    ]
    header, *lines = home.syncd("config", "explain").out.splitlines()
    assert (header.split(), len(lines)) == (["key", "value", "default", "from"], 5)


def test_explain_of_a_table_lists_its_keys(home: Home) -> None:
    assert [it["key"] for it in told(home, "config", "explain", "log")] == ["log.format", "log.level"]


def test_the_list_of_a_table_has_what_is_there_and_the_size_of_a_mapping(home: Home) -> None:
    out = home.syncd("config", "explain", "connectors.sheet").out
    assert re.search(r"^connectors.sheet.fields +15 entries +default$", out, re.MULTILINE)
    assert "feedback" not in out


def test_the_last_part_of_a_key_is_enough(home: Home) -> None:
    assert home.syncd("config", "explain", "poll").out.startswith('sources.main.poll = "60s"\n')
    assert [it["key"] for it in told(home, "config", "explain", "where")] == ["connectors.sheet.where"]


def test_an_unknown_key_is_answered_by_the_nearest(home: Home) -> None:
    ran = home.syncd("config", "explain", "sources.main.pol")
    assert ran.code == 64
    assert "The nearest are: sources.main.poll, " in ran.err


@pytest.mark.parametrize("verb", [("show",), ("explain",), ("explain", "log.level")])
def test_mistakes_are_printed_as_check_prints_them(home: Home, verb: tuple[str, ...]) -> None:
    home.source = 'pol = "5m"'
    home.configure()
    ran = home.syncd("config", *verb)
    assert ran.code == 78
    assert ran.out == home.syncd("check").out
    assert json.loads(home.syncd("config", *verb, "--json").out)["exit"] == 78


def test_config_alone_says_what_it_can_do(home: Home) -> None:
    ran = home.syncd("config")
    assert ran.code == 64
    assert "syncd config show" in ran.err


def test_a_line_is_found_in_any_toml() -> None:
    text = '\ufeff# a\u2028b\n[sources.main]\napi_key = "x"  # b\nstream_ids = [\n  1,\n]\n[connectors.crm]\nwhere = """\n[x]\n"""\nfields = { "a b" = "c" }\n'
    found = lines_of(text)
    assert found["sources", "main", "api_key"] == 3
    assert found["sources", "main", "stream_ids"] == 4
    assert found["connectors", "crm", "where"] == 8
    assert found["connectors", "crm", "fields", "a b"] == 11
    assert ("x",) not in found
