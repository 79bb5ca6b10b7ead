"""What a request brought: its body and its query, checked with what the document says of them."""

import json
from collections.abc import Mapping
from typing import Any

from flask import request

from syncd.simulator.api.leads_query import flag, whole
from syncd.simulator.api.operations import OPERATIONS
from syncd.simulator.api.responses import BAD_BODY, BAD_PARAMETER, RefusedError
from syncd.simulator.api.schemas import REQUESTS
from syncd.simulator.api.validation import complaint
from syncd.simulator.options import Options


def sent() -> Any:
    """The body as JSON; None if it is none."""
    return any_json() if request.is_json else None


def any_json() -> Any:
    """The body as JSON, whatever it calls itself; None if it is none."""
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError):  # no JSON, or an abyss of brackets
        return None


def body_of(schema: str, *, optional: bool = False) -> Any:
    """The body, which is as described.

    Args:
        schema: Name of the described body.
        optional: Whether none at all counts as an empty object.

    Raises:
        RefusedError: It is something else: 400, and which member of it.
    """
    if optional and not request.get_data():
        return {}
    value = sent()
    if value is None:
        raise RefusedError(BAD_BODY, "The body must be JSON, with that Content-Type.")
    wrong = complaint(value, REQUESTS[schema], REQUESTS)
    if wrong:
        raise RefusedError(BAD_BODY, wrong)
    return value


def query_of(operation: str, options: Options) -> Mapping[str, Any]:
    """The query parameters of an operation, with their defaults; unknown ones are ignored.

    Args:
        operation: Such as `GET /runs`.
        options: Decide whether a bad one is refused, or counts as not sent.

    Raises:
        RefusedError: One cannot be read: 400.
    """
    found: dict[str, Any] = {}
    for name, schema in (OPERATIONS[operation].query or {}).items():
        found[name] = schema.get("default")
        if name not in request.args:
            continue
        text = request.args[name]
        read = flag if schema["type"] == "boolean" else whole(schema.get("minimum"), schema.get("maximum"))
        try:
            found[name] = read(text)
        except ValueError:
            if options.bad_parameters == "refused":
                raise RefusedError(BAD_PARAMETER, f"Invalid value for {name}") from None
    return found
