"""The health listener: a request's head decides, and every answer ends its connection. See `syncd.http.listener`."""

import re
from functools import partial
from http import HTTPStatus

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.health.app import Answer, App, text
from syncd.health.http_request import LONGEST, parse
from syncd.http.listener import Listener, ListenerOptions, Response, response_head

CONNECTIONS = 32
PATIENCE = 10.0
"""As long as Prometheus waits for a scrape."""
MOST = 64 << 10
"""Bytes that are read after the answer: nothing that is answered here has a body."""

_TOO_LONG = text(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long.")
_NO_HTTP = text(HTTPStatus.BAD_REQUEST, "This is not HTTP/1.")


class Serving(Listener):
    """See the module."""

    def __init__(
        self, app: App, host: str, port: int, clock: Clock, log: Logger, *, patience: float = PATIENCE
    ) -> None:
        options = ListenerOptions(
            name="health",
            unserved="Health cannot be served on {place}: {why}. Syncing goes on without, and it is tried again.",
            end_of_head=re.compile(rb"\n\r?\n"),
            longest=LONGEST,
            connections=CONNECTIONS,
            patience=patience,
            half_close=True,
        )
        super().__init__(host, port, partial(respond, app, clock, log), clock, log, options=options)


def respond(app: App, clock: Clock, log: Logger, head: bytes | None) -> Response:
    """The answer to a head; None: to one that is too long. A bug of the app's is logged, and costs this one answer."""
    request = parse(head) if head is not None else None
    if request is None:
        return _response(_TOO_LONG if head is None else _NO_HTTP, clock)
    try:
        answer = app(request)
    except Exception as bug:
        log.warning("health_failed", exc_info=bug)
        answer = text(HTTPStatus.INTERNAL_SERVER_ERROR, "The log says what went wrong.")
    return _response(answer, clock, bare=request.method == "HEAD")


def _response(answer: Answer, clock: Clock, *, bare: bool = False) -> Response:
    """An answer as it goes out; `bare`: its head alone."""
    status, content_type, body = answer
    headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET, HEAD"))
    head = response_head(status, clock.now(), headers, len(body))
    return Response((head,) if bare else (head, body), MOST)
