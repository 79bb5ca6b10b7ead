"""The wait of healthy leads behind poisoned ones, once all faults have ended.

One lead, ten leads or a locked one cannot be delivered. Healthy leads come with them and after them. The pace of a lane is
its probe: a lane that ten alike refusals halt tries one lead an hour, and each probe may meet a poisoned one first. So a
healthy lead may wait for two probes, and for the pauses between them.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from tests.proof.simulation.process import PROBE

Kind = Literal["one", "ten", "locked"]
KINDS: tuple[Kind, ...] = ("one", "ten", "locked")
MINUTE, HOUR = 60.0, 3600.0
BOUND = 2 * PROBE + 10 * MINUTE
"""Seconds from a lead's listing, asked for at once, to its export."""
COMING = (0.0, 0.0, 20 * MINUTE, HOUR)
"""Seconds after the poison at which healthy leads come, three each time."""
BUCKETS = {"1_min": MINUTE, "10_min": 10 * MINUTE, "1_h": HOUR, "the_bound": BOUND}
"""The longest wait of each group of leads in the figures."""


class Wait(NamedTuple):
    """A healthy lead's wait in seconds. `done`: it was delivered wherever it is wanted, and exported."""

    source: str
    lead: int
    seconds: float
    done: bool


def bucket_of(seconds: float) -> str:
    """Name the group of a wait."""
    return next((name for name, most in BUCKETS.items() if seconds <= most), "longer")


def measure(
    coming: Callable[[], list[tuple[str, int]]],
    is_done: Callable[[str, int], bool],
    wait: Callable[[float], float],
) -> Iterator[Wait]:
    """Let healthy leads come and yield how long each waits.

    Args:
        coming: finds healthy leads, has CTGO asked, and returns their sources and ids.
        is_done: tells if a lead is through.
        wait: lets seconds pass and returns the instant.
    """
    begun = wait(0.0)
    due = list(COMING)
    under_way: dict[tuple[str, int], float] = {}
    now = begun
    while due or under_way:
        while due and now >= begun + due[0]:
            due.pop(0)
            under_way |= dict.fromkeys(coming(), now)
        for lead, since in list(under_way.items()):
            done = is_done(*lead)
            if done or now - since > BOUND:
                del under_way[lead]
                yield Wait(*lead, now - since, done)
        now = wait(MINUTE / 2 if now - begun < 10 * MINUTE else 5 * MINUTE)
