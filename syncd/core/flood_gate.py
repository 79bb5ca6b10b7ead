"""The flood gate: pure. How much may go to a CRM in one burst before a person has looked.

A first pull, a window, a forgotten pause: thousands of objects in a CRM at once, perhaps with a mapping that nobody has
seen at work, are hard to take back. So a connector with a gate takes at most `size` new deliveries in one burst. When
there are more, the five oldest go, for a person to look at, and the rest are *held* until `syncd release`.

A burst is a whole pass over a source's leads, however many pages it has; a replay; and what waited while a lane stood
still, when a person or a start sets it going again. So what a pass brings is held from its first page to its last, where
it is counted: the held rows are the count, which is why it survives a kill at any moment. While a gate is closed,
whatever comes is held too. Nothing but a release opens it, and what was released once is not held again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FIRST = 5
"""Deliveries that go all the same, the oldest: something to look at."""

GATE_HELD = "gate_held"
"""The code of a lane whose gate is closed."""

Move = Literal["hold", "free", "close"]


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of a source's connectors, in deliveries. `approving`: those that a person opened for this run."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    approving: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.sizes or self.approving)


def decide(burst: int, size: int, *, closed: bool, over: bool) -> Move:
    """Decide what happens to a burst of `burst` deliveries so far. `over`: no more of them will come."""
    if closed or not over:
        return "hold"
    return "close" if burst > size else "free"


def describe_gate(held: int, size: int) -> str:
    """Return one sentence about a closed gate."""
    return f"{held:,} deliveries wait at its gate: more than {size:,} would have gone there in one burst."
