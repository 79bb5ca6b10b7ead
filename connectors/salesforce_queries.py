"""What is asked of Salesforce's query resource, and how several queries share one call. Pure.

Imports the library for its quoting, so it is imported when a connector opens.
Source: Salesforce's REST guide, "Send multiple requests using Composite": the whole counts as one call.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from simple_salesforce.format import format_soql

from connectors.salesforce_options import API_VERSION

LONGEST_QUERY = 12_000
"""Characters of an encoded query: Salesforce takes 16,384 of address and headers together."""
QUERIES_AT_ONCE = 5
"""Of the 25 requests that may share a call, so many may be queries."""

_QUOTED = re.compile(rb"[^A-Za-z0-9_.-]")
"""Bytes that an address has as three characters, and as six if the query must have a backslash before them."""

Select = tuple[str, Sequence[str], Sequence[tuple[str, str]]]
"""An object, the fields to ask for, and (field, value) pairs of which a record must match one."""


def queries_for(wanted: Select) -> list[str]:
    """SOQL; as few as can be, so that each fits into an address."""
    what, fields, where = wanted
    head = f"SELECT {', '.join(fields)} FROM {what} WHERE "  # noqa: S608 - names of fields; values are quoted below
    queries = []
    for pairs in _chunks(where):
        by_field: dict[str, list[str]] = {}
        for name, value in pairs:
            by_field.setdefault(name, []).append(value)
        queries.append(
            head + " OR ".join(format_soql(name + " IN {}", values) for name, values in by_field.items())
        )
    return queries


def composite(queries: Sequence[str]) -> Mapping[str, Any]:
    """The body of one call that asks them all. They are independent: what one comes to is nothing to the others."""
    address = f"/services/data/v{API_VERSION}/query/?q="
    return {
        "allOrNone": False,
        "compositeRequest": [
            {"method": "GET", "url": address + quote(soql, safe=""), "referenceId": f"q{n}"}
            for n, soql in enumerate(queries)
        ],
    }


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


def _chunks(pairs: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Pairs of which each list fits into one query."""
    chunks: list[list[tuple[str, str]]] = []
    room = 0
    for pair in pairs:
        size = _size(pair[1])
        if not chunks or size > room:
            chunks.append([])
            room = LONGEST_QUERY
        chunks[-1].append(pair)
        room -= size
    return chunks


def _size(value: str) -> int:
    """Characters that a value takes in an address at the most, with its quotes and a comma."""
    raw = value.encode("utf-8", "replace")
    return len(raw) + 5 * len(_QUOTED.findall(raw)) + len("%27%27%2C")
