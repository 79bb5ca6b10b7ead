"""JSON Schema checks by fastjsonschema, and the formats that the API's schemas use."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import fastjsonschema

from syncd.simulator.instants import parsed


class InvalidError(ValueError):
    """A value breaks its schema. The message names the field: `pairs[0].accountTier: must be one of …`."""


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


def _is_time_zone(text: str) -> bool:
    return not _time_zones() or text in _time_zones()


@cache
def _time_zones() -> frozenset[str]:
    """List this machine's time zones. The list is empty on a machine without the database."""
    return frozenset(available_timezones())


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": _is_instant,
    "uri": _is_web_address,
    "time-zone": _is_time_zone,
}
