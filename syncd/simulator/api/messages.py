"""The messages of a call: its body and its query, checked by their schemas, and its answer in JSON."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import fastjsonschema
from flask import Response, request

from syncd.simulator.api.endpoints import ENDPOINTS, Endpoint
from syncd.simulator.api.schemas import REQUESTS, Schema, ref
from syncd.simulator.instants import parsed
from syncd.simulator.leads.row import dumps
from syncd.simulator.options import Options
from syncd.simulator.refusals import BAD_BODY, BAD_PARAMETER, CREDITS_EXHAUSTED, Refusal, RefusedError, named

WHOLE = re.compile(r"-?[0-9]{1,18}")
FLAGS = {"true": True, "false": False}


class InvalidError(ValueError):
    """A value breaks its schema. The message names the field: `pairs[0].accountTier: must be one of …`."""


def reply(body: Any, status: int = 200) -> Response:
    """Build a JSON response from a value."""
    return json_text(dumps(body), status)


def json_text(text: str, status: int = 200) -> Response:
    """Build a JSON response from JSON text."""
    return Response(text, status, content_type="application/json; charset=utf-8")


def refuse(refusal: Refusal, options: Options, **members: Any) -> Response:
    """Build an error response. A code has a `message`; a sentence stands alone, as in the vendor's 401."""
    response = reply({**named(refusal, options), **members}, refusal.status)
    if refusal is CREDITS_EXHAUSTED and options.credits_retry_after:
        response.headers["Retry-After"] = str(options.credits_retry_after)
    return response


def json_body() -> Any:
    """Read the body as JSON, whatever its Content-Type; return None if it is not JSON."""
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        return None


def body() -> Any:
    """Return the body of this call. An empty body that is optional counts as an empty object.

    Raises:
        RefusedError: The body breaks its schema: 400, and the message names the field.
    """
    endpoint = _endpoint()
    if endpoint.optional and not request.get_data():
        return {}
    value = json_body() if request.is_json else None
    if value is None:
        raise RefusedError(BAD_BODY, "The body must be JSON, with that Content-Type.")
    try:
        _body_check(endpoint.body or "")(value)
    except InvalidError as error:
        raise RefusedError(BAD_BODY, str(error)) from None
    return value


def query(options: Options, ignored: Collection[str] = ()) -> dict[str, Any]:
    """Return the query parameters of this call, with their defaults. Unknown parameters are ignored.

    Args:
        options: Refuse a bad parameter, or else clamp a number and ignore any other.
        ignored: Parameters that keep their defaults.

    Raises:
        RefusedError: A parameter breaks its schema: 400.
    """
    endpoint = _endpoint()
    found: dict[str, Any] = {}
    for name, schema in (endpoint.query or {}).items():
        found[name] = schema.get("default")
        if name not in request.args or name in ignored:
            continue
        value = _typed(request.args[name], schema)
        try:
            _parameter_check(endpoint.name, name)(value)
            found[name] = value
        except InvalidError:
            if options.bad_parameters == "refused":
                raise RefusedError(BAD_PARAMETER, f"Invalid value for {name}") from None
            if isinstance(value, int):
                found[name] = max(schema.get("minimum", value), min(value, schema.get("maximum", value)))
    return found


def validator(schema: Mapping[str, Any]) -> Callable[[Any], None]:
    """Compile a schema to a function that raises `InvalidError`.

    Compiling takes milliseconds, so a caller keeps the function.
    """
    check = fastjsonschema.compile(dict(schema), formats=FORMATS, use_default=False)

    def validate(value: Any) -> None:
        try:
            check(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise InvalidError(_sentence(error)) from None

    return validate


def _endpoint() -> Endpoint:
    return ENDPOINTS[request.endpoint or ""]


def _typed(text: str, schema: Schema) -> Any:
    """Convert a parameter to the type of its schema; a text that cannot be converted stays a text."""
    if schema["type"] == "boolean":
        return FLAGS.get(text, text)
    return int(text) if schema["type"] == "integer" and WHOLE.fullmatch(text) else text


@cache
def _body_check(schema: str) -> Callable[[Any], None]:
    return validator({**ref(schema), "components": {"schemas": REQUESTS}})


@cache
def _parameter_check(endpoint: str, name: str) -> Callable[[Any], None]:
    return validator((ENDPOINTS[endpoint].query or {})[name])


def _sentence(error: fastjsonschema.JsonSchemaValueException) -> str:
    """Write the library's message with our names: the root is `body`, and a description explains `anyOf`."""
    name = error.name or ""
    reason = error.message.removeprefix(name).strip()
    if error.rule == "anyOf":
        reason = error.definition.get("description", reason)
    return f"{name.removeprefix('data').removeprefix('.') or 'body'}: {reason}"


def _is_instant(text: str) -> bool:
    try:
        parsed(text)
    except ValueError:
        return False
    return True


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


@cache
def _time_zones() -> frozenset[str]:
    """List this machine's time zones. The list is empty on a machine without the database."""
    return frozenset(available_timezones())


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": _is_instant,
    "uri": _is_web_address,
    "time-zone": lambda text: not _time_zones() or text in _time_zones(),
}
