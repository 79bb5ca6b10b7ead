"""The required shape of an answer: bytes in, what was promised out, or `Unfit` with the reason.

Pure. Nothing here raises and no reason quotes the answer: it holds personal data, and an exception would carry
it along. An answer that is not what was promised is a failed call, never an empty one; but one bad row must not spoil
its page, so rows pass as they are, and numbers that Python will not hold become infinite. What else is read of an answer is
cleaned as `syncd.core.texts` says, for half an emoji in a name is no reason to do without the list.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from syncd.core.lead import LARGEST_ID
from syncd.core.texts import clean
from syncd.ctgo.models import Answer, Enrichment, Me, Page, Stream

MOST_PARTS = 200_000
"""Values in one answer. A page of 500 leads has under ten thousand; a million would parse to more than the daemon may have."""
MOST_ROWS = 500
"""Rows that a page is asked for."""
MOST_COUNTED = 1_000_000_000
"""The largest believable `total` of a listing."""

A = TypeVar("A", bound=Answer)
Named = Literal["stream", "segment", "account"]


class Unfit(NamedTuple):
    """The flaw of an answer; completes the sentence "The answer ..."."""

    reason: str


def json_of(body: bytes) -> Any:
    """The JSON value of a body, `Unfit` if it is none. Rows may hold NaN, infinities and lone surrogates.

    A byte that is not UTF-8 becomes U+FFFD: one in one person's text must not hold up everybody on the page.
    """
    if not body.strip():
        return Unfit("is empty")
    # A part takes a byte at least, so what is shorter need not be counted
    if len(body) > MOST_PARTS and sum(body.count(mark) for mark in (b",", b"[", b"{")) > MOST_PARTS:
        return Unfit("has far too many parts")
    try:
        return _parsed(body)
    except ValueError:
        return Unfit("is a page, not JSON" if is_markup(body) else "is not JSON, or only a part of it")
    except RecursionError:
        return Unfit("is nested without end")


def is_markup(body: bytes) -> bool:
    """True if a body is a web page, such as a login form or a proxy's notice."""
    return body.lstrip().startswith(b"<")


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body, cache_strings="keys")
    except ValueError:  # the standard library's parser takes more for JSON, and half as long again
        text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a number of more than 4300 digits; the hook is slow, so only now
        return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return math.inf


def is_sound(value: object) -> bool:
    """True if a parsed value is JSON that can be written again: no NaN, no infinity, no lone surrogate."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def page_of(body: bytes, server_date: float | None) -> Page | Unfit:
    """The page of a leads listing: `{"leads": [...], "total": n, "hasMore": b}`, the latter two optional.

    `leads` may be null where `hasMore` says that this is the end and `total` counts nothing: some servers print an empty
    list so.
    """
    value = json_of(body)
    if isinstance(value, Unfit):
        return value
    rows = value.get("leads", "") if isinstance(value, dict) else ""
    if rows is None and value.get("hasMore") is False and not value.get("total"):
        rows = []
    if not isinstance(rows, list):
        return Unfit("has no list of leads")
    total, more = value.get("total"), value.get("hasMore")
    if total is not None and (type(total) is not int or total < 0):
        return Unfit("has a total that is no number")
    if total is not None and total > MOST_COUNTED:
        total = None  # it counts nothing that there can be
    if more is not None and type(more) is not bool:
        return Unfit("has a hasMore that is neither true nor false")
    return Page(rows, total, more, server_date)


def asked_page_of(body: bytes, server_date: float | None) -> Page | Unfit:
    """As `page_of`, of a page that `MOST_ROWS` were asked for: of more, one is enough to know it, and none is read as a lead."""
    page = page_of(body, server_date)
    return page if isinstance(page, Unfit) else replace(page, rows=page.rows[: MOST_ROWS + 1])


def me_of(body: bytes) -> Me | Unfit:
    """The answer of `GET /me`: an object with at least one of the documented fields."""
    return _object(body, Me)


def enrichment_of(body: bytes, lead_id: int) -> Enrichment | Unfit:
    """The answer of `POST /leads/{id}/enrich`. One about another lead is refused: it is a stranger's address."""
    found = _object(body, Enrichment)
    if isinstance(found, Enrichment) and found.lead_id not in (None, lead_id):
        return Unfit("is about another lead")
    return found


