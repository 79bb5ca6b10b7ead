"""`syncd variables`: list what a mapping may name: its variables with their values, or its filters, tests and methods.

The variables of a lead are personal data; those of the made-up lead are not.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from syncd.app.privileges import settings_in_force
from syncd.cli.context import AsJson
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say, say_json, say_table
from syncd.cli.prepare.examples import Example, called, key_of, made_up_example, stored_examples
from syncd.clock import SystemClock
from syncd.connector import Field
from syncd.core.lead import LARGEST_ID
from syncd.mapping import SPECS, FieldMap, variables
from syncd.mapping.functions import FILTERS, METHODS, TESTS


def variables_(
    context: typer.Context,
    lead: Annotated[
        int | None,
        typer.Option("--lead", min=1, max=LARGEST_ID, metavar="ID", help="Show the values of this lead."),
    ] = None,
    filters: Annotated[
        bool, typer.Option("--filters", help="List filters, tests and methods instead.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """List the variables of a mapping: the type, the origin, a value, and if it can be null."""
    if filters and lead is not None:
        raise typer.BadParameter("lists no values of a lead: leave --lead out", param_hint="--filters")
    if filters:
        _show_functions(as_json=as_json)
        return Exit.DONE
    examples = [made_up_example("main")] if lead is None else _of_ledger(context, lead)
    found = [_document(example) for example in examples]
    if as_json:
        say_json(found)
    else:
        for one in found:
            _show(one)
    if lead is not None and not any(one["variables"] for one in found):
        complain(f"The ledger holds no data of a lead {lead}.")
        return Exit.REJECTED
    return Exit.DONE


def _of_ledger(context: typer.Context, lead: int) -> list[Example]:
    settings = settings_in_force(context.obj, keyless=True)
    return stored_examples(settings, list(settings.sources), lead) if settings.state.path.exists() else []


def _document(example: Example) -> dict[str, Any]:
    if example.lead is None:
        return {"lead": None, "made_up": False, "variables": []}
    values = variables(example.lead, example.labels, example.enrichment, now=SystemClock().now())
    rows = [
        {
            "name": name,
            "type": spec.type,
            "origin": spec.origin,
            "can_be_null": spec.can_be_null,
            "value": values[name],
        }
        for name, spec in SPECS.items()
    ]
    return {"lead": key_of(example.lead), "made_up": example.made_up, "variables": rows}


def _show(document: dict[str, Any]) -> None:
    say(f"{called(document)}:")
    rows = [
        (it["name"], it["type"], "yes" if it["can_be_null"] else "no", it["origin"], _text(it["value"]))
        for it in document["variables"]
    ]
    if rows:
        say_table(("variable", "type", "null", "origin", "value"), rows)
        say("`syncd variables --filters` lists filters and tests; --json also shows all of raw.")


def _text(value: object) -> str:
    """Write a value for people: of a table its keys, without what is inside."""
    if value is None:
        return "- null"
    if isinstance(value, dict):
        return f"a table of {', '.join(value)}"
    return value if isinstance(value, str) else json.dumps(value)


def _show_functions(*, as_json: bool) -> None:
    found = list(functions())
    if as_json:
        say_json(found)
        return
    rows = [
        (it["kind"], it["name"], it["example"], json.dumps(it["result"], ensure_ascii=False)) for it in found
    ]
    say_table(("kind", "name", "example", "result"), rows)


def functions() -> Iterator[dict[str, Any]]:
    """List the filters, tests and methods; the result of each example is that for the made-up lead."""
    made_up = made_up_example("main")
    assert made_up.lead is not None  # noqa: S101 - it is made up
    for kind, table in (("filter", FILTERS), ("test", TESTS), ("method", METHODS)):
        for name, example in table.items():
            one = FieldMap.compile(kind, {name: Field(value=f"{{{{ {example} }}}}")})
            result = one.of(made_up.lead, made_up.labels, made_up.enrichment, None)
            yield {"kind": kind, "name": name, "example": example, "result": result.get(name)}
