"""The judgement on the first line of a request. Pure.

It is the only line that is looked at: the path's last part is a token or it is nothing, and what a proxy put or left before
it does not matter. Nothing else is of any use, for nothing of it is signed.
"""

from collections.abc import Mapping
from hmac import compare_digest
from http import HTTPStatus
from typing import NamedTuple

LONGEST = 2048
"""Bytes of the first line. Ours is as long as `public_url`'s path and a token."""

_PARTS = 3
"""`POST /path/token HTTP/1.1`."""


class Answer(NamedTuple):
    """The status, and the source whose token the request knew; empty for strangers."""

    status: HTTPStatus
    source: str = ""


def judge(line: bytes, tokens: Mapping[str, str]) -> Answer:
    """The answer to a request's first line, without its line break. `tokens`: by source."""
    parts = line.split(b" ")
    if len(parts) != _PARTS or not parts[2].startswith(b"HTTP/1."):
        return Answer(HTTPStatus.BAD_REQUEST)
    last = parts[1].partition(b"?")[0].rpartition(b"/")[2]
    # All of them, each in constant time: how long it takes tells nothing
    found = [name for name, token in tokens.items() if compare_digest(last, token.encode())]
    if not found:
        return Answer(HTTPStatus.NOT_FOUND)
    if parts[0] != b"POST":
        return Answer(HTTPStatus.METHOD_NOT_ALLOWED)
    return Answer(HTTPStatus.ACCEPTED, found[0])
