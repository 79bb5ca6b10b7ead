"""A remote that plays a part: for each request a row of answers, the last one for ever; a lost one among them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
from pydantic import SecretStr

from syncd.clock import Clock, SystemClock
from syncd.ctgo import Signals, Upstream
from syncd.ctgo.campaigns.api import Api
from tests.ctgo.remote import BASE, KEY

LOST = httpx.ReadTimeout("lost")
"""The request left, and no answer came."""
UNSENT = httpx.ConnectError("refused")
"""The request never left."""

Line = tuple[int, Any] | tuple[int, Any, Mapping[str, str]] | httpx.RequestError
"""A status with a body, which is JSON unless it is bytes, and headers; or what becomes of the connection."""


class Stage(httpx.BaseTransport):
    """`asked`: the requests as `METHOD /path?query` below the address; `sent`: their bodies, None for none."""

    def __init__(self, script: Mapping[str, Line | Sequence[Line]]) -> None:
        self._script = {
            ask: list(lines) if isinstance(lines, list) else [lines] for ask, lines in script.items()
        }
        self.asked: list[str] = []
        self.sent: list[Any] = []
        self.signals: list[Signals] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        where = request.url.raw_path.decode().removeprefix("/api/v2")
        self.asked.append(f"{request.method} {where}")
        content = request.read()
        self.sent.append(json.loads(content) if content else None)
        lines = self._script[f"{request.method} {where.partition('?')[0]}"]
        line: Any = lines.pop(0) if len(lines) > 1 else lines[0]
        if isinstance(line, httpx.RequestError):
            raise line
        status, body, *headers = line
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, content=content, headers=headers[0] if headers else None)

    def api(self) -> Api:
        """All of the API, played by this stage."""
        return Api(self.client(SystemClock(), self.signals.append).ask)

    def client(self, clock: Clock, observe: Callable[[Signals], None]) -> Upstream:
        """A client of this remote."""
        return Upstream(BASE, SecretStr(KEY), clock, observe=observe, transport=self)


def always(status: int, body: Any) -> Api:
    """An API that answers everything alike."""

    class Alike(Stage):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            del request
            return httpx.Response(
                status, content=body if isinstance(body, bytes) else json.dumps(body).encode()
            )

    return Alike({}).api()
