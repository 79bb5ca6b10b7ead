"""HubSpot's limits: this module tells how long a request must wait, and never sleeps.

Each app has so many requests in ten seconds; the headers of every answer tell of them. Each account has so many requests a day;
they come back at midnight in the account's time zone. Where the zone is unknown, the next quarter of an hour is the soonest
that it can be midnight, for every zone's offset is a multiple of it.
"""

import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from syncd.http.answer import whole_number

QUARTER = 900.0
GRACE = 5.0
"""Seconds. Clocks differ, and nobody resets a counter at midnight sharp."""
LONGEST = 86400.0 * 2
INTERVAL = 10.0

Headers = Mapping[str, str]
"""Names in lower case."""


class RateLimit:
    """At most `rate` requests in any second (or one in 1/rate seconds), and never more than the headers allow."""

    def __init__(self, rate: float) -> None:
        """`rate`: requests per second, more than 0."""
        self._count = max(1, math.floor(rate))
        self._span = self._count / rate
        self._server = (math.inf, INTERVAL)
        self._sent: deque[float] = deque()
        self._held = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until the next request may go; `now` is monotonic."""
        most, interval = self._server
        until = self._held
        while self._sent and self._sent[0] <= now - max(self._span, interval):
            self._sent.popleft()
        for count, span in ((self._count, self._span), (most, interval)):
            if len(self._sent) >= count:
                until = max(until, self._sent[-int(count)] + span)
        # Rounded up: a wait that ends a hair too soon would be asked for again and again.
        return math.ceil((until - now) * 1000) / 1000 if until > now else 0.0

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._sent.append(now)

    def answered(self, now: float) -> None:
        """Its answer is here: HubSpot counted it at some instant until now, so that now is the safe one to count from."""
        if self._sent:
            self._sent[-1] = now

    def observe(self, headers: Headers, now: float) -> None:
        """Learn from an answer. With nothing remaining, somebody else uses the key: hold for a tenth of the interval."""
        interval = interval_of(headers)
        most = whole_number(headers.get("x-hubspot-ratelimit-max"))
        if most:
            self._server = (most, interval)
        if whole_number(headers.get("x-hubspot-ratelimit-remaining")) == 0:
            self._held = now + interval / 10


def interval_of(headers: Headers) -> float:
    """Seconds of the rolling window."""
    interval = whole_number(headers.get("x-hubspot-ratelimit-interval-milliseconds"))
    return interval / 1000 if interval and interval <= LONGEST * 1000 else INTERVAL


def until_reset(now: float, zone: str) -> float:
    """Seconds from `now` (wall) until the daily quota may be back; `zone` is a name of the time zone, or empty.

    Shortly after a midnight that did not bring it back, clocks differ or the zone is wrong: a quarter of an hour.
    """
    if not zone:
        return QUARTER - now % QUARTER + GRACE
    here = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone))
    today = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if (here - today).total_seconds() < QUARTER:
        return QUARTER
    tomorrow = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), here.tzinfo)
    return max(1.0, tomorrow.timestamp() - now) + GRACE


def known_zone(name: object) -> str:
    """The name if this machine knows the zone, else nothing."""
    try:
        return str(ZoneInfo(name)) if isinstance(name, str) and name else ""
    except (KeyError, ValueError, OSError):
        return ""
