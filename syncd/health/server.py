"""The health listener: answers /healthz, /readyz, /readyz/SOURCE and /metrics. See `syncd.http.listener`.

There is no password, so a browser on this machine must not be led here. A page of another site that asks says so by `Origin`
or `Sec-Fetch-Site`. One that points a name of its own at this machine asks for that name; so only names are answered that
nobody else can own.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, NamedTuple

from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.lead import utc_text
from syncd.health.view import Reason, View, reasons, waiting
from syncd.http.listener import Listener, ListenerOptions, Response, response_head
from syncd.log import escape, scrub

LONGEST = 8 << 10
"""Bytes of a head."""
CONNECTIONS = 32
PATIENCE = 10.0
"""As long as Prometheus waits for a scrape."""
MOST = 64 << 10
"""Bytes that are read after the answer: nothing that is answered here has a body."""

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


Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""

App = Callable[[Request], Answer]

Metrics = Callable[[str], tuple[str, bytes]]
"""From an `Accept` header to a content type and a body."""


@dataclass(frozen=True, slots=True)
class HealthApp:
    """Answers requests. `wedged`: what hangs, without a look at the ledger; empty when the daemon is alive.

    `names`: those of this machine that a request may be for, in lower case; see `is_ours`.
    """

    look: Callable[[], View]
    metrics: Metrics
    wedged: Callable[[], str]
    sources: Callable[[], Collection[str]]
    names: Callable[[], Collection[str]]

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        if not is_ours(request.host, self.names()):
            return text(
                HTTPStatus.MISDIRECTED_REQUEST, "This name is not known here: add it to health.hosts."
            )
        if request.foreign:
            return text(HTTPStatus.FORBIDDEN, "Pages of other sites are not answered.")
        if request.method not in {"GET", "HEAD"}:
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered here.")
        return self._page(request.path.rstrip("/"), request.accept)

    def _page(self, path: str, accept: str) -> Answer:
        source = path.removeprefix("/readyz/")
        if path == "/healthz":
            wedged = self.wedged()
            status = HTTPStatus.SERVICE_UNAVAILABLE if wedged else HTTPStatus.OK
            return text(status, _redacted(wedged) or "alive")
        if path == "/metrics":
            return HTTPStatus.OK, *self.metrics(accept)
        if path == "/readyz" or source in self.sources():
            return _ready(self.look(), "" if path == "/readyz" else source)
        if source != path:
            return text(HTTPStatus.NOT_FOUND, "There is no such source in the configuration.")
        return text(HTTPStatus.NOT_FOUND, "Here are /healthz, /readyz, /readyz/SOURCE and /metrics.")


def _ready(view: View, source: str = "") -> Answer:
    found = reasons(view, source)
    status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
    answer: dict[str, Any] = {
        "ready": not found,
        "reasons": _listed(found),
        "waiting": _listed(it for it in waiting(view, source) if it not in found),
    }
    pushes = {it.name: it.push for it in view.sources if it.push is not None and source in {"", it.name}}
    if pushes:  # whether it works is no matter of readiness: leads come by polling too
        answer["push"] = {
            name: {"subscribed": it.subscribed, "heard_at": it.heard_at and utc_text(it.heard_at)}
            for name, it in pushes.items()
        }
    return status, "application/json", (json.dumps(answer, ensure_ascii=False, indent=1) + "\n").encode()


def _listed(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [asdict(reason) | {"detail": _redacted(reason.detail)} for reason in reasons]


def text(status: HTTPStatus, sentence: str) -> Answer:
    """Make an answer of a sentence."""
    return status, "text/plain; charset=utf-8", f"{sentence}\n".encode()


def _redacted(text: str) -> str:
    """Redact what a connector, a stranger's code, may have written."""
    return escape(scrub(text))


class Serving(Listener):
    """Listens for requests about health."""

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
    try:
        if head is None:
            answer = text(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long.")
        elif request is None:
            answer = text(HTTPStatus.BAD_REQUEST, "This is not HTTP/1.")
        else:
            answer = app(request)
    except Exception as bug:
        log.warning("health_failed", exc_info=bug)
        answer = text(HTTPStatus.INTERNAL_SERVER_ERROR, "The log says what went wrong.")
    status, content_type, body = answer
    headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET, HEAD"))
    start = response_head(status, clock.now(), headers, len(body))
    return Response((start,) if request and request.method == "HEAD" else (start, body), MOST)
