"""The body and the query of a request, checked by the schemas that the OpenAPI document publishes."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from flask import request

from syncd.simulator.api.operations import OPERATIONS
from syncd.simulator.api.schemas import REQUESTS, Schema, ref
from syncd.simulator.api.validation import InvalidError, validator
from syncd.simulator.options import Options
from syncd.simulator.refusals import BAD_BODY, BAD_PARAMETER, RefusedError

WHOLE = re.compile(r"-?[0-9]{1,18}")
FLAGS = {"true": True, "false": False}


def json_body() -> Any:
    """Read the body as JSON, whatever its Content-Type; return None if it is not JSON."""
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        return None


def body_of(schema: str, *, optional: bool = False) -> Any:
    """Return the body if it matches a schema.

    Args:
        schema: Name of the schema in `REQUESTS`.
        optional: Accept an empty body as an empty object.

    Raises:
        RefusedError: The body breaks the schema: 400, and the message names the field.
    """
    if optional and not request.get_data():
        return {}
    value = json_body() if request.is_json else None
    if value is None:
        raise RefusedError(BAD_BODY, "The body must be JSON, with that Content-Type.")
    try:
        _body_check(schema)(value)
    except InvalidError as error:
        raise RefusedError(BAD_BODY, str(error)) from None
    return value


def query_of(operation: str, options: Options, ignored: Collection[str] = ()) -> dict[str, Any]:
    """Return the query parameters of an operation, with their defaults. Unknown parameters are ignored.

    Args:
        operation: Such as `GET /runs`.
        options: Refuse a bad parameter, or else clamp a number and ignore any other.
        ignored: Parameters that keep their defaults.

    Raises:
        RefusedError: A parameter breaks its schema: 400.
    """
    found: dict[str, Any] = {}
    for name, schema in (OPERATIONS[operation].query or {}).items():
        found[name] = schema.get("default")
        if name not in request.args or name in ignored:
            continue
        value = _typed(request.args[name], schema)
        try:
            _parameter_check(operation, name)(value)
            found[name] = value
        except InvalidError:
            if options.bad_parameters == "refused":
                raise RefusedError(BAD_PARAMETER, f"Invalid value for {name}") from None
            if isinstance(value, int):
                found[name] = max(schema.get("minimum", value), min(value, schema.get("maximum", value)))
    return found


def _typed(text: str, schema: Schema) -> Any:
    """Convert a parameter to the type of its schema; a text that cannot be converted stays a text."""
    if schema["type"] == "boolean":
        return FLAGS.get(text, text)
    return int(text) if schema["type"] == "integer" and WHOLE.fullmatch(text) else text


@cache
def _body_check(schema: str) -> Callable[[Any], None]:
    return validator({**ref(schema), "components": {"schemas": REQUESTS}})


@cache
def _parameter_check(operation: str, name: str) -> Callable[[Any], None]:
    described: Mapping[str, Schema] = OPERATIONS[operation].query or {}
    return validator(described[name])
