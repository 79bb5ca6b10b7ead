"""The HTTP client as Attio needs it. Imported when a connector first needs it: see `syncd.http.client`."""

from connectors.attio.errors import Answer
from syncd.clock import Clock
from syncd.http.client import Client

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
LARGEST_BODY = 4 * 1024 * 1024
"""Bytes."""


class Http:
    """Requests to one base URL with one token. A network fault comes back as an `Answer`, and is never raised."""

    def __init__(self, base_url: str, token: str, clock: Clock, seconds: float = TOTAL_SECONDS) -> None:
        """Open no connection yet. Raises ValueError if the environment names a proxy that cannot be used."""
        self._client = Client(
            base_url, clock, headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            seconds=seconds, connect=CONNECT_SECONDS, most=LARGEST_BODY,
        )  # fmt: skip

    def call(self, method: str, path: str, content: bytes | None = None) -> Answer:
        """Make one request and return its answer."""
        answer = self._client.send(method, path, content=content)
        if answer.trouble:
            return Answer(trouble=answer.trouble if answer.maybe_sent else "unsent")
        if answer.unread:
            return Answer(trouble="too large" if answer.unread == "too_large" else "broken")
        body = answer.json()
        return Answer(
            answer.status, answer.headers.get("retry-after", ""), body if isinstance(body, dict) else {}
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
