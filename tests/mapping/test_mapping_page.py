"""The page about mappings: its table is the code's, and each recipe gives what the page says."""

import re
from pathlib import Path

import pytest

from syncd.cli.prepare.draft_mappings import ENRICHED, NAMES, sample
from syncd.connector import Field
from syncd.mapping import SPECS, FieldMap, variables

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


RECIPES = rows_under("Recipes")
VALUES = variables(sample("main"), NAMES, dict(ENRICHED), now=0.0)


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


@pytest.mark.parametrize(("_", "text", "result"), RECIPES, ids=[row[0] for row in RECIPES])
def test_a_recipe_gives_what_the_page_says(_: str, text: str, result: str) -> None:
    field = FieldMap.compile("crm", {"f": Field(value=text.strip("`"))})
    assert str(field.evaluate(VALUES)["f"]) == result.strip("`")


@pytest.mark.parametrize("text", [row[1].strip("`") for row in RECIPES])
def test_a_recipe_rejects_no_lead_that_lacks_something(text: str) -> None:
    bare = variables(sample("main", bare=True), now=0.0)
    found = FieldMap.compile("crm", {"f": Field(value=text)}).evaluate(bare)
    assert "None" not in str(found.get("f", ""))


def test_there_is_a_recipe_for_each_thing_that_people_do() -> None:
    assert len(RECIPES) >= 10
