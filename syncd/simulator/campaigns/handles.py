"""X, as far as CTGO asks it: whether a handle exists and is public."""

import re

from syncd.simulator.options import Options
from syncd.simulator.refusals import HANDLE_LOOKUP_FAILED, HANDLE_NOT_FOUND, HANDLE_PROTECTED, RefusedError

SHAPE = re.compile(r"[A-Za-z0-9_]{1,20}")  # X allows 15; people made up here may have a number behind theirs


class XHandles:
    """Knows every handle but those the options name.

    Attributes:
        failures: How many look-ups fail from now on; may be set.
    """

    def __init__(self, options: Options) -> None:
        self.failures = 0
        self._unknown = {handle.lower() for handle in options.unknown_handles}
        self._protected = {handle.lower() for handle in options.protected_handles}

    def resolve(self, handle: str) -> str:
        """The handle without its `@`.

        Raises:
            RefusedError: X cannot be asked, does not know it, or keeps it private.
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
