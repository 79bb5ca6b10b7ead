"""The requests of the wider API: paths with ids, JSON bodies, queries. Pure."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from syncd.core.lead import LARGEST_ID
from syncd.ctgo.campaigns.draft import DraftError
from syncd.ctgo.errors import Scope
from syncd.ctgo.exchange import Call


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
