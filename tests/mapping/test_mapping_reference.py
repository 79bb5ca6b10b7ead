"""The tables that `syncd variables` and the documentation show are what the code reads."""

import copy
import json
import re
from typing import Any

import pytest

from syncd.cli.prepare.draft_mappings import ENRICHED, NAMES, sample
from syncd.connector import Field
from syncd.core.lead import parse_lead
from syncd.mapping import SPECS, VARIABLES, FieldMap, MappingError, variables
from syncd.mapping.expressions import _SANDBOX
from syncd.mapping.functions import FILTERS, METHODS, TESTS

TYPES = {"text": str, "number": int, "table": dict}
NUMBERS = {"stream_name": "streamId", "segment_name": "segmentId", "account_handle": "trackedXAccountId"}


def values(row: dict[str, Any], enrichment: dict[str, Any]) -> dict[str, object]:
    parsed = parse_lead("main", row)
    assert isinstance(parsed, tuple)
    return variables(parsed[0], NAMES, enrichment, now=0.0)


def full() -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(json.dumps(sample("main").raw)), copy.deepcopy(dict(ENRICHED))


def without(data: dict[str, Any], path: str) -> None:
    *tables, key = path.split(".")
    for table in tables:
        data = data[table]
    assert key in data
    data[key] = 7 if key == "id" else None


@pytest.mark.parametrize("name", [name for name in VARIABLES if name not in {"raw", "synced_at"}])
def test_a_variable_is_read_where_its_origin_says(name: str) -> None:
    row, enrichment = full()
    before = values(row, enrichment)
    place, _, path = SPECS[name].origin.partition(",")[0].partition(": ")
    if name in NUMBERS:
        assert place.startswith("CTGO's list of ")
        path = NUMBERS[name]
    without(enrichment if place == "enriching" else row, path)
    after = values(row, enrichment)
    assert after[name] != before[name]
    assert (after[name] is None) == SPECS[name].can_be_null


def test_a_value_is_of_its_type_or_null_where_it_can_be() -> None:
    whole = values(*full())
    assert {name: type(value) for name, value in whole.items()} == {
        name: TYPES[spec.type] for name, spec in SPECS.items()
    }
    bare = values({"id": 1, "profile": {}, "discoveredAt": None}, {})
    assert {name for name, value in bare.items() if value is None} == {
        name for name, spec in SPECS.items() if spec.can_be_null
    }


def test_the_tables_hold_what_the_sandbox_allows() -> None:
    assert (set(FILTERS), set(TESTS)) == (set(_SANDBOX.filters), set(_SANDBOX.tests))
    assert all(hasattr("", name) for name in METHODS)
    for table in (FILTERS, TESTS, METHODS):
        assert list(table) == sorted(table)


@pytest.mark.parametrize(
    ("name", "example", "use"),
    [(name, example, rf"\| {name}\b") for name, example in FILTERS.items()]
    + [(name, example, rf"is {re.escape(name)}\b|select\('{name}'") for name, example in TESTS.items()]
    + [(name, example, rf"\.{name}\(") for name, example in METHODS.items()],
)
def test_an_example_uses_its_function_and_gives_a_value(name: str, example: str, use: str) -> None:
    assert re.search(use, example)
    row, enrichment = full()
    field = FieldMap.compile("crm", {name: Field(value=f"{{{{ {example} }}}}")})
    assert name in field.evaluate(values(row, enrichment))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ company }}", "there is no variable company: `syncd variables` lists them"),
        ("{{ bio | zzz }}", "there is no filter zzz: `syncd variables --filters` lists them"),
        ("{{ bio is zzz }}", "there is no test zzz: `syncd variables --filters` lists them"),
        ("{{ bio.zzz() }}", "there is no method .zzz(): `syncd variables --filters` lists them"),
    ],
)
def test_a_name_that_is_near_no_other_says_where_the_names_are(text: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        FieldMap.compile("crm", {"f": Field(value=text)})
    assert said in str(caught.value)
