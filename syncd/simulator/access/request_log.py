"""A log of the requests, and counts by route and status."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Any

from syncd.simulator.access.rate_limit import Busiest


@dataclass(slots=True)
class Request:
    """One request under /api, logged on arrival.

    Attributes:
        route: `GET /api/v2/streams/{id}/leads`, or `unmatched`.
        arrival: Epoch seconds.
        key: Bearer key, or an empty text.
        status: 0 until the answer is sent.
    """

    method: str
    path: str
    query: str
    route: str
    arrival: float
    key: str
    status: int = 0


class RequestLog:
    """A log of limited length that drops its oldest requests, and counts that drop nothing."""

    def __init__(self, remembered: int) -> None:
        self.requests: deque[Request] = deque(maxlen=remembered)
        self._answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._busiest: defaultdict[str, Busiest] = defaultdict(Busiest)

    def arrived(self, request: Request) -> None:
        """Log a request on its arrival."""
        self.requests.append(request)
        self._busiest[request.key].note(request.arrival)

    def answered(self, request: Request, status: int) -> None:
        """Log the answer to a request."""
        request.status = status
        self._answers[request.route][status] += 1

    def busiest_minute(self) -> int:
        """Return the most requests that one key sent within 60 seconds, by arrival."""
        return max((busiest.most for busiest in self._busiest.values()), default=0)

    def stats(self) -> dict[str, Any]:
        """Count the answers by route and status."""
        answers = {
            route: {str(status): count for status, count in sorted(counts.items())}
            for route, counts in sorted(self._answers.items())
        }
        return {
            "requests": answers,
            "total": sum(counts.total() for counts in self._answers.values()),
            "tooManyRequests": sum(counts[429] for counts in self._answers.values()),
            "busiestMinute": self.busiest_minute(),
        }
