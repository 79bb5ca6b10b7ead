"""Planned failures: the next calls of a route get another answer than they should."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.simulator.api.routes import ROUTES

ANY = "*"
NAMES = frozenset({ANY, *(name for name, _, _ in ROUTES)})


@dataclass(frozen=True, slots=True)
class Fault:
    """A planned answer to the next calls of one route.

    Attributes:
        route: A name of `syncd.simulator.api.routes.ROUTES` (`leads`, `stream_leads`, `export`, …), or `*` for any.
        times: Number of calls.
        status: HTTP status.
        body: The raw body; it may be cut short, or not be text.
        headers: Added to the usual headers; the default `Content-Type` is JSON.
        after_applying: The call takes effect first, as when an answer is lost on its way.

    Raises:
        ValueError: No route has this name.
    """

    route: str = ANY
    times: int = 1
    status: int = 500
    body: bytes = b'{"error":"internal_error","message":"Something went wrong."}'
    headers: Mapping[str, str] = field(default_factory=dict)
    after_applying: bool = False

    def __post_init__(self) -> None:
        if self.route not in NAMES:
            raise ValueError(f"route is one of {', '.join(sorted(NAMES))}, not {self.route}")


class Faults:
    """A queue of failures for each route. A failure for the route precedes a failure for any route."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def plan(self, fault: Fault) -> None:
        """Queue a failure."""
        if fault.times > 0:
            self._planned[fault.route].append(fault)

    def take(self, route: str) -> Fault | None:
        """Remove and return the failure for this call, or return None."""
        for name in (route, ANY):
            queue = self._planned[name]
            if queue:
                fault = queue.popleft()
                if fault.times > 1:
                    queue.appendleft(replace(fault, times=fault.times - 1))
                return fault
        return None

    def clear(self) -> None:
        """Drop all planned failures."""
        self._planned.clear()
