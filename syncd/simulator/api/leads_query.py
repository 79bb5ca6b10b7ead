"""Query parameters of the leads listings, read and checked."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from syncd.simulator.instants import parsed
from syncd.simulator.leads.listing import Query
from syncd.simulator.options import Options

MOST = 500
WHOLE = re.compile(r"-?[0-9]{1,18}")


def _one_of(*values: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return read


def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Reads a whole number in ASCII digits, within these bounds."""

    def read(text: str) -> int:
        if not WHOLE.fullmatch(text):
            raise ValueError(text)
        number = int(text)
        if (least is not None and number < least) or (most is not None and number > most):
            raise ValueError(text)
        return number

    return read


def flag(text: str) -> bool:
    """Reads `true` or `false`."""
    return _one_of("true", "false")(text) == "true"


# Parameter -> member of the query, how it is read.
READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "streamId": ("stream_id", whole()),
    "lifecycle": ("lifecycle", _one_of("new", "exported")),
    "matchConfidence": ("confidence", _one_of("high", "medium")),
    "accountId": ("account_id", whole()),
    "segmentId": ("segment_id", whole()),
    "since": ("since", parsed),
    "limit": ("limit", whole(1, MOST)),
    "offset": ("offset", whole(0, 2**53)),
    "summary": ("summary", flag),
    "groupBy": ("group_by", _one_of("stream")),
}


class BadParameterError(ValueError):
    """A parameter that cannot be read; its name is the argument."""


def read_query(given: Mapping[str, str], options: Options, stream_id: int | None = None) -> Query:
    """The query that the parameters make; unknown ones are ignored.

    Args:
        given: Parameters as they were sent.
        options: Decide whether a bad one is refused; where it is not, `limit` is clamped and any other ignored.
        stream_id: The campaign of the path, which goes before `streamId`.

    Raises:
        BadParameterError: A value cannot be read, and the options refuse it.
    """
    members: dict[str, Any] = {}
    for parameter, text in given.items():
        if parameter in READERS:
            member, read = READERS[parameter]
            try:
                members[member] = read(text)
            except ValueError:
                if options.bad_parameters == "refused":
                    raise BadParameterError(parameter) from None
                if parameter == "limit":
                    members[member] = _clamped(text)
    if stream_id is not None:
        members["stream_id"] = stream_id
    return Query(**members)


def _clamped(text: str) -> int:
    return min(MOST, max(1, int(text))) if WHOLE.fullmatch(text) else Query().limit
