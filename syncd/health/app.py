"""Answers /healthz, /readyz, /readyz/SOURCE and /metrics. It only reads, and answers nothing else."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from syncd.core.lead import utc_text
from syncd.health.http_request import Request, is_ours
from syncd.health.readiness import reasons
from syncd.health.view import PushView, View
from syncd.log import escape, scrub

Answer = tuple[HTTPStatus, str, bytes]
"""Status, content type, body."""

App = Callable[[Request], Answer]

Metrics = Callable[[str], tuple[str, bytes]]
"""From an `Accept` header to a content type and a body."""


@dataclass(frozen=True, slots=True)
class HealthApp:
    """See the module. `wedged`: what hangs, without a look at the ledger; empty when the daemon is alive.

    `names`: those of this machine that a request may be for, in lower case; see `request.is_ours`.
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
        if path == "/healthz":
            return self._alive()
        if path == "/metrics":
            return HTTPStatus.OK, *self.metrics(accept)
        if path == "/readyz":
            return _ready(self.look())
        source = path.removeprefix("/readyz/")
        if source in self.sources():
            return _ready(self.look(), source)
        if source != path:
            return text(HTTPStatus.NOT_FOUND, "There is no such source in the configuration.")
        return text(HTTPStatus.NOT_FOUND, "Here are /healthz, /readyz, /readyz/SOURCE and /metrics.")

    def _alive(self) -> Answer:
        hanging = self.wedged()
        if hanging:
            return text(HTTPStatus.SERVICE_UNAVAILABLE, _shown(hanging))
        return text(HTTPStatus.OK, "alive")


def _ready(view: View, source: str = "") -> Answer:
    found = reasons(view, source)
    status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
    listed = [asdict(reason) | {"detail": _shown(reason.detail)} for reason in found]
    answer: dict[str, Any] = {"ready": not found, "reasons": listed}
    pushes = {it.name: it.push for it in view.sources if it.push is not None and source in {"", it.name}}
    if pushes:  # whether it works is no matter of readiness: leads come by polling too
        answer["push"] = {name: _pushed(it) for name, it in pushes.items()}
    return status, "application/json", (json.dumps(answer, ensure_ascii=False, indent=1) + "\n").encode()


def _pushed(push: PushView) -> dict[str, Any]:
    return {
        "subscribed": push.subscribed,
        "heard_at": None if push.heard_at is None else utc_text(push.heard_at),
    }


def text(status: HTTPStatus, sentence: str) -> Answer:
    """A sentence as an answer."""
    return status, "text/plain; charset=utf-8", f"{sentence}\n".encode()


def _shown(text: str) -> str:
    """A connector is a stranger's code: what it says passes the log's redaction."""
    return escape(scrub(text))
