"""The small types of the configuration: durations, schedules, cron lines, instants, addresses.

Each is a function that reads a written value, and a type through which pydantic applies the function. An exception's text
ends a sentence that begins with the key. It says what is accepted, and never repeats the value, which may be a secret in
the wrong line.
"""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator, SecretStr, StringConstraints

from syncd.clock import SystemClock
from syncd.http.addresses import is_loopback, usable
from syncd.settings.error_messages import hint

NAME = r"^[a-z][a-z0-9_]*$"
LONGEST = 3650 * 86400.0
"""Seconds: ten years. Dates overflow beyond, and such a value is a mistake."""

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}(?:\.[0-9]{{1,3}})?){unit})?" for unit in _UNITS))


def seconds(value: object) -> float:
    """Read a duration such as `30s`, `15m`, `2h`, `7d`, `1h30m`; return its seconds. Raises ValueError: what is accepted.

    A float passes: it is seconds already. A whole number does not: `retention = 90` may mean days.
    """
    if isinstance(value, float) and 0 <= value <= LONGEST:
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError("must be a duration such as 30s, 15m, 2h, 7d or 1h30m")
    total = sum(float(amount) * _UNITS[unit] for unit, amount in match.groupdict().items() if amount)
    if total > LONGEST:
        raise ValueError("must be at most 3650d")
    return total


def _a_second(value: float) -> float:
    if value < 1:
        raise ValueError("must be at least 1s")
    return value


Duration = Annotated[float, BeforeValidator(seconds)]
"""Seconds, 0 or more; written as text."""
Interval = Annotated[float, BeforeValidator(seconds), AfterValidator(_a_second)]
"""Seconds, 1 or more; written as text."""


class Schedule(str):
    """The times of something that recurs: a duration or a cron line, as written."""

    __slots__ = ()

    @property
    def every(self) -> float | None:
        """Seconds between two runs; None for a cron line."""
        return None if " " in self else seconds(self)

    @property
    def cron(self) -> str | None:
        """Five fields with weekdays by name, so that every scheduler reads them alike; None for a duration."""
        return normal(self) if " " in self else None


def schedule(value: object) -> Schedule:
    """Read a duration of at least a second, or a cron line. Raises ValueError: what is accepted."""
    if not isinstance(value, str):
        raise ValueError('must be a duration such as "60s", or a cron line such as "*/5 * * * *"')  # noqa: TRY004
    text = " ".join(value.split())
    if " " in text:
        normal(text)
    else:
        _a_second(seconds(text))
    return Schedule(text)


Poll = Annotated[Schedule, PlainValidator(schedule)]


_TIMES = "2026-06-11T07:15:00Z, 2026-06-11, yesterday, today, or 2h for so long ago"


def instant(value: object) -> datetime:
    """Read an instant, in UTC: ISO 8601 with its zone, a date (its midnight), `yesterday`, `today`, or a duration back from now.

    Raises ValueError: what is accepted.
    """
    if isinstance(value, str):
        value = _past(value.strip().lower()) or _iso(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime):
        raise ValueError(f"must be a time such as {_TIMES}")  # noqa: TRY004 - pydantic takes ValueError only
    if value.tzinfo is None:
        raise ValueError("has no time zone: write it as 2026-06-11T07:15:00Z")
    return value.astimezone(UTC)


def _past(text: str) -> date | None:
    """Read a word for a day of UTC, or a duration back from now; None for any other text."""
    now = datetime.fromtimestamp(SystemClock().now(), UTC)
    if text in {"today", "yesterday"}:
        return now.date() - timedelta(days=text == "yesterday")
    try:
        return now - timedelta(seconds=seconds(text))
    except ValueError:
        return None


def _iso(text: str) -> date | None:
    for read in (date.fromisoformat, datetime.fromisoformat):  # the second takes a date for an instant
        with suppress(ValueError):
            return read(text)
    return None


def _start(value: object) -> Literal["new", "now", "all"] | datetime:
    if value == "new" or value == "now" or value == "all":  # noqa: PLR1714 - so that the type narrows
        return value
    try:
        return instant(value)
    except ValueError as error:
        raise ValueError(f'{error}; or "new", "now", "all"') from None


Start = Annotated[Literal["new", "now", "all"] | datetime, PlainValidator(_start)]
"""Un-exported leads, those discovered from now on, every lead, or those discovered since an instant."""

REASONS = ("bot", "wrong_gender", "wrong_job", "wrong_skill", "wrong_personality", "zapier", "other")
"""CTGO's reasons why a lead is bad. Source: its page on submitting feedback."""


def _reason(value: object) -> str:
    if value in REASONS:
        return str(value)
    raise ValueError(f"must be one of CTGO's reasons, {hint(str(value), REASONS, 'which')}")


Reason = Annotated[str, PlainValidator(_reason)]


def _property(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", value):
        return value
    raise ValueError("must be the property's internal name, such as hs_lead_status or Status")


Property = Annotated[str, AfterValidator(_property)]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=64)]


