"""Handles on X: CTGO asks X for their existence and privacy."""

import re

from syncd.simulator.options import Options
from syncd.simulator.refusals import HANDLE_LOOKUP_FAILED, HANDLE_NOT_FOUND, HANDLE_PROTECTED, RefusedError

SHAPE = re.compile(r"[A-Za-z0-9_]{1,20}")  # X allows 15; a made-up handle may end with a number


class XHandles:
    """An X that knows every handle except those in the options.

    Attributes:
        failures: Number of look-ups that fail from now on. Callers may set it.
    """

    def __init__(self, options: Options) -> None:
        self.failures = 0
        self._unknown = {handle.lower() for handle in options.unknown_handles}
        self._protected = {handle.lower() for handle in options.protected_handles}

    def resolve(self, handle: str) -> str:
        """Return the handle without its `@`.

        Raises:
            RefusedError: X does not answer, or the handle is unknown or private.
        """
        if self.failures > 0:
            self.failures -= 1
            raise RefusedError(HANDLE_LOOKUP_FAILED)
        bare = handle.removeprefix("@")
        if bare.lower() in self._unknown or not SHAPE.fullmatch(bare):
            raise RefusedError(HANDLE_NOT_FOUND)
        if bare.lower() in self._protected:
            raise RefusedError(HANDLE_PROTECTED)
        return bare
