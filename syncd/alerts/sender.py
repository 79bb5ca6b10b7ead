"""Requests to an address that the operator named: messages to a webhook, pings to a dead man's switch.

The whole address is a secret, so no sentence holds more of it than the host. Nothing of an answer is kept but its status.
A connection is closed when its one request is over.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from syncd.alerts.message import HEADERS, body_of
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.http.answer import retry_after
from syncd.http.client import LARGEST_REFUSAL, Client, Transport

TOTAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer. `why`: a sentence when the request failed; `after`: seconds that the address asked us to wait."""

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


FIRST, LONGEST = 30.0, 3600.0
"""Seconds between two tries: the first, doubled up to the longest. There is no last one: an unsent message is sent some day."""

Counted = Callable[[str, str], None]
"""Called for each message and ping: its kind (`message`, `heartbeat`), and `sent` or `failed`."""


@dataclass(slots=True)
class Sender:
    """Posts messages to a webhook; it leaves one that fails alone for a growing while."""

    hook: Hook
    clock: Clock
    log: Logger
    counted: Counted
    failures: int = 0
    _not_before: float = 0.0

    def is_resting(self) -> bool:
        """True if the webhook failed a moment ago, and no request is sent for now."""
        return self.clock.monotonic() < self._not_before

    def post(self, text: str) -> bool:
        """Send one message; return True if it was taken. It takes ten seconds at the most and never raises."""
        answer = self.hook.send("POST", HEADERS, body_of(text))
        self.counted("message", "failed" if answer.why else "sent")
        if not answer.why:
            if self.failures:
                self.log.info("alerts_sent_again", after=self.failures)
            self.failures = 0
            return True
        if not self.failures:
            self.log.warning("alert_unsent", detail=answer.why)
        wait = max(min(LONGEST, FIRST * 2.0 ** min(self.failures, 10)), answer.after or 0.0)
        self.failures += 1
        self._not_before = self.clock.monotonic() + wait
        return False