def encrypted(url: str) -> str:
    """Return the URL. Raises ValueError if it would carry a secret over a network without encryption."""
    parts = _split(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (plain http is for this machine's own addresses only)")
    return url


def web_address(url: str) -> str:
    """Return an http(s) URL without a user. Raises ValueError with the reason against it."""
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or a password")
    if not usable(url):
        raise ValueError(
            "names a host that is no name by the rules of the internet, and no address: write it anew"
        )
    return encrypted(url)


def _base_url(url: str) -> str:
    if "?" in url or "#" in url:
        raise ValueError("must end before any ? or #: paths are added to it")
    return web_address(url).rstrip("/")


def _split(url: str) -> SplitResult:
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("must not hold blanks")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("must be an address such as https://host/path") from None
    return parts


BaseUrl = Annotated[str, AfterValidator(_base_url)]


def _key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise ValueError("is empty")
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError("holds blanks, line breaks or characters that no key has: copy it again")
    return value


def _hook(value: SecretStr) -> SecretStr:
    if value.get_secret_value():
        web_address(value.get_secret_value())
    return value


Key = Annotated[SecretStr, AfterValidator(_key)]
"""A key that is sent in a header: visible ASCII, not empty."""
Hook = Annotated[SecretStr, AfterValidator(_hook)]
"""A URL that is a secret: everybody who knows it may use it. Empty: off."""


class Listen(str):
    """An address to listen on: `host:port`, `[v6]:port`, or empty for none."""

    __slots__ = ()

    @property
    def host(self) -> str:
        """Without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """0 lets the system choose; also when empty."""
        return int(self.rpartition(":")[2] or 0)


def _listen(value: object) -> Listen:
    match = (
        re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", value)
        if isinstance(value, str)
        else None
    )
    if value != "" and (match is None or int(match[2]) > 65535):  # noqa: PLR2004 - the largest port
        raise ValueError("must be host:port such as 127.0.0.1:8377, or empty")
    return Listen(value)


ListenAt = Annotated[Listen, PlainValidator(_listen)]


def _host_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?", name):
        raise ValueError("must be a name such as syncd.example.com, without a port")
    return name.lower()


HostName = Annotated[str, AfterValidator(_host_name)]
"""A name of this machine, in lower case."""


class Digest(str):
    """A time of day and a zone, `08:00 Europe/Paris`; the zone may be left out: UTC. Empty: off."""

    __slots__ = ()

    @property
    def hour(self) -> int:
        """0 to 23."""
        return int(self[:2])

    @property
    def minute(self) -> int:
        """0 to 59."""
        return int(self[3:5])

    @property
    def zone(self) -> str:
        """An IANA name."""
        return self[6:] or "UTC"


def _digest(value: object) -> Digest:
    wanted = 'must be a time and a zone such as "08:00 Europe/Paris", or empty'
    if not isinstance(value, str) or not re.fullmatch(
        r"|([01][0-9]|2[0-3]):[0-5][0-9]( [A-Za-z0-9_+/-]+)?", value
    ):
        raise ValueError(wanted)
    digest = Digest(value)
    try:
        ZoneInfo(digest.zone)
    except (OSError, LookupError, ValueError):  # unknown, a folder of zones, a path
        raise ValueError(f"{wanted}; that zone is not known here") from None
    return digest


DigestAt = Annotated[Digest, PlainValidator(_digest)]


_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)
_PART = re.compile(r"(?P<first>\*|[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?(?:/(?P<step>[0-9]+))?")


def normal(line: str) -> str:
    """Return a cron line of five fields with single spaces and weekdays by name. Raises ValueError: what is wrong.

    cron counts the days of the week from Sunday, APScheduler from Monday; both read names alike.
    """
    texts = line.lower().split()
    if len(texts) != len(_FIELDS):
        raise ValueError(
            'must be a duration such as 60s, or a cron line of five fields such as "*/5 * * * *"'
        )
    days = [
        _values(text, what, low, high, names)
        for text, (what, low, high, names) in zip(texts, _FIELDS, strict=True)
    ][-1]
    if texts[-1] != "*":
        texts[-1] = ",".join(name for number, name in enumerate(_WEEKDAYS) if {number, number or 7} & days)
    return " ".join(texts)


def _values(text: str, what: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    """List every value that a field means."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"has a {what} that is no cron field: write *, 5, 1-5, */5 or a list of those")
        if match["first"] == "*":
            first, last = low, high
        else:
            first = _number(match["first"], what, low, high, names)
            last = _number(match["last"], what, low, high, names) if match["last"] else first
        if match["step"] and not match["last"]:
            last = high
        step = int(match["step"] or 1)
        if (match["first"] == "*" and match["last"]) or first > last:
            raise ValueError(f"has a range in the {what} that is empty")
        if match["step"] and not 1 <= step <= last - first:
            raise ValueError(f"has a step in the {what} that leads out of its range")
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, what: str, low: int, high: int, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdecimal() else -1)
    if not low <= value <= high:
        raise ValueError(f"has a {what} outside {low}-{high}")
    return value
