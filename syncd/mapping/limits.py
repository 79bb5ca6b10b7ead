"""Limits of expressions: nulls that can never be printed, and filters whose results do not grow without bound."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, TemplateRuntimeError, UndefinedError

from syncd.mapping.variables import LONGEST

WIDEST = 4_096
"""Bits of a product or a power."""
LARGEST = 16 * LONGEST
"""Characters and parts of a list that a filter gives, and characters of JSON: `raw` may be as large as a lead."""
MOST_PLACES = 40


class NotAllowedError(TemplateRuntimeError):
    """An expression is refused something at run time. The message holds no values."""


NullUsed = UndefinedError
"""An expression used a null in a way that is not allowed."""


class Null(StrictUndefined):
    """Null inside an expression: see `expressions`. Any use but the ones here raises UndefinedError."""

    __slots__ = ()

    # The base class declares that these never return
    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return other is None or isinstance(other, Null)

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(None)


NULL = Null(name="null")


def oversized(operator: str, left: object, right: object) -> str:
    """Return the reason why `left operator right` is refused, or "". `9 ** 9 ** 9` has no end, for example."""
    if isinstance(left, int) and isinstance(right, int):
        bits = (
            left.bit_length() * max(right, 0) if operator == "**" else left.bit_length() + right.bit_length()
        )
        return f"{operator} would give a number of more than {WIDEST} bits" if bits > WIDEST else ""
    if isinstance(left, str) and operator == "%":
        return "% is for numbers: join texts with ~"
    for many, times in ((left, right), (right, left)):
        if isinstance(many, list | tuple):
            return f"{operator} is for numbers and texts"
        if isinstance(many, str) and isinstance(times, int) and len(many) * times > LONGEST:
            return f"{operator} would give a text of more than {LONGEST} characters"
    return ""


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter: an iterator becomes a list, and None becomes `NULL`, for `raw` may hold None."""

    @wraps(function)  # also copies Jinja2's marks on the filter's arguments
    def filtered(*args: Any, **kwargs: Any) -> Any:
        found = function(*(NULL if value is None else value for value in args), **kwargs)
        if isinstance(found, Iterator):
            found = _listed(found)
        return NULL if found is None else found

    return filtered


def _listed(values: Iterator[Any]) -> list[Any]:
    """List all values. Raises NotAllowedError if together they are larger than any lead."""
    found, size = [], 0
    for value in values:
        size += _size(value)
        if size > LARGEST:
            raise NotAllowedError(f"a filter would give more than {LARGEST} characters and parts")
        found.append(value)
    return found


def _size(value: object) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(_size(key) + _size(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return 1 + sum(map(_size, value))
    return len(value) if isinstance(value, str) else 1


def rounding(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Jinja2's `round`, with a bounded number of places: it computes a power of ten from them."""

    def rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
        if abs(precision) > MOST_PLACES:
            raise NotAllowedError(f"round is to {MOST_PLACES} places at most")
        return function(value, precision, method)

    return rounded


def replace(value: object, old: str, new: str, count: int = -1) -> str:
    """Jinja2's filter, bounded."""
    text = str(value)
    if len(text) + text.count(old) * len(new) > LONGEST:
        raise NotAllowedError(f"replace would give a text of more than {LONGEST} characters")
    return text.replace(old, new, count)


def join(value: Iterable[object], between: str = "") -> str:
    """Jinja2's filter, bounded."""
    parts = [str(NULL if part is None else part) for part in value]
    if sum(map(len, parts)) + len(parts) * len(between) > LONGEST:
        raise NotAllowedError(f"join would give a text of more than {LONGEST} characters")
    return between.join(parts)


def tojson(value: object) -> str:
    """JSON as it is, without Jinja2's escapes for web pages; bounded."""
    text = json.dumps(None if isinstance(value, Null) else value, ensure_ascii=False)
    if len(text) > LARGEST:
        raise NotAllowedError(f"tojson would give a text of more than {LARGEST} characters")
    return text
