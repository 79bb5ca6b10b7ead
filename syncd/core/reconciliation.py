"""The ledger's books against CTGO's: pure.

CTGO counts a source's un-exported leads (`total` of the listing `lifecycle=new`), and the ledger counts those that it
holds and that are not exported. Both move together: a new lead adds one to each, an export takes one from each. Their
*drift*, the one less the other, is therefore the same as after the last calm sweep, unless something happened past the
ledger: a lead that no pull listed, an export by somebody else, a campaign that was archived. Then a sweep lists them all.

Leads that CTGO counts, and that a calm sweep cannot list, are *missing*, and that is reported. If the next sweep finds the
same number, CTGO counts so: the number is remembered as *unmet*, and only its change is news.
"""

from typing import NamedTuple

RESTLESS = 3
"""Sweeps in a row without a calm round from which on this is reported."""
FICKLE = 3
"""Sweeps in a row that each find another number from which on CTGO's count is not believed to mean anything."""
CHECK = 3600.0
"""Seconds between two comparisons of the books."""


class Books(NamedTuple):
    """A source's books. Instants are seconds since the epoch.

    `drift`: rows that CTGO counts less rows held here, None: no calm sweep was made. `unmet`: rows that CTGO counts and
    does not list. `missing`: rows that CTGO counts and the ledger does not hold, as far as that is news. `swept`: a sweep
    looked for them. `restless`: sweeps in a row that were not calm. `changes`: sweeps in a row that changed `unmet`.
    """

    drift: int | None = None
    unmet: int = 0
    missing: int = 0
    swept: bool = True
    restless: int = 0
    changes: int = 0
    checked_at: float | None = None

    @property
    def is_missing(self) -> bool:
        """True if leads are missing although a sweep looked for them."""
        return self.swept and self.missing > 0


def trouble(books: Books) -> tuple[str, str] | None:
    """Return a code and a sentence for what a person should know; None when the books are even."""
    if books.is_missing:
        return "leads_missing", f"CTGO counts {books.missing} un-exported leads that it does not list."
    if books.restless >= RESTLESS:
        detail = f"CTGO's list did not stand still in {books.restless} sweeps, so leads may be missing."
        return "listing_restless", detail
    return None


def after_check(books: Books, total: int | None, held: int, now: float) -> Books:
    """Compare the counts. `total`: CTGO's, None if it does not count; `held`: un-exported rows of the ledger."""
    checked = books._replace(checked_at=now)
    if total is None or books.drift is None:
        return checked
    apart = total - held - books.drift
    return checked._replace(missing=max(0, apart), swept=False) if apart else checked


def wants_sweep(books: Books) -> bool:
    """Decide whether a sweep follows a comparison."""
    return books.drift is None or not books.swept or books.missing > 0 or books.restless > 0


def after_sweep(books: Books, total: int | None, unmet: int, held: int, now: float) -> Books:
    """Note a calm sweep, which took in all that it listed. `unmet`: rows that CTGO counts and did not list."""
    changes = books.changes + 1 if unmet != books.unmet else 0
    missing = max(0, unmet - books.unmet) if changes <= FICKLE else 0
    drift = None if total is None else total - held
    return Books(drift, unmet, missing, swept=True, restless=0, changes=changes, checked_at=now)


def after_restless(books: Books, now: float) -> Books:
    """Note a sweep that was not calm."""
    return books._replace(restless=books.restless + 1, checked_at=now)
