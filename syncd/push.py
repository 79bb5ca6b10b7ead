"""The listener for pushes: a request's first line decides, and its body is thrown away. See `syncd.http.listener`.

It is the only line that is looked at: the path's last part is a token or it is nothing, and what a proxy put or left before
it does not matter. Nothing else is of any use, for nothing of it is signed. How many came is counted; nothing of them is
logged.

The listener is apart from health: a proxy that lets the world in shows nothing else. Only the daemon imports this module,
and only when some source has push. See `syncd.engine.push` for what a push is worth.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from hmac import compare_digest
from http import HTTPStatus
from typing import NamedTuple

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.http.listener import Listener, ListenerOptions, Response, response_head

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


CONNECTIONS = 64
PATIENCE = 5.0
MOST = 8 << 20
"""Bytes that are read after the answer from one who knew a token."""
MOST_OF_STRANGERS = 64 << 10

Judge = Callable[[bytes], Answer]
"""Returns the answer to a request's first line; in the listener's thread, so brief. It has woken the lane it concerns."""


class Receiver(Listener):
    """Listens for pushes."""

    def __init__(
        self, host: str, port: int, judge: Judge, clock: Clock, log: Logger, *, patience: float = PATIENCE
    ) -> None:
        options = ListenerOptions(
            name="push",
            unserved="Pushes cannot be received on {place}: {why}. Polling goes on, and it is tried again.",
            end_of_head=re.compile(rb"\n"),
            longest=LONGEST,
            connections=CONNECTIONS,
            patience=patience,
        )
        super().__init__(host, port, partial(respond, judge, clock), clock, log, options=options)


def respond(judge: Judge, clock: Clock, line: bytes | None) -> Response:
    """The answer to a first line; None: to one that is too long."""
    answer = Answer(HTTPStatus.BAD_REQUEST) if line is None else judge(line.rstrip(b"\r"))
    allowed = [("Allow", "POST")] if answer.status == HTTPStatus.METHOD_NOT_ALLOWED else []
    return Response(
        (response_head(answer.status, clock.now(), allowed),), MOST if answer.source else MOST_OF_STRANGERS
    )