def streams_of(body: bytes) -> tuple[Stream, ...] | Unfit:
    """The campaigns of `{"streams": [...]}`, `{"data": [...]}` or a bare list; the vendor's page was never seen.

    One that has no usable id refuses the list: its leads would be missed without a word.
    """
    value = clean_json(body)
    if isinstance(value, Unfit):
        return value
    if isinstance(value, dict):
        value = value.get("streams", value.get("data"))
    if not isinstance(value, list):
        return Unfit("has no list of campaigns")
    try:
        return tuple(Stream.model_validate(row) for row in value)
    except ValidationError:
        pass
    return Unfit("has a campaign without a usable id")


class _List(NamedTuple):
    """One list of names. `members`: where in an object the rows may be, all of them taken together."""

    path: str
    asked: str
    members: tuple[str, ...]
    ids: tuple[str, ...]
    names: tuple[str, ...]


LISTS: Mapping[Named, _List] = MappingProxyType(
    {
        "stream": _List("/streams", "for its campaigns", ("streams", "data"), ("id",), ("name",)),
        # Sources: the v2 pages of `GET /segments` and `GET /accounts`; that of `GET /streams` was never seen.
        # A segment without a name of its own is called by its description, as in the vendor's sample of a run
        "segment": _List(
            "/segments?excludeArchived=false", "for its segments", ("segments", "data"), ("id",), ("name", "description")
        ),
        "account": _List(
            "/accounts",
            "for its tracked accounts",
            ("active", "sleeping", "accounts", "data"),
            ("id", "accountId"),
            ("xHandle", "handle"),
        ),
    }
)  # fmt: skip


def names_of(body: bytes, kind: Named) -> Mapping[int, str | None] | Unfit:
    """Names by id, None for one that has none.

    The list is read leniently, for it decides nothing: here a row that is missed costs a name and not a lead.
    A row without a usable id is passed over, and a name that is no text counts as none.
    """
    value, shape = clean_json(body), LISTS[kind]
    if isinstance(value, Unfit):
        return value
    rows = value if isinstance(value, list) else _rows(value, shape.members)
    if rows is None:
        return Unfit("has no list of what was asked for")
    found: dict[int, str | None] = {}
    for row in rows:
        number = _first(row, shape.ids, int)
        if number is not None and 1 <= number <= LARGEST_ID:
            found[number] = _name(_first(row, shape.names, str))
    return found


def _rows(value: Any, members: tuple[str, ...]) -> list[Any] | None:
    lists = (
        [value[name] for name in members if isinstance(value.get(name), list)]
        if isinstance(value, dict)
        else []
    )
    return [row for rows in lists for row in rows] if lists else None


def _first(row: Any, names: tuple[str, ...], kind: type) -> Any:
    """The first of these members that is of the kind and not blank."""
    if not isinstance(row, dict):
        return None
    return next((row[n] for n in names if type(row.get(n)) is kind and str(row[n]).strip()), None)


def _name(text: str | None) -> str | None:
    return None if text is None else text.strip().removeprefix("@") or None


def feedback_of(body: bytes) -> Unfit | None:
    """None for a yes. `{"ok": true}` is documented; a 2xx without a word is as good, `{"ok": false}` is not."""
    value = json_of(body) if body.strip() else None
    if isinstance(value, dict) and value.get("ok", True) is not True:
        return Unfit("says that it was not taken")
    return nothing_of(body)


def subscription_of(body: bytes) -> int | Unfit:
    """The id in `{"id": 1}`."""
    value = json_of(body)
    if isinstance(value, Unfit):
        return value
    number = value.get("id") if isinstance(value, dict) else None
    if type(number) is not int or not 1 <= number <= LARGEST_ID:
        return Unfit("has no id of a subscription")
    return number


def nothing_of(body: bytes) -> Unfit | None:
    """Any answer will do, but a web page, which is not CTGO's, and one that says that it failed."""
    if is_markup(body):
        return Unfit("is a page, not CTGO's")
    value = json_of(body)
    failed = isinstance(value, dict) and (
        value.get("error") or False in (value.get("ok"), value.get("success"))
    )
    return Unfit("says that it failed") if failed else None


def clean_json(body: bytes) -> Any:
    """The JSON value of a body, cleaned; `Unfit` if it is none."""
    value = json_of(body)
    return value if isinstance(value, Unfit) else clean(value)


def _object(body: bytes, model: type[A]) -> A | Unfit:
    value = clean_json(body)
    if isinstance(value, Unfit):
        return value
    if not isinstance(value, Mapping) or not any(name in value for name in model.documented()):
        return Unfit("has none of the promised fields")
    return model.model_validate(value)
