"""Posts a message, and remembers how long to leave an address alone that does not take one."""

from collections.abc import Callable
from dataclasses import dataclass

from syncd.alerts.hook import Hook
from syncd.alerts.message import HEADERS, body_of
from syncd.clock import Clock
from syncd.connector import Logger

FIRST, LONGEST = 30.0, 3600.0
"""Seconds between two tries: the first, doubled up to the longest. There is no last one: an unsent message is sent some day."""

Counted = Callable[[str, str], None]
"""Told of each message and ping: its kind (`message`, `heartbeat`), and `sent` or `failed`."""


@dataclass(slots=True)
class Sender:
    """A webhook as messages go out to it. `post` takes ten seconds at the most and never raises."""

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
        """Send one message; whether it was taken."""
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
