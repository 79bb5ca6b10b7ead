"""The common shapes of the wider API's answers: an object, perhaps within another, or a list of objects.

Several of the vendor's pages were never seen, so an envelope may be there or not: `{"run": {...}}` or `{...}`,
`{"runs": [...]}`, `{"data": [...]}` or `[...]`. Pure, and strict about one thing: what is no such answer is `Unfit`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, ValidationError

from syncd.ctgo.exchange import Call, Reader
from syncd.ctgo.models import Answer, Maybe
from syncd.ctgo.shapes import Unfit, is_sound, json_of, nothing_of

T = TypeVar("T")
A = TypeVar("A", bound=Answer)


class Ask(Protocol):
    """Sends one request and returns what `read` made of the answer, or raises one of the four failures.

    `Upstream.ask` is one; a caller that paces its requests puts another around it, which waits for a slot first.
    """

    def __call__(self, call: Call, read: Reader[T], /) -> T:
        """See the class."""
        ...


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Moment = Maybe[Annotated[datetime, AfterValidator(_in_utc)]]
"""A time; one without a zone is UTC."""


def value_of(body: bytes) -> Any:
    """The JSON value of a body, None for an empty one; `Unfit` for anything else."""
    if not body.strip():
        return None
    value = json_of(body)
    if isinstance(value, Unfit) or is_sound(value):
        return value
    return Unfit("holds text or numbers that are not valid JSON")


def one(model: type[A], *members: str, open_shape: bool = False, or_nothing: bool = False) -> Reader[A]:
    """Reads an object, or the object in the first of these members.

    Args:
        model: what it is.
        members: names of envelopes.
        open_shape: whether any object will do; otherwise it must have a field that is known.
        or_nothing: whether an empty answer will do, as that of an act that was not seen documented.
    """

    def read(value: Any) -> A | Unfit:
        if isinstance(value, Mapping):
            value = next((value[m] for m in members if isinstance(value.get(m), Mapping)), value)
        if value is None and or_nothing:
            return model.model_validate({})
        known = model.documented()
        if not isinstance(value, Mapping) or not (open_shape or any(name in value for name in known)):
            return Unfit("has none of the promised fields")
        try:
            return model.model_validate(value)
        except ValidationError:
            pass
        return Unfit("has no usable id")

    return _reader(read)


def many(model: type[A], *members: str) -> Reader[tuple[A, ...]]:
    """Reads a list of objects, bare or in the first of these members or `data`. What is no object is passed over."""

    def read(value: Any) -> tuple[A, ...] | Unfit:
        if isinstance(value, Mapping):
            value = next((value[m] for m in (*members, "data") if isinstance(value.get(m), list)), None)
        if not isinstance(value, list):
            return Unfit("has no list of what was asked for")
        try:
            return tuple(model.model_validate(row) for row in value if isinstance(row, Mapping))
        except ValidationError:
            pass
        return Unfit("has a row without a usable id")

    return _reader(read)


def anything(body: bytes, _: float | None) -> Any:
    """Reads any JSON value; None for an empty body."""
    return value_of(body)


def nothing(body: bytes, _: float | None) -> Unfit | None:
    """Reads no more than that it is no web page."""
    return nothing_of(body)


def _reader(read: Callable[[Any], T | Unfit]) -> Reader[T]:
    def whole(body: bytes, _: float | None) -> T | Unfit:
        value = value_of(body)
        return value if isinstance(value, Unfit) else read(value)

    return whole
