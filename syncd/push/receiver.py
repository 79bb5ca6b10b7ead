"""The listener for pushes: a request's first line decides, and its body is thrown away. See `syncd.http.listener`.

How many came is counted; nothing of them is logged.
"""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.http.listener import Listener, ListenerOptions, Response, response_head
from syncd.push.request_line import LONGEST, Answer

CONNECTIONS = 64
PATIENCE = 5.0
MOST = 8 << 20
"""Bytes that are read after the answer from one who knew a token."""
MOST_OF_STRANGERS = 64 << 10

Judge = Callable[[bytes], Answer]
"""Given a request's first line, says what to answer; in the listener's thread, so brief. Whom it concerns, it has told."""


class Receiver(Listener):
    """See the module."""

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
