"""The example configuration loads, whole and as it stands, and names every setting there is."""

import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from syncd.connector import Field
from syncd.registry import configure, known_types
from syncd.settings import Settings, SettingsError, load

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
EXAMPLES = {"access_token", "domain", "client_id", "client_secret", "api_key", "path", "url", "headers"}
"""Options that the example fills in, for they have no default."""


def without_hashes() -> str:
    """The example with its settings no longer commented out, and its gaps filled: `#key` is a setting, `# text` is prose."""
    return re.sub(r"^#(?! |$)", "", EXAMPLE.read_text(), flags=re.MULTILINE).replace('..."', 'x"')


@pytest.fixture
def whole(tmp_path: Path) -> Settings:
    (tmp_path / "config.toml").write_text(without_hashes())
    return load(tmp_path / "config.toml", {}, docker_secrets=tmp_path)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for argument in get_args(annotation):
        yield from models(argument)


def settings_of(model: type[BaseModel]) -> list[tuple[str, str]]:
    return [
        (found.__name__, name) for found in models(model) for name in found.model_fields if found is not Field
    ]


def is_there(point: EntryPoint) -> bool:
    """The core's tests pass without the connectors."""
    try:
        return find_spec(point.module) is not None
    except ModuleNotFoundError:
        return False


def named(key: str) -> bool:
    text = EXAMPLE.read_text()
    return re.search(rf"^#?({key} = |\[{key}[].])", text, flags=re.MULTILINE) is not None


@pytest.mark.parametrize(("model", "key"), settings_of(Settings))
def test_every_setting_is_in_the_example(model: str, key: str) -> None:
    assert named(key) or (key, model) in {
        ("fields", "ConnectorSettings"),
        ("feedback", "ConnectorSettings"),
        ("enrich", "Source"),
        ("push", "Source"),
        ("proxy", "Console"),
    }


@pytest.mark.parametrize(
    "table",
    [
        "sources.main.enrich",
        "sources.main.push",
        "connectors.crm.fields",
        "connectors.crm.feedback",
        "console.proxy",
    ],
)
def test_the_tables_inside_tables_are_in_the_example(table: str) -> None:
    assert f"[{table}]" in without_hashes()


@pytest.mark.parametrize("type_", sorted(known_types()))
def test_every_option_of_an_installed_connector_is_in_the_example(type_: str) -> None:
    point = known_types()[type_]
    if not is_there(point):
        pytest.skip("its module is not there")
    assert [key for key in point.load().Options.model_fields if not named(key)] == []


def test_the_example_loads_with_a_key_as_it_stands(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(EXAMPLE, {}, docker_secrets=tmp_path)
    assert str(caught.value) == f"{EXAMPLE}: sources.main.api_key: that is the example: write your own"
    settings = load(EXAMPLE, {"SYNCD_SOURCES__MAIN__API_KEY": "ctgo_a"}, docker_secrets=tmp_path)
    settings.require_sources()
    assert (list(settings.sources), list(settings.connectors)) == (["main"], ["sheet"])


def test_what_it_says_of_defaults_is_so(tmp_path: Path) -> None:
    bare = '[sources.main]\napi_key = "ctgo_x"\n[sources.main.enrich]\n[sources.main.push]\n'
    bare += 'public_url = "https://hooks.example.com/ctgo"\n[console]\n[console.proxy]\nsecret = "x"\n'
    (tmp_path / "bare.toml").write_text(bare)
    plain = load(tmp_path / "bare.toml", {}, docker_secrets=tmp_path)
    (tmp_path / "whole.toml").write_text(without_hashes())
    said = load(tmp_path / "whole.toml", {}, docker_secrets=tmp_path)
    assert (plain.sources, plain.state, plain.health, plain.alerts, plain.console, plain.log) == (
        said.sources, said.state, said.health, said.alerts, said.console, said.log,
    )  # fmt: skip


def test_its_commented_settings_are_right_too(whole: Settings) -> None:
    crm = whole.connectors["crm"]
    assert (crm.ack, crm.gate, crm.attempts, crm.max_age) == ("required", 200, 8, 7 * 86400.0)
    assert crm.fields is not None
    assert crm.fields["hs_lead_status"].policy == "create_only"
    assert list(whole.connectors) == ["sheet", "crm", "org", "outreach", "relations", "automation"]


def test_every_installed_plugin_takes_what_the_example_gives_it(whole: Settings) -> None:
    known = known_types()
    ours = {name: one for name, one in whole.connectors.items() if one.type in known}
    if not all(is_there(known[one.type]) for one in ours.values()):
        pytest.skip("a connector's module is not there")
    try:
        ready = configure(whole.model_copy(update={"connectors": ours}))
    except SettingsError as error:
        pytest.fail(str(error))
    assert list(ready) == list(ours)


@pytest.mark.parametrize("name", ["sheet", "crm", "org", "outreach", "relations", "automation"])
def test_what_it_says_of_a_connectors_defaults_is_so(whole: Settings, name: str) -> None:
    chosen = whole.connectors[name]
    point = known_types()[chosen.type]
    if not is_there(point):
        pytest.skip("its module is not there")
    defaults = {
        key: field for key, field in point.load().Options.model_fields.items() if key in chosen.options
    }
    said = {key: chosen.options[key] for key in defaults if key not in EXAMPLES}
    assert said == {key: plain(defaults[key].get_default(call_default_factory=True)) for key in said}


def plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def test_every_active_line_is_explained() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if re.match(r"#?[a-z_]+ = ", line)]
    silent = [line.split(" = ")[0].lstrip("#") for line in lines if " # " not in line]
    assert set(silent) <= {"base_url", "type", "firstname", "ctgo_x_url"}
