"""Queries in SOQL, and the one call that several of them share. Pure.

Imports the library for its quoting, so it is imported when a connector opens.
Source: Salesforce's REST guide, "Send multiple requests using Composite": the whole counts as one call.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from simple_salesforce.format import format_soql

from connectors.salesforce.match import Select, Where
from connectors.salesforce.options import API_VERSION

LONGEST_QUERY = 12_000
"""Characters of an encoded query: Salesforce takes 16,384 of address and headers together."""
QUERIES_AT_ONCE = 5
"""Of the 25 requests that may share a call, so many may be queries."""

_QUOTED = re.compile(rb"[^A-Za-z0-9_.-]")
"""Bytes that an address has as three characters, and as six if the query must have a backslash before them."""
_MARKS = {mark: quote(mark, safe="") for mark in "% ',@()="}
"""The percent sign first: it is in all the others."""


def queries_for(wanted: Select) -> list[str]:
    """SOQL; as few as can be, so that each fits into an address."""
    what, fields, where, _ = wanted
    head = f"SELECT {', '.join(fields)} FROM {what} WHERE "  # noqa: S608 - names of fields; values are quoted below
    return [
        head + " OR ".join(f"{name} IN {_listed(values)}" for name, values in part.items() if values)
        for part in _parts(where)
    ]


def _listed(values: Sequence[str]) -> str:
    """The values in brackets, quoted one by one if the library would do more to any than put it in quotes."""
    together = "".join(values)
    if format_soql("{}", together) == f"'{together}'":
        return "('" + "','".join(values) + "')"
    return format_soql("{}", values)


def composite(queries: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """The body of one call that asks them all, each with its resource. What one comes to is nothing to the others."""
    address = f"/services/data/v{API_VERSION}"
    return {
        "allOrNone": False,
        "compositeRequest": [
            {"method": "GET", "url": f"{address}/{resource}/?q={_encoded(soql)}", "referenceId": f"q{n}"}
            for n, (resource, soql) in enumerate(queries)
        ],
    }


def _encoded(soql: str) -> str:
    """As `quote` has it. What it does a character at a time is done beforehand for those that every query is full of."""
    for mark, encoded in _MARKS.items():
        soql = soql.replace(mark, encoded)
    return quote(soql, safe="%")


def answers_of(answer: object, count: int) -> list[tuple[int, Any]] | None:
    """Status and body for each query of a `composite`, in order; None: it is not what was promised."""
    listed = answer.get("compositeResponse") if isinstance(answer, Mapping) else None
    by_id: dict[str, tuple[int, Any]] = {}
    for each in listed if isinstance(listed, list) else ():
        status = each.get("httpStatusCode") if isinstance(each, Mapping) else None
        if isinstance(status, int):
            by_id[str(each.get("referenceId"))] = status, each.get("body")
    names = [f"q{n}" for n in range(count)]
    return [by_id[name] for name in names] if by_id.keys() >= set(names) else None


def _parts(where: Where) -> Sequence[Where]:
    """The same in parts that each fit into one query: nearly always it is one."""
    values = [value for listed in where.values() for value in listed]
    if not values:
        return []
    if _size("".join(values), len(values)) <= LONGEST_QUERY:
        return [where]
    parts: list[dict[str, list[str]]] = []
    room = 0
    for name, listed in where.items():
        for value in listed:
            size = _size(value)
            if not parts or size > room:
                parts.append({})
                room = LONGEST_QUERY
            parts[-1].setdefault(name, []).append(value)
            room -= size
    return parts


def _size(text: str, values: int = 1) -> int:
    """Characters that so many values of this text in all take in an address at the most, with quotes and commas."""
    raw = text.encode("utf-8", "replace")
    return len(raw) + 5 * len(_QUOTED.findall(raw)) + values * len("%27%27%2C")
