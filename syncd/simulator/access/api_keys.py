"""Bearer keys, and the rate limit of each."""

import re
from collections.abc import Mapping
from email.utils import formatdate

from syncd.simulator.access.rate_limit import FixedWindow, SlidingWindow, Verdict, Window
from syncd.simulator.options import Options
from syncd.simulator.refusals import BAD_KEY_SHAPE, NO_HEADER, UNKNOWN_KEY, Refusal

SHAPE = re.compile(r"ctgo_[A-Za-z0-9_-]+")


def bearer(header: str | None) -> str:
    """Return the key of an Authorization header, or an empty text."""
    scheme, _, key = (header or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


class ApiKeys:
    """The keys, and a window for each. The class is not thread-safe: `Gateway` calls it under a lock."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._revoked = set(options.revoked_keys)
        self._seen: dict[str, int] = {}
        self._windows: dict[str, Window] = {}

    def refusal(self, key: str) -> Refusal | None:
        """Return the reason to refuse a key, or None to accept it."""
        if not key:
            return NO_HEADER
        if not SHAPE.fullmatch(key):
            return BAD_KEY_SHAPE
        valid = self._options.api_keys
        if key in self._revoked or (valid and key not in valid):
            return UNKNOWN_KEY
        self._seen.setdefault(key, len(self._seen) + 1)
        return None

    def id_of(self, key: str) -> int | None:
        """Return the id of an accepted key. The first accepted key has the id 1."""
        return self._seen.get(key)

    def revoke(self, key: str | None) -> None:
        """Revoke one key, or every key that was accepted so far."""
        self._revoked |= set(self._seen) if key is None else {key}

    def forgive(self) -> None:
        """Accept the revoked keys again."""
        self._revoked.clear()

    def admit(self, key: str, now: float) -> Verdict:
        """Count one request against the key's rate limit."""
        if key not in self._windows:
            self._windows[key] = self._window()
        return self._windows[key].admit(now)

    def headers(self, verdict: Verdict, now: float) -> Mapping[str, str]:
        """Return the rate limit headers."""
        shown = {
            "X-RateLimit-Limit": str(self._options.rate_limit),
            "X-RateLimit-Remaining": str(verdict.remaining),
        }
        if not verdict.admitted and self._options.retry_after != "absent":
            wait = verdict.wait(now)
            as_date = self._options.retry_after == "date"
            shown["Retry-After"] = formatdate(now + wait, usegmt=True) if as_date else str(wait)
        return shown

    def _window(self) -> Window:
        if self._options.window == "sliding":
            return SlidingWindow(self._options.rate_limit)
        return FixedWindow(self._options.rate_limit, self._options.fixed_from)
