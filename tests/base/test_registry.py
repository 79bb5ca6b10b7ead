"""Entry points become configured connectors, and a plugin's faults become sentences that name it."""

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator
from pydantic import Field as Option

from syncd.clock import SystemClock
from syncd.connector import Connector, Delivered, Delivery, Field, Outcome
from syncd.core.failure import CODES
from syncd.registry import GROUP, Draft, codes, configure, drafts, known_types
from syncd.settings import Settings, SettingsError, load

CANARY = "pat-canary-5f1d"


class SheetOptions(BaseModel):
    path: Path = Path("leads.csv")
    archive: Path | None = None
    columns: list[str] = Option(["id"], min_length=1)


class Sheet(Connector):
    """A connector of leads."""

    Options: ClassVar[type[BaseModel]] = SheetOptions
    codes: ClassVar[Mapping[str, str]] = {"sheet_full": "Buy paper.", "key_refused": "Not mine to say."}
    defaults: ClassVar[Mapping[str, str | Field]] = {
        "id": "{{ id }}",
        "bio": Field(value="{{ bio }}", policy="if_empty"),
    }

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return [Delivered() for _ in batch]


class CrmOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    access_token: SecretStr
    api_url: str = "https://crm.example"
    labels: list[str] = []
    private_key: SecretStr | None = None
    certificate_file: str = ""

    @field_validator("access_token")
    @classmethod
    def _shape(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("pat-"):
            raise ValueError(f"{value.get_secret_value()} does not begin with pat-")
        return value


class Crm(Sheet):
    """A connector of people."""

    Options = CrmOptions
    codes: ClassVar[Mapping[str, str]] = {"crm_angry": "Be nice."}
    objects = "people"


class Half(Connector):
    """No connector: it sends nothing."""

    Options = CrmOptions


class Stranger:
    """A class of something else."""


class Quiet:
    """A logger that says nothing."""

    def debug(self, event: str, **ids: object) -> None: ...
    def info(self, event: str, **ids: object) -> None: ...
    def warning(self, event: str, **ids: object) -> None: ...


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "syncd.connectors")


TYPES = known_types(
    [
        point("sheet", f"{__name__}:Sheet"),
        point("crm", f"{__name__}:Crm"),
        point("half", f"{__name__}:Half"),
        point("stranger", f"{__name__}:Stranger"),
        point("gone", "no_such_module_here:Thing"),
        point("sheet", "someone.elses:Sheet"),
    ]
)


