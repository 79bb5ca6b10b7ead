"""Numbers, lengths and instants as the console writes them: alike in every country, in one zone a page. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from markupsafe import Markup

from syncd.log import escape, scrub

HOUR, DAY = 3600.0, 86400.0
LONGEST = 2000
"""Characters of one text."""
NARROW = "\u202f"
"""A narrow space at which no line breaks."""
_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_UNITS = (("d", DAY), ("h", HOUR), ("min", 60.0), ("s", 1.0))


def number(n: float) -> str:
    """Write a whole number, its thousands apart."""
    return f"{n:,.0f}".replace(",", NARROW)


def counted(n: int, noun: str, many: str = "") -> str:
    """Write a number with its noun: `1 lead`, `3 leads`. `many`: the plural, where it takes more than an s."""
    return f"{number(n)} {noun if n == 1 else many or f'{noun}s'}"


def in_words(n: int) -> str:
    """Write a number at the beginning of a sentence: as a word up to nine."""
    return _WORDS[n] if n < len(_WORDS) else number(n)


def length(seconds: float) -> str:
    """Write a length of time in its largest unit, or its two largest from an hour on: `12 s`, `28 min`, `12 d 4 h`."""
    left = max(0.0, seconds)
    for place, (unit, size) in enumerate(_UNITS):
        if left >= size:
            whole = f"{int(left // size)} {unit}"
            rest = int(left % size // _UNITS[place + 1][1]) if size >= HOUR else 0
            return f"{whole} {rest} {_UNITS[place + 1][0]}" if rest else whole
    return "0 s"


def safe_text(value: object) -> object:
    """Return a text fit to be shown: no secret, no control or direction character, and not endless. All else is returned as it is."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    cut = value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
    return escape(scrub(cut), keep="\n")


@dataclass(frozen=True, slots=True)
class Times:
    """Writes instants of one page, which is made `now`, in its zone."""

    now: float
    zone: tzinfo

    def clock(self, at: float, *, seconds: bool = False) -> str:
        """Write the time of day; another day's with its date."""
        moment, today = datetime.fromtimestamp(at, self.zone), datetime.fromtimestamp(self.now, self.zone)
        shown = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
        if moment.date() == today.date():
            return shown
        far = abs(self.now - at) > DAY * 300
        return moment.strftime("%Y-%m-%d " if far else "%-d %b ") + shown

    def ago(self, at: float) -> str:
        """Write how long ago an instant is, below an hour; then its time."""
        past = self.now - at
        if 0 <= past < 1:
            return "just now"
        return f"{length(past)} ago" if 0 <= past < HOUR else self.clock(at)

    def since(self, at: float) -> Markup:
        """Write an instant of the past as an element: how long ago below an hour, then its time."""
        return self._element(at, self.ago(at))

    def at(self, at: float, *, seconds: bool = False) -> Markup:
        """Write an instant as an element: its time of day."""
        return self._element(at, self.clock(at, seconds=seconds))

    def second(self, at: float) -> Markup:
        """Write an instant as an element under its day's title: its time of day alone."""
        return self._element(at, datetime.fromtimestamp(at, self.zone).strftime("%H:%M:%S"))

    def day(self, at: float) -> str:
        """Write the day of an instant: `Today`, `Yesterday` or its date."""
        day, today = (datetime.fromtimestamp(it, self.zone).date() for it in (at, self.now))
        names = {0: "Today", 1: "Yesterday"}
        return names.get((today - day).days, day.isoformat())

    def _element(self, at: float, text: str) -> Markup:
        exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        title = exact.replace("T", " ").replace("Z", " UTC")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, title, text)
