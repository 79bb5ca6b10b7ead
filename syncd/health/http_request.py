"""A request for health: what its head says, and whether it may be answered. Pure.

There is no password, so a browser on this machine must not be led here. A page of another site that asks says so by `Origin`
or `Sec-Fetch-Site`. One that points a name of its own at this machine asks for that name; so only names are answered that
nobody else can own.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import NamedTuple

LONGEST = 8 << 10
"""Bytes of a head."""

_PARTS = 3
"""`GET /path HTTP/1.1`."""
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")


class Request(NamedTuple):
    """The parts of a head that matter. `foreign`: a page of another site asks; `path`: without a query."""

    method: str
    path: str
    accept: str = ""
    host: str = ""
    foreign: bool = False


def parse(head: bytes) -> Request | None:
    """A head without the empty line that ends it; None for what is not HTTP/1."""
    first, *lines = head.decode("latin-1").split("\n")
    parts = first.rstrip("\r").split(" ")
    if len(parts) != _PARTS or not parts[2].startswith("HTTP/1."):
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            key = name.lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    foreign = "origin" in headers or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    return Request(
        parts[0], parts[1].partition("?")[0], headers.get("accept", ""), headers.get("host", ""), foreign
    )


def is_ours(host: str, names: Collection[str]) -> bool:
    """Tell if nobody else can own the name in a `Host` header; also if there is none.

    An address is no name, and a name without a dot is of this machine or its network. A name with a dot has to be among
    `names`, which are in lower case.
    """
    if _is_address(host):
        return True
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].strip("[]").rstrip(".").lower()
    return name in names or "." not in name or name.endswith(".localhost") or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
