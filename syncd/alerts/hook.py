"""One request to an address that the operator named: a webhook, or a dead man's switch.

The whole address is a secret, so no sentence holds more of it than the host. Nothing of an answer is kept but its status.
A connection is closed when its one request is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.clock import Clock
from syncd.http.answer import retry_after
from syncd.http.client import LARGEST_REFUSAL, Client, Transport

TOTAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answered:
    """`why`: a sentence when it did not work; `after`: seconds it asked us to wait."""

    why: str = ""
    after: float | None = None


class Hook:
    """Sends requests to one address."""

    def __init__(self, url: SecretStr, clock: Clock, *, transport: Transport | None = None) -> None:
        """`transport`: instead of the network."""
        self._url, self._clock, self._transport = url, clock, transport
        self.host = urlsplit(url.get_secret_value()).hostname or ""
        """The host of the address; the rest is a secret."""

    def goes_to(self, url: SecretStr) -> bool:
        """True if this is its address."""
        return self._url == url

    def send(self, method: str, headers: Mapping[str, str] | None = None, content: bytes = b"") -> Answered:
        """Send one request. Raises nothing that a network or a server can cause."""
        try:
            client = Client(
                self._url.get_secret_value(), self._clock, headers={"connection": "close", **(headers or {})},
                seconds=TOTAL_SECONDS, most=LARGEST_REFUSAL, transport=self._transport,
            )  # fmt: skip
        except ValueError as error:  # a proxy that cannot be used
            return Answered(f"The call to {self.host} failed: {error}.")
        try:
            answer = client.send(method, content=content)
        finally:
            if self._transport is None:
                client.close()
        if answer.ok:
            return Answered()
        why = answer.why or f"{client.host} answered {answer.status}."
        return Answered(why, retry_after(answer.headers, self._clock.now()))
