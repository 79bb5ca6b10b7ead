"""How deep a sweep goes: PROOF_SECONDS in the environment says how long the whole proof may take."""

import os

SHORT = 240.0
"""Seconds of both cores for which the plain numbers are made."""

_asked = float(os.environ.get("PROOF_SECONDS", "0"))

DEEP = _asked > SHORT
"""Whether more was asked for than the short form."""


def deep(plain: int) -> int:
    """So many of something, more of it when there is more time, never fewer."""
    return round(plain * max(1.0, _asked / SHORT))
