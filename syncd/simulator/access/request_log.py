"""What reached the simulator: every request, who sent it, and how often it came."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Any

from syncd.simulator.access.rate_limit import Busiest


@dataclass(slots=True)
class Request:
    """One request under /api, noted when it arrives.

    Attributes:
        route: `GET /api/v2/streams/{id}/leads`, or `unmatched`.
        arrival: Epoch seconds.
        key: The bearer key, or an empty text.
        status: 0 until it is answered.
    """

    method: str
    path: str
    query: str
    route: str
    arrival: float
    key: str
    status: int = 0


class RequestLog:
    """The log and the counts; the counts go on when the log is full and forgets its oldest requests."""

    def __init__(self, remembered: int) -> None:
        self.requests: deque[Request] = deque(maxlen=remembered)
        self._answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._busiest: defaultdict[str, Busiest] = defaultdict(Busiest)

    def arrived(self, request: Request) -> None:
        """Note a request on its arrival."""
        self.requests.append(request)
        self._busiest[request.key].note(request.arrival)

    def answered(self, request: Request, status: int) -> None:
        """Note its answer."""
        request.status = status
        self._answers[request.route][status] += 1

    def busiest_minute(self) -> int:
        """Largest number of requests of one key in any 60 seconds, judged by arrival."""
        return max((busiest.most for busiest in self._busiest.values()), default=0)

    def stats(self) -> dict[str, Any]:
        """Answers by route and status."""
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
