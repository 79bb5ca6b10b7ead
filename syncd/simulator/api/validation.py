"""Whether a value is what a schema describes: the part of JSON Schema that `schemas` uses, and no more."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def complaint(value: Any, schema: Schema, components: Mapping[str, Schema], where: str = "") -> str | None:
    """The first thing that is wrong with a value, such as `pairs[0].accountTier: not one of …`; None if nothing is."""
    return next(_complaints(value, schema, components, where), None)


def _complaints(value: Any, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _complaints(value, components[schema["$ref"].rpartition("/")[2]], components, where)
        return
    at = where or "body"
    types = schema.get("type", ())
    types = (types,) if isinstance(types, str) else types
    if types and not any(IS[name](value) for name in types):
        yield f"{at}: not {' or '.join(types)}"
        return
    yield from _of_anything(value, schema, components, where)
    if isinstance(value, str):
        yield from _of_text(value, schema, at)
    elif isinstance(value, int | float):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{at}: too small or too large"
    elif isinstance(value, list):
        yield from _of_array(value, schema, components, at)
    elif isinstance(value, dict):
        yield from _of_object(value, schema, components, where)


def _of_anything(value: Any, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    at = where or "body"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: not one of {', '.join(str(one) for one in schema['enum'])}"
    for part in schema.get("allOf", ()):
        yield from _complaints(value, part, components, where)
    choices = [complaint(value, part, components, where) for part in schema.get("anyOf", ())]
    if choices and None not in choices:
        yield choices[0] or at


def _of_text(value: str, schema: Schema, at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: too short or too long"
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        yield f"{at}: not of the form {schema['pattern']}"


def _of_array(value: list[Any], schema: Schema, components: Mapping[str, Schema], at: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: too few or too many"
    for index, item in enumerate(value):
        yield from _complaints(item, schema.get("items", {}), components, f"{at}[{index}]")


def _of_object(
    value: dict[str, Any], schema: Schema, components: Mapping[str, Schema], where: str
) -> Iterator[str]:
    inside = f"{where}." if where else ""
    yield from (f"{inside}{name}: missing" for name in schema.get("required", ()) if name not in value)
    described = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name, member in value.items():
        if name in described:
            yield from _complaints(member, described[name], components, inside + name)
        elif isinstance(others, Mapping):
            yield from _complaints(member, others, components, inside + name)


def _is_whole(value: Any) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


# A number without a fraction is an integer, however it is written.
IS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
