"""The author of each remote of a world, drawn from its seed."""

import random
from typing import Literal

from tests.proof.simulation.outside import second

Author = Literal["first", "second", "mixed"]
AUTHORS: tuple[Author, ...] = ("first", "second", "mixed")
DRAWN = ("ctgo", "two", "crm", "org", "outreach")
"""Remotes that both authors wrote."""


def drawn(author: Author, chance: random.Random) -> frozenset[str]:
    """Draw the remotes that are the second author's. `mixed`: at least one, and not all."""
    if author == "first":
        return frozenset()
    written = [far for far in DRAWN if second.wrote(far)]
    if author == "second" or len(written) < 2:
        return frozenset(written)
    return frozenset(chance.sample(written, chance.randrange(1, len(written))))
