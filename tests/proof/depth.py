"""How deep a sweep goes: PROOF_SECONDS in the environment says how long the whole proof may take, on two cores.

The layers are to leave some of that time, for `python -m tests.proof` fills the rest of it with worlds of new seeds: so a
proof takes as long as it was asked to, unless that is less than the plain numbers take.
"""

import os

SHORT = 1200.0
"""Seconds up to which the plain numbers are what there is time for, all layers of the proof taken together."""

_asked = float(os.environ.get("PROOF_SECONDS", "0"))

SCALE = max(1.0, _asked / SHORT)
"""How many times deeper than the plain numbers."""

DEEP = _asked >= 3 * SHORT
"""Whether there is time for what is only sampled otherwise."""


def deep(plain: int) -> int:
    """So many of something, more of it when there is more time, never fewer."""
    return round(plain * SCALE)
