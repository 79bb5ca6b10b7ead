"""The lists that give campaigns, segments and tracked accounts their names, read leniently: they decide nothing else.

Sources: the v2 pages of `GET /segments` and `GET /accounts`; that of `GET /streams` was never seen. A row without a usable
id is passed over, a name that is no text counts as none: here a row that is missed costs a name and not a lead.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from syncd.core.lead import LARGEST_ID
from syncd.ctgo.shapes import Unfit, clean_json

Named = Literal["stream", "segment", "account"]


class _List(NamedTuple):
    """`members`: where in an object the rows may be, all of them taken together."""

    path: str
    asked: str
    members: tuple[str, ...]
    ids: tuple[str, ...]
    names: tuple[str, ...]


LISTS: Mapping[Named, _List] = MappingProxyType(
    {
        "stream": _List("/streams", "for its campaigns", ("streams", "data"), ("id",), ("name",)),
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
    """Names by id, None for one that has none."""
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
