"""Walking through a listing by offset over a set that changes meanwhile: pure.

No order is assumed, pages may shift, and a lead may be listed twice. Pages overlap by a row: a page that lacks the last
row of the page before it tells that rows left in between, and that others slid past. A round is *calm* when every page
held that row and `total` never fell: then it saw every row that was there when it began. Otherwise the walk goes round
again. A listing without any order is calm once its rounds together have seen as many rows as a `total` that did not
move. A page that contradicts itself ends the walk.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from syncd.core.failure import Pause

ROUNDS = 3
"""Rounds that a walk makes at the most while it is not calm, or sees fewer rows than `total`."""
MOST_ROUNDS = 12
"""Rounds at the most while each round still brings rows that none before it had."""
FRUITLESS = 3
"""Pages in a row without anything new, and still `hasMore`: a listing without end."""
PAGE = 500


class OtherShape(Exception):  # noqa: N818 - an answer: this listing cannot be walked, another can
    """The listing answers in a way that cannot be paged through: no `hasMore`, or `limit` or `offset` ignored."""


@dataclass(slots=True)
class Walk:
    """One listing being walked. `take` each page; then `offset` says where to go on."""

    documented: bool
    """True if paging is documented for this listing: a broken rule is then a failure, else another shape."""
    offset: int = 0
    rounds: int = 1
    total: int | None = None
    """The last page's count of the listing's rows."""
    calm: bool = False
    """True if the last round saw the listing stand still; set at the end of the walk."""
    _seen: set[Hashable] = field(default_factory=set)
    _earlier: set[Hashable] = field(default_factory=set)
    """The rows of rounds before this one, as long as `total` does not move."""
    _steady: bool = True
    """True while this round's pages overlap, and `total` never fell."""
    _first: int | None = None
    """The count on this round's first page."""
    _fruitless: int = 0
    _last: tuple[Hashable, ...] = ()

    @property
    def moved(self) -> bool:
        """True if `total` differs between the first and the last page of the round."""
        return self._first != self.total

    @property
    def unmet(self) -> int:
        """Rows that the listing counted, and did not list although they were there when the round began."""
        return max(0, min(self._first or 0, self.total or 0) - len(self._seen | self._earlier))

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
        self._compare(keys, total)
        self._seen.update(keys)
        self._last = tuple(keys)
        if has_more:
            self.offset += max(1, len(keys) - 1)
            return "more"
        return "done" if self._is_over() else self._go_round()

    def _compare(self, keys: Sequence[Hashable], total: int | None) -> None:
        """Compare a page with the one before it."""
        if not self.offset:
            self._first = total
            if total != self.total:
                self._earlier = set()
        elif len(self._last) > 1 and self._last[-1] not in keys:
            self._steady = False
        if self.offset and total is not None and self.total is not None and total < self.total:
            self._steady = False
        self.total = total

    def _is_over(self) -> bool:
        """Decide, at the end of a round, whether the walk may be believed or goes on no longer."""
        even = not self.unmet
        alone = self.total is None or len(self._seen) >= min(self._first or 0, self.total)
        # Some rows came twice in a round: there is no order, and only all rounds together can have seen them all
        apart = self.rounds > 1 and even and not self.moved and not alone
        self.calm = apart or (self._steady and (alone or not self.moved))
        if self.calm and even:
            return True
        grows = not self._earlier.issuperset(self._seen)
        return self.rounds >= (MOST_ROUNDS if grows and not self._steady else ROUNDS)

    def _go_round(self) -> Literal["more"]:
        self._earlier = set() if self.moved else self._earlier | self._seen
        self._seen, self._last = set(), ()
        self.rounds, self.offset, self._fruitless, self._steady = self.rounds + 1, 0, 0, True
        return "more"

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
