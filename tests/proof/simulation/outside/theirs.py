"""The common part of the second author's remotes under the protocol.

Their weather is their own: `live` is called before each request, so their strangers act as time passes. A connection that
they cut is an error of the app; the network makes it a broken answer.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.proof.simulation.outside.remote import App, Readings

Wall = Callable[[], float]
REFUSED = (
    "401 Unauthorized",
    [("Content-Type", "application/json")],
    b'{"error":"Invalid or revoked API key."}',
)


def clock_of(wall: Wall) -> Callable[[], datetime]:
    """Make their clock of ours: they read instants, not seconds."""
    return lambda: datetime.fromtimestamp(wall(), UTC)


class Theirs:
    """The common part: `live` comes before each request, and credentials can be revoked from outside."""

    def __init__(self, program: Any) -> None:
        self._program = program
        self._revoked = False
        self.readings: Readings = program.readings
        self.app: App = self._serve

    def _serve(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.live()
        if self._revoked:
            start_response(*REFUSED[:2])
            return [REFUSED[2]]
        answer: Iterable[bytes] = self._program(environ, start_response)
        return answer

    def live(self) -> None:
        self._program.live()

    def calm(self) -> None:
        self._program.calm()

    def revoke(self) -> None:
        self._revoked = True

    def give_back(self) -> None:
        self._revoked = False
