"""The pages of docs/reference are what the code makes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from syncd.cli.exits import Exit
from syncd.cli.main import VERBS
from syncd.cli.prepare.explain import every_code
from syncd.core.glossary import WORDS
from syncd.registry import known_types
from syncd.settings import load
from syncd.settings.catalog import TABLES
from tests.docs.reference import manual, options
from tests.docs.reference.__main__ import FOLDER
from tests.docs.reference.connectors import built_in
from tests.docs.reference.markdown import sentence
from tests.docs.reference.pages import pages

MADE = pages()
CORE = [
    option
    for name, model in TABLES.items()
    for option in options.options_of(name, model)
    if option.default.startswith("`") and option.key not in {"good", "bad", "notes"}
]


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_page_is_what_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text() == MADE[name], "python -m tests.docs.reference"


def test_no_page_is_left_over() -> None:
    assert {page.name for page in FOLDER.glob("*.md")} == set(MADE)


def test_the_manual_page_is_what_the_code_makes() -> None:
    assert manual.FILE.read_text() == manual.page(), "python -m tests.docs.reference"


def test_the_manual_page_names_every_verb_exit_code_and_signal() -> None:
    page = manual.page()
    assert [verb for verb in VERBS if f"\n.SS syncd {verb} [OPTIONS]" not in page] == []
    status, _, signals = page.partition("\n.SH EXIT STATUS\n")[2].partition("\n.SH SIGNALS\n")
    assert [int(code) for code in re.findall(r"^\.B (\d+)$", status, re.MULTILINE)] == list(Exit)
    assert "SIGTERM" in signals


@pytest.mark.parametrize("checker", [["groff", "-man", "-ww", "-z", "-T", "utf8"], ["mandoc", "-T", "lint"]])
def test_a_checker_of_manual_pages_finds_nothing(checker: list[str]) -> None:
    if not shutil.which(checker[0]):
        pytest.skip(f"needs {checker[0]}")
    found = subprocess.run([*checker, str(manual.FILE)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_what_roff_would_read_as_its_own_is_escaped() -> None:
    assert manual.prose(r"`--a` is 'b\c'. .TH is (see [d](e.md)).") == (
        "\\fB\\-\\-a\\fR is \\(aqb\\ec\\(aq.\n\\&.TH is (see d)."
    )


def test_every_verb_has_its_help() -> None:
    assert [verb for verb in VERBS if f"\n## syncd {verb}\n" not in MADE["commands.md"]] == []


def test_every_code_and_word_has_an_anchor() -> None:
    if set(known_types()) - set(built_in()):
        pytest.skip("a connector of a stranger is installed")
    headings = [line for line in MADE["codes.md"].splitlines() if line.startswith("### ")]
    assert {it.removeprefix("### ").strip("`") for it in headings} == {*every_code(), *WORDS}


def test_every_type_of_connector_has_its_options() -> None:
    assert [it for it in built_in() if f'type = "{it}"' not in MADE["options.md"]] == []


@pytest.mark.parametrize("option", CORE, ids=lambda it: it.variable)
def test_a_default_is_taken_from_the_variable(option: options.Option, tmp_path: Path) -> None:
    """The variable is read, and the default as the page writes it is accepted."""
    variable = option.variable.replace("SOURCES__NAME", "SOURCES__MAIN").replace(
        "CONNECTORS__NAME", "CONNECTORS__CRM"
    )
    value = json.loads(option.default.strip("`"))
    text = value if isinstance(value, str) else json.dumps(value)
    (tmp_path / "config.toml").write_text(
        '[sources.main]\napi_key = "ctgo_a"\n[sources.main.push]\npublic_url = "https://hooks.example.com/ctgo"\n'
        '[connectors.crm]\ntype = "hubspot"\n[connectors.crm.feedback]\nproperty = "hs_lead_status"\ngood = ["A"]\n'
        '[console.proxy]\nsecret = "x"\n'
    )  # fmt: skip
    settings = load(tmp_path / "config.toml", {variable: text}, docker_secrets=tmp_path)
    assert variable in settings.provenance.origins.values()


def test_commands_in_a_sentence_are_code() -> None:
    assert sentence("it waits, then: syncd rejected retry") == "It waits, then: `syncd rejected retry`."
    assert sentence("syncd keeps trying <so>.") == "syncd keeps trying &lt;so>."
    assert sentence("syncd setup NAME --apply makes it") == "`syncd setup NAME --apply` makes it."
