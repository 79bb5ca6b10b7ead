"""Walking through a listing by offset over a set that changes meanwhile: pure.

No order is assumed, pages may shift, and a lead may be listed twice. A walk is clean when the distinct keys that it saw
are at least the last `total`; otherwise it goes round again, three times at most, and is then believed: what it missed
is found by the next overlapping pull or by the reconcile pass. A page that contradicts itself ends the walk.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from syncd.failure import Pause

ROUNDS = 3
FRUITLESS = 3
"""Pages in a row without anything new, and still `hasMore`: a listing without end."""
PAGE = 500


class OtherShape(Exception):  # noqa: N818 - an answer: this listing cannot be walked, another can
    """The listing answers in a way that cannot be paged through: no `hasMore`, or `limit` or `offset` ignored."""


@dataclass(slots=True)
class Walk:
    """One listing being walked. `take` each page; then `offset` says where to go on."""

    documented: bool
    """Whether paging is documented for this listing: what breaks its rules is then a failure, else another shape."""
    offset: int = 0
    rounds: int = 1
    _seen: set[Hashable] = field(default_factory=set)
    _earlier: set[Hashable] = field(default_factory=set)
    """What rounds before this one saw."""
    _fruitless: int = 0
    _last: tuple[Hashable, ...] = ()

    def take(
        self, keys: Sequence[Hashable], total: int | None, *, has_more: bool | None
    ) -> Literal["more", "done"]:
        """Note a page's keys, or their hashes, which take a tenth of the room; say whether to ask for another.

        Raises OtherShape, or Pause for a page that contradicts itself.
        """
        self._check(keys, has_more=has_more)
        self._fruitless = self._fruitless + 1 if self._seen.issuperset(keys) else 0
        if has_more and self._fruitless >= FRUITLESS:
            raise Pause(
                "page_repeated", f"{FRUITLESS} pages in a row held nothing that was not on one before."
            )
        self._seen.update(keys)
        self._last = tuple(keys)
        if has_more:
            self.offset += len(keys)
            return "more"
        if total is not None and self._distinct() < total and self.rounds < ROUNDS:
            self.rounds, self.offset, self._last = self.rounds + 1, 0, ()
            self._earlier |= self._seen
            self._seen, self._fruitless = set(), 0
            return "more"
        return "done"

    def _distinct(self) -> int:
        return len(self._seen | self._earlier) if self._earlier else len(self._seen)

    def _check(self, keys: Sequence[Hashable], *, has_more: bool | None) -> None:
        if has_more is None:
            self._break(Pause("unexpected_answer", "The listing does not say whether there is more."))
        if len(keys) > PAGE:
            self._break(
                Pause("unexpected_answer", f"The listing answers {len(keys)} rows to a limit of {PAGE}.")
            )
        if has_more and not keys:
            raise Pause("page_short", "An empty page says that there is more.")
        if keys and self.offset and tuple(keys) == self._last:
            self._break(Pause("page_repeated", "The same page came twice for two offsets."))

    def _break(self, why: Pause) -> None:
        raise why if self.documented else OtherShape(why.detail)


class Plan(NamedTuple):
    """One pass over a source's leads. Instants are seconds since the epoch."""

    kind: Literal["live", "reconcile", "window"]
    since: float | None = None
    until: float | None = None
    lifecycle: Literal["new"] | None = None
    limit: int | None = None
    """Stop ingesting after this many new leads; the watermark then stays."""
    window: int | None = None
    """Its number in the ledger, where it was asked for there."""
    extra: bool = False
    """A live pass before its time: it leaves the scheduled ones their slots."""

    @property
    def moves_watermark(self) -> bool:
        """Only a whole live pass does."""
        return self.kind == "live" and self.limit is None


Start = Literal["new", "now", "all"]


def floor_of(start: Start | float, now: float) -> float | None:
    """The instant before which a source takes nothing, fixed when it is first pulled; None: there is none."""
    if start == "now":
        return now
    return float(start) if isinstance(start, float | int) else None


def live_plan(
    watermark: float | None,
    lookback: float,
    start: Start | float,
    *,
    floor: float | None,
    started: bool,
    limit: int | None = None,
) -> Plan:
    """The next live pass: from the watermark less `lookback`, or from where the source starts; never below `floor`."""
    if started and watermark is not None:
        since = watermark - lookback
        return Plan("live", since=since if floor is None else max(since, floor), limit=limit)
    if floor is not None:
        return Plan("live", since=floor, limit=limit)
    return Plan("live", lifecycle="new" if start == "new" else None, limit=limit)


def watermark_after(
    newest: float | None, server_date: float | None, now: float, since: float | None
) -> float:
    """Where the watermark moves after a clean pass: never past the server's own time when the pass began.

    One lead dated 2099 must not blind every later pull. A pass that saw nothing moves it to where it began to look.
    """
    ceiling = now if server_date is None else server_date
    if newest is None:
        return ceiling if since is None else min(since, ceiling)
    return min(newest, ceiling)
