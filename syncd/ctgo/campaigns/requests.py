"""The requests of the wider API, the shapes of their answers, and acts that must not happen twice or without a yes.

Several of the vendor's pages were never seen, so an envelope may be there or not: `{"run": {...}}` or `{...}`,
`{"runs": [...]}`, `{"data": [...]}` or `[...]`. What is no such answer is `Unfit`.

A request whose answer is lost may have been carried out. So an act that cannot be repeated without harm is never sent
again here. Where the state shows the outcome, the state is read; where it does not, the failure is `outcome_unknown`.
What can be repeated fails as any request does.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import urlencode

from pydantic import AfterValidator, ValidationError

from syncd.core.failure import Failure, Halt, Reject
from syncd.core.lead import LARGEST_ID
from syncd.ctgo.campaigns.drafts import DraftError
from syncd.ctgo.errors import Scope
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
        """Send the request."""
        ...


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Moment = Maybe[Annotated[datetime, AfterValidator(_in_utc)]]
"""A time; one without a zone is UTC."""


class Resource:
    """One kind of thing at CTGO, over a function that sends requests."""

    def __init__(self, ask: Ask) -> None:
        """`ask`: sends a request."""
        self._ask = ask


def at(path: str, *ids: int) -> str:
    """A path with ids in its places. Raises DraftError for what is no id."""
    for number in ids:
        if type(number) is not int or not 1 <= number <= LARGEST_ID:
            raise DraftError("an id is a whole number from 1 up")
    return path.format(*ids)


def with_query(path: str, parameters: Mapping[str, str | int]) -> str:
    """A path with parameters, if there are any."""
    return f"{path}?{urlencode(parameters)}" if parameters else path


def within(name: str, number: int, least: int, most: int) -> int:
    """A number between two. Raises DraftError."""
    if not least <= number <= most:
        raise DraftError(f"{name} must be from {least} to {most}")
    return number


def listing(path: str, asked: str) -> Call:
    """A question for a list that is there for everybody: a 404 means that the address is wrong."""
    return Call("GET", path, Scope.COLLECTION, asked)


def question(path: str, asked: str) -> Call:
    """A question about something that may not be there."""
    return Call("GET", path, Scope.ACT, asked)


def act(method: str, path: str, asked: str, body: Any = None, *, bills: bool = False) -> Call:
    """An act; `body`: a JSON value, None for none; `bills`: whether it changes what CTGO bills."""
    content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    return Call(method, path, Scope.BILLING if bills else Scope.ACT, asked, content)


def _value_of(body: bytes) -> Any:
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
    return _value_of(body)


def nothing(body: bytes, _: float | None) -> Unfit | None:
    """Reads no more than that it is no web page."""
    return nothing_of(body)


def _reader(read: Callable[[Any], T | Unfit]) -> Reader[T]:
    def whole(body: bytes, _: float | None) -> T | Unfit:
        value = _value_of(body)
        return value if isinstance(value, Unfit) else read(value)

    return whole


class Billing(Enum):
    """Somebody's yes to another bill. What changes one takes no other value, and no default."""

    ACCEPTED = "accepted"


_LOST = frozenset({"unreachable", "upstream_unavailable", "unexpected_answer"})
_UNSURE = frozenset({"conflicting", "payment_failed", "handle_lookup_failed"})
"""Refusals with words, which may yet have come after a part of the work: one of several accounts, or another's same act."""

Seen: TypeAlias = T | Literal[False] | None
"""The result of an act, as the state shows it. False: it was not done; None: the state does not show it."""


def is_lost(failure: Failure) -> bool:
    """True if CTGO may have carried out a request that failed so."""
    return failure.code in _LOST and not failure.unsent


def is_unsure(failure: Failure) -> bool:
    """True if the state must be read before anybody repeats a billing act that failed so."""
    return is_lost(failure) or failure.code in _UNSURE


def once(ask: Ask, call: Call, read: Reader[T]) -> T:
    """An act that a repeat would do twice. Raises Halt `outcome_unknown` when its answer is lost."""
    try:
        return ask(call, read)
    except Failure as why:
        failure = _unknown(why) if is_lost(why) else why
    raise failure


def billed(ask: Ask, call: Call, read: Reader[T], look: Callable[[], Seen[T]]) -> T:
    """Send an act that changes a bill once. When its answer leaves doubt, `look` reads the state; it may send requests, and fail.

    Raises the act's own failure when the state shows that it was not done, and Halt `outcome_unknown` when the state does not
    show it, or cannot be read.
    """
    try:
        return ask(call, read)
    except Failure as why:
        failure = why
    if not is_unsure(failure):
        raise failure
    found = _seen(look)
    if found is None:
        raise _unknown(failure)
    if found is False:
        raise _undone(failure)
    return found


def refuse_unless_accepted(billing: Billing | None, what: str) -> None:
    """Raise Reject `billing_not_accepted` unless somebody accepted. `what` begins a sentence: "Waking an account"."""
    if billing is not Billing.ACCEPTED:
        raise Reject("billing_not_accepted", f"{what} changes what CTGO bills, and nobody accepted that.")


def _seen(look: Callable[[], Seen[T]]) -> Seen[T]:
    try:
        return look()
    except Failure:
        return None


def _unknown(why: Failure) -> Halt:
    return Halt("outcome_unknown", f"{why.detail} Whether it was done is not known.")


def _undone(why: Failure) -> Failure:
    why.detail = f"{why.detail} Looked at afterwards, it has not been done."
    why.args = (f"{why.code}: {why.detail}",)
    return why
