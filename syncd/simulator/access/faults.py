"""Failures ordered in advance: the next calls of a route answer something else than they should."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.simulator.api.routes import ROUTES

ANY = "*"
NAMES = frozenset({ANY, *(name for name, _, _ in ROUTES)})


@dataclass(frozen=True, slots=True)
class Fault:
    """What the next calls of one route answer instead.

    Attributes:
        route: A name of `syncd.simulator.api.routes.ROUTES` (`leads`, `stream_leads`, `export`, …), or `*` for any.
        times: How many calls.
        status: HTTP status.
        body: The body, sent as it is, so it may be cut short or be no text at all.
        headers: Headers set on top of the usual ones; `Content-Type` is JSON unless given.
        after_applying: Whether the call takes effect first, as when the answer is lost on its way.

    Raises:
        ValueError: There is no such route.
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
    """The failures still to come, first ordered first served; one for the route goes before one for any."""

    def __init__(self) -> None:
        self._planned: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def plan(self, fault: Fault) -> None:
        """Add a failure behind those already planned."""
        if fault.times > 0:
            self._planned[fault.route].append(fault)

    def take(self, route: str) -> Fault | None:
        """The failure that this call meets, spent; None if it meets none."""
        for name in (route, ANY):
            queue = self._planned[name]
            if queue:
                fault = queue.popleft()
                if fault.times > 1:
                    queue.appendleft(replace(fault, times=fault.times - 1))
                return fault
        return None

    def clear(self) -> None:
        """Forget every failure still to come."""
        self._planned.clear()