def settings(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    (folder / "config.toml").write_text(text)
    return load(folder / "config.toml", environ or {}, docker_secrets=folder / "secrets")


def mistakes(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        configure(settings(folder, text, environ), types=TYPES)
    assert CANARY not in str(caught.value)
    return [mistake.replace(f"{folder}/", "") for mistake in caught.value.mistakes]


def test_the_installed_types_are_known_without_importing_any() -> None:
    assert all(found.group == GROUP for found in known_types().values())
    assert sorted(TYPES) == ["crm", "gone", "half", "sheet", "stranger"]
    assert TYPES["sheet"].value == f"{__name__}:Sheet"


def test_a_configured_connector_has_its_options_fields_and_terms(tmp_path: Path) -> None:
    text = (
        f'[connectors.a]\ntype = "crm"\nack = "best_effort"\naccess_token = "{CANARY}"\nlabels = ["x"]\n'
        '[connectors.a.fields]\nname = "{{ handle }}"\nkind = {value = "x", policy = "create_only"}\n'
        '[connectors.b]\ntype = "sheet"'
    )
    ready = configure(settings(tmp_path, text), types=TYPES)
    a, b = ready["a"], ready["b"]
    assert isinstance(a.options, CrmOptions)
    assert (a.name, a.type, a.cls.__name__, a.required) == ("a", "crm", "Crm", False)
    assert a.options.labels == ["x"]
    assert a.fields == {"name": Field(value="{{ handle }}"), "kind": Field(value="x", policy="create_only")}
    assert (a.secrets, b.secrets) == ({CANARY}, set())
    assert b.required
    assert b.fields == {"id": Field(value="{{ id }}"), "bio": Field(value="{{ bio }}", policy="if_empty")}
    assert CANARY not in repr(a)


def test_an_empty_table_of_fields_is_not_the_default_mapping(tmp_path: Path) -> None:
    text = '[connectors.b]\ntype = "sheet"\n[connectors.b.fields]'
    assert configure(settings(tmp_path, text), types=TYPES)["b"].fields == {}


def test_only_connectors_of_people_have_a_gate_of_their_own_accord(tmp_path: Path) -> None:
    text = (
        f'[connectors.a]\ntype = "crm"\naccess_token = "{CANARY}"\n'
        f'[connectors.b]\ntype = "crm"\naccess_token = "{CANARY}"\ngate = 0\n'
        '[connectors.c]\ntype = "sheet"\n[connectors.d]\ntype = "sheet"\ngate = 7'
    )
    ready = configure(settings(tmp_path, text), types=TYPES)
    assert [ready[name].gate for name in "abcd"] == [200, None, None, 7]


class Hook(Sheet):
    """A connector with habits of its own."""

    ack = "best_effort"
    gate = 50


class Boaster(Sheet):
    """A connector that claims what there is not."""

    ack = "always"  # type: ignore[assignment]


def _here(cls: type) -> EntryPoint:
    return EntryPoint(cls.__name__.lower(), f"{__name__}:{cls.__name__}", GROUP)


def test_a_class_may_say_what_holds_when_the_configuration_says_nothing(tmp_path: Path) -> None:
    text = (
        '[connectors.a]\ntype = "hook"\n[connectors.b]\ntype = "hook"\nack = "required"\ngate = 7\n'
        '[connectors.c]\ntype = "hook"\ngate = 0'
    )
    ready = configure(settings(tmp_path, text), types={"hook": _here(Hook)})
    assert [(each.required, each.gate) for each in ready.values()] == [(False, 50), (True, 7), (False, None)]


def test_an_ack_that_there_is_not_makes_no_connector(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no connector: its `ack` must be"):
        configure(settings(tmp_path, '[connectors.a]\ntype = "boaster"'), types={"boaster": _here(Boaster)})


def test_opening_hands_over_options_and_context(tmp_path: Path) -> None:
    configured = configure(settings(tmp_path, '[connectors.b]\ntype = "sheet"'), types=TYPES)["b"]
    clock, log = SystemClock(), Quiet()
    opened = configured.open(clock, log)
    assert isinstance(opened, Sheet)
    assert isinstance(opened, Connector)
    assert opened.options is configured.options
    assert opened.context.name == "b"
    assert opened.context.clock is clock
    assert opened.context.log is log
    assert opened.context.fields == configured.fields


def test_relative_paths_among_the_options_are_beside_the_configuration(tmp_path: Path) -> None:
    text = (
        '[connectors.a]\ntype = "sheet"\narchive = "old"\n[connectors.b]\ntype = "sheet"\npath = "/x/y.csv"'
    )
    ready = configure(settings(tmp_path, text), types=TYPES)
    a, b = ready["a"].options, ready["b"].options
    assert isinstance(a, SheetOptions)
    assert isinstance(b, SheetOptions)
    assert (a.path, a.archive) == (tmp_path / "leads.csv", tmp_path / "old")
    assert (b.path, b.archive) == (Path("/x/y.csv"), None)


def test_secrets_of_a_connector_come_from_files_and_variables_too(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "connectors.a.access_token").write_text(f"{CANARY}\n")
    (tmp_path / "key.pem").write_text("BEGIN\nEND\n")
    environ = {
        "SYNCD_CONNECTORS__A__PRIVATE_KEY_FILE": str(tmp_path / "key.pem"),
        "SYNCD_CONNECTORS__A__LABELS": '["x", "y"]',
    }
    options = configure(settings(tmp_path, '[connectors.a]\ntype = "crm"', environ), types=TYPES)["a"].options
    assert isinstance(options, CrmOptions)
    assert options.private_key is not None
    assert options.private_key.get_secret_value() == "BEGIN\nEND"
    assert options.access_token.get_secret_value() == CANARY
    assert options.labels == ["x", "y"]


def test_an_option_whose_own_name_ends_in_file_keeps_its_value(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("content")
    environ = {
        "SYNCD_CONNECTORS__A__CERTIFICATE_FILE": str(tmp_path / "cert.pem"),
        "SYNCD_CONNECTORS__A__ACCESS_TOKEN": CANARY,
    }
    options = configure(settings(tmp_path, '[connectors.a]\ntype = "crm"', environ), types=TYPES)["a"].options
    assert isinstance(options, CrmOptions)
    assert options.certificate_file == str(tmp_path / "cert.pem")


CRM = f'[connectors.a]\ntype = "crm"\naccess_token = "{CANARY}"\n'
SENTENCES = [
    ('[connectors.a]\ntype = "shet"',
     "connectors.a.type: there is no connector type 'shet'; did you mean sheet? The installed types are: crm, gone, half, sheet, stranger"),
    ('[connectors.a]\ntype = "zzz"',
     "connectors.a.type: there is no connector type 'zzz'; installed types are: crm, gone, half, sheet, stranger"),
    ('[connectors.a]\ntype = "gone"',
     "connectors.a.type: the connector type gone (no_such_module_here:Thing) cannot be loaded: ModuleNotFoundError: No module named 'no_such_module_here'"),
    ('[connectors.a]\ntype = "half"',
     f"connectors.a.type: the connector type half ({__name__}:Half) is no connector: it has no deliver"),
    ('[connectors.a]\ntype = "stranger"',
     f"connectors.a.type: the connector type stranger ({__name__}:Stranger) is no connector: it is no subclass of syncd.connector.Connector"),
    # A model that ignores unknown keys, and one that forbids them
    ('[connectors.a]\ntype = "sheet"\npth = "x"', "connectors.a.pth: unknown key, did you mean path?"),
    (CRM + 'lables = ["x"]', "connectors.a.lables: unknown key, did you mean labels?"),
    (CRM + "gat = 3", "connectors.a.gat: unknown key, did you mean gate?"),
    (CRM + "labels = 3", 'connectors.a.labels: must be a list, as in ["a", "b"]'),
    ('[connectors.a]\ntype = "crm"',
     "connectors.a.access_token: is missing; it may be set as SYNCD_CONNECTORS__A__ACCESS_TOKEN too"),
    (f'[connectors.a]\ntype = "crm"\naccess_token = "x{CANARY}"',
     "connectors.a.access_token: [redacted] does not begin with pat-"),
    (CRM + 'api_url = "http://crm.example"',
     "connectors.a.api_url: must begin with https:// (plain http is for this machine's own addresses only)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), SENTENCES)
def test_a_mistake_is_one_sentence_in_the_style_of_the_settings(
    tmp_path: Path, text: str, sentence: str
) -> None:
    assert mistakes(tmp_path, text) == [f"config.toml: {sentence}"]


def test_a_mistake_that_the_environment_made_names_the_variable(tmp_path: Path) -> None:
    environ = {"SYNCD_CONNECTORS__A__LABLES": '["x"]'}
    assert mistakes(tmp_path, CRM, environ) == [
        "SYNCD_CONNECTORS__A__LABLES: connectors.a.lables: unknown key, did you mean labels?"
    ]


def test_the_mistakes_of_all_connectors_are_told_at_once(tmp_path: Path) -> None:
    text = '[connectors.a]\ntype = "sheet"\nx = 1\ncolumns = []\n[connectors.b]\ntype = "zzz"'
    assert [mistake.split(": ")[1] for mistake in mistakes(tmp_path, text)] == [
        "connectors.a.x",
        "connectors.a.columns",
        "connectors.b.type",
    ]


def test_plain_http_stays_allowed_on_this_machine(tmp_path: Path) -> None:
    options = configure(settings(tmp_path, CRM + 'api_url = "http://127.0.0.1:9/"'), types=TYPES)["a"].options
    assert isinstance(options, CrmOptions)
    assert options.api_url == "http://127.0.0.1:9/"


def test_the_mapping_is_known_without_credentials(tmp_path: Path) -> None:
    found = drafts(settings(tmp_path, '[connectors.a]\ntype = "crm"\nfields.x = "{{ id }}"'), types=TYPES)
    assert found["a"] == Draft(
        "a",
        "crm",
        {"x": Field(value="{{ id }}")},
        where="",
        also_where="",
        by_default=False,
        cls=found["a"].cls,
    )


def test_a_plugins_codes_are_added_and_the_cores_win() -> None:
    merged = codes(["sheet", "crm"], types=TYPES)
    assert (merged["sheet_full"], merged["crm_angry"]) == ("Buy paper.", "Be nice.")
    assert merged["key_refused"] == CODES["key_refused"]
    assert "crm_angry" not in codes(["sheet"], types=TYPES)


def test_a_broken_plugin_hides_no_codes_unless_it_was_asked_for() -> None:
    assert codes(types=TYPES)["sheet_full"] == "Buy paper."
    with pytest.raises(SettingsError, match="gone"):
        codes(["gone"], types=TYPES)
