"""The page about mappings: its table is the code's, and each recipe gives what the page says."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from syncd.cli.prepare.draft_mappings import ENRICHED, NAMES, sample
from syncd.connector import Field
from syncd.mapping import SPECS, FieldMap, Filter, variables
from syncd.registry import drafts
from syncd.settings import load

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()
LATE = {"raw", "synced_at"}
"""Variables without an example: one is long, the other is the time."""


def rows_under(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]


class Recipe(NamedTuple):
    """What a reader wants, the expression to write, and the made-up lead's value."""

    wanted: str
    field: Field
    result: object


def recipes() -> Iterator[Recipe]:
    """Yield each field of the recipes' TOML with the comment above it."""
    part = PAGE.partition("## Recipes\n")[2].partition("### Which leads\n")[0]
    for block in re.findall(r"^```toml\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
        written = tomllib.loads(block)["connectors"]["crm"]["fields"]
        shown = dict(re.findall(r"^# (.+)\n(\w+) = ", block, re.MULTILINE))
        assert sorted(shown.values()) == sorted(written), "each recipe needs its comment"
        for comment, name in shown.items():
            wanted, _, result = comment.partition(" → ")
            given = written[name]
            field = Field(value=given) if isinstance(given, str) else Field(**given)
            yield Recipe(wanted, field, json.loads(result))


def wheres() -> Iterator[tuple[str, str, bool]]:
    """Yield each `where` of the recipes: what is wanted, the expression, and the made-up lead's answer."""
    part = PAGE.partition("### Which leads\n")[2].partition("\n### ")[0]
    for wanted, result, text in re.findall(r"^# (.+) → (.+)\n\[.+\]\n(where = .+)$", part, re.MULTILINE):
        yield wanted, tomllib.loads(text)["where"], json.loads(result)


RECIPES = [pytest.param(it, id=it.wanted) for it in recipes()]
WHERES = [pytest.param(*it, id=it[0]) for it in wheres()]
VALUES = variables(sample("main"), NAMES, dict(ENRICHED), now=0.0)
BARE = variables(sample("main", bare=True), now=0.0)


def test_the_table_of_variables_is_the_codes() -> None:
    assert rows_under("Variables") == [
        [
            f"`{name}`",
            spec.type,
            "can be" if spec.can_be_null else "never",
            spec.origin,
            "" if name in LATE else f"`{VALUES[name]}`",
        ]
        for name, spec in SPECS.items()
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_gives_what_the_page_says(recipe: Recipe) -> None:
    found = FieldMap.compile("crm", {"f": recipe.field}).evaluate(VALUES)
    # As JSON, for true is 1 to Python
    assert json.dumps(found.get("f")) == json.dumps(recipe.result)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_rejects_no_lead_that_lacks_something(recipe: Recipe) -> None:
    found = FieldMap.compile("crm", {"f": recipe.field}).evaluate(BARE)
    assert "None" not in str(found.get("f", ""))


def test_a_domain_of_a_country_gives_the_country() -> None:
    [recipe] = (it for it in recipes() if it.wanted.startswith("a country"))
    found = FieldMap.compile("crm", {"f": recipe.field}).evaluate({**VALUES, "email_domain": "werkstatt.de"})
    assert found == {"f": "Germany"}


@pytest.mark.parametrize(("_", "text", "wanted"), WHERES)
def test_a_where_of_a_recipe_wants_the_leads_that_the_page_says(_: str, text: str, wanted: bool) -> None:  # noqa: FBT001 - a cell of the page
    condition = Filter.compile("crm", text)
    assert condition.accepts(VALUES) is wanted
    condition.accepts(BARE)  # it rejects no lead that lacks something


def test_each_source_of_the_recipe_has_its_own_value(tmp_path: Path) -> None:
    part = PAGE.partition("### A value for each source\n")[2]
    [block] = re.findall(r"^```toml\n(.*?)^```$", part.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    (tmp_path / "config.toml").write_text(block)
    keys = {f"SYNCD_SOURCES__{name}__API_KEY": f"ctgo_{name}" for name in ("EMEA", "APAC")}
    settings = load(tmp_path / "config.toml", keys, docker_secrets=tmp_path)
    fields = {name: draft.fields for name, draft in drafts(settings).items()}
    made = {
        source: {FieldMap.compile(name, fields[name]).evaluate(VALUES)["region"] for name in names}
        for source, names in settings.routes.items()
    }
    assert made == {"emea": {"EMEA"}, "apac": {"APAC"}}


def test_there_is_a_recipe_for_each_thing_that_people_do() -> None:
    assert len(RECIPES) + len(WHERES) >= 20
