"""Who may come in, and how often: bearer keys and their allowance."""

import re
from collections.abc import Mapping
from email.utils import formatdate

from syncd.simulator.access.rate_limit import FixedWindow, SlidingWindow, Verdict, Window
from syncd.simulator.options import Options
from syncd.simulator.refusals import BAD_KEY_SHAPE, NO_HEADER, UNKNOWN_KEY, Refusal

SHAPE = re.compile(r"ctgo_[A-Za-z0-9_-]+")


def bearer(header: str | None) -> str:
    """The key of an Authorization header; empty if there is none."""
    scheme, _, key = (header or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


class ApiKeys:
    """Keys and windows. Not safe for threads by itself: the world calls it under its lock."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._revoked = set(options.revoked_keys)
        self._seen: dict[str, int] = {}
        self._windows: dict[str, Window] = {}

    def refusal(self, key: str) -> Refusal | None:
        """Why a key is not let in; None if it is."""
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
        """The id of a key: they are numbered from 1 as they come in."""
        return self._seen.get(key)

    def revoke(self, key: str | None) -> None:
        """Make a key permanently dead; without one, every key that was let in so far."""
        self._revoked |= set(self._seen) if key is None else {key}

    def forgive(self) -> None:
        """Let every key in that was revoked."""
        self._revoked.clear()

    def admit(self, key: str, now: float) -> Verdict:
        """Take one request off the key's allowance."""
        if key not in self._windows:
            self._windows[key] = self._window()
        return self._windows[key].admit(now)

    def headers(self, verdict: Verdict, now: float) -> Mapping[str, str]:
        """The headers of the allowance."""
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
