"""Every configuration on a page loads, and every command on a page is one with options that it has."""

import base64
import tomllib
from pathlib import Path

import pytest

from syncd.mapping import FieldMap, Filter
from syncd.registry import configure
from syncd.settings import load
from syncd.settings.catalog import assignments
from tests.docs.examples import PAGES, blocks, calls, refusal, typed
from tests.docs.reference.connectors import built_in

LEFT_OUT = {
    "apollo": {"api_key": "key"},
    "attio": {"access_token": "token"},
    "csv": {"path": "leads.csv"},
    "hubspot": {"access_token": "pat-token"},
    "salesforce": {"domain": "acme.my", "client_id": "id", "client_secret": "secret"},
    "webhook": {"url": "https://hooks.example.com/a"},
}
"""Options that an example may leave to the environment."""

SIGNING = f"whsec_{base64.b64encode(bytes(32)).decode()}"

CONFIGURATIONS = [
    pytest.param(text, id=page.name)
    for page in PAGES
    for text in blocks(page, "toml")
    if "project" not in tomllib.loads(text)
]
CALLS = [
    pytest.param(call, id=f"{page.name}: {' '.join(call)}")
    for page in PAGES
    for call in sorted({tuple(call) for line in typed(page) for call in calls(line)})
]


def environment(text: str) -> dict[str, str]:
    """The variables for what a part of a configuration lacks to be a whole one."""
    given = tomllib.loads(text)
    kinds = {
        name.split(".")[1]: kind.strip('"') for (name, key), kind in assignments().items() if key == "type"
    }
    wanted: dict[str, dict[str, str]] = {}
    for name in given.get("sources", {"main": {}}):
        wanted[f"sources.{name}"] = {"api_key": f"ctgo_{name}"}
    for name, table in given.get("connectors", {}).items():
        kind = table.get("type") or kinds[name]
        wanted[f"connectors.{name}"] = {"type": kind, **LEFT_OUT[kind]}
    return {
        "SYNCD_" + "__".join([*place.split("."), key]).upper(): value
        for place, values in wanted.items()
        for key, value in values.items()
        if key not in given.get(place.split(".")[0], {}).get(place.split(".")[1], {})
    }


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_configuration_on_a_page_loads(text: str, tmp_path: Path) -> None:
    whole = text.replace("whsec_...", SIGNING).replace('..."', 'x"')  # syncd refuses values left as they are
    (tmp_path / "config.toml").write_text(whole)
    settings = load(tmp_path / "config.toml", environment(whole), docker_secrets=tmp_path)
    for name, ready in configure(settings).items():
        FieldMap.compile(name, ready.fields)
        Filter.compile(name, ready.settings.where)
    for name, source in settings.sources.items():
        if source.enrich:
            Filter.compile(name, source.enrich.where)


@pytest.mark.parametrize("call", CALLS)
def test_a_command_on_a_page_is_one(
    call: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    complaint = refusal(call)
    # A verb alone names the command, and says nothing of its arguments
    assert complaint == "" or (len(call) == 1 and complaint.startswith(("Missing argument", "Usage:")))


def test_a_connector_of_each_type_can_stand_in_an_example() -> None:
    assert set(LEFT_OUT) == set(built_in())


@pytest.mark.parametrize(
    "line", ["syncd stauts", "syncd pause crm --fro 2h", "syncd leads --limit many", "syncd pause --for 2h"]
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    """Negative control."""
    [call] = calls(line)
    assert refusal(call)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sudo -u syncd /opt/syncd/bin/syncd status --json | jq . > x", [["status", "--json"]]),
        ("docker compose exec syncd syncd leads --limit N", [["leads", "--limit", "3"]]),
        ("docker compose run --rm syncd --once", [["--once"]]),
        ("systemctl restart syncd", []),
        ("mkdir syncd && cd syncd; syncd check # all", [["check"]]),
    ],
)
def test_calls_are_found_in_a_line(line: str, found: list[list[str]]) -> None:
    assert list(calls(line)) == found
