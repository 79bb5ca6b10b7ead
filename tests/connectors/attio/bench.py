"""Attio's fake behind a real socket, and a connector that talks to it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from connectors.attio.connector import AttioConnector
from syncd.connector import Field
from syncd.core.delivery import Delivery, Outcome
from syncd.core.failure import Failure
from syncd.simulator.crms.attio import TOKEN, AttioFake
from syncd.simulator.wsgi import served
from syncd.testing import Bench, ManualClock


class Remote:
    """The fake as the contract's tests want it."""

    def __init__(self, fake: AttioFake) -> None:
        self.fake = fake

    def objects(self) -> Sequence[Mapping[str, object]]:
        return [
            {slug: flat(cells[0]) for slug, cells in values.items() if cells}
            for values in self.fake.records.values()
        ]

    def schema(self) -> object:
        return sorted(self.fake.attributes)

    def lose_next_answer(self) -> None:
        self.fake.lose_next_answer()

    def fail_next(self) -> None:
        self.fake.answer_next(500, b"<html>Oops</html>")

    def poison(self, person: str) -> None:
        self.fake.poisoned.add(person)

    def slow_down(self, seconds: float) -> None:
        self.fake.too_many_next(seconds)

    def revoke(self) -> None:
        self.fake.tokens.clear()


def flat(cell: Mapping[str, object]) -> object:
    """The one value of a cell."""
    return next(cell[part] for part in ("value", "email_address", "full_name") if part in cell)


class Table(Bench):
    """A bench that also holds the fake."""

    fake: AttioFake


@contextmanager
def table(
    *, ready: bool = True, fields: Mapping[str, str | Field] | None = None, **options: object
) -> Iterator[Table]:
    """Serve a fake; yield a connector with these options."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)  # a short answer is what was asked for
    clock = ManualClock()
    fake = AttioFake(clock.now, ready=ready)
    with served(fake.wsgi) as url:
        chosen = {"access_token": TOKEN, "base_url": url, **options}
        bench = Table.open(AttioConnector, chosen, Remote(fake), clock=clock, fields=fields)
        assert isinstance(bench, Table)
        bench.fake = fake
        try:
            yield bench
        finally:
            bench.connector.close()


def outcome(bench: Bench, delivery: Delivery) -> Outcome:
    """What one delivery came to, returned or raised."""
    try:
        (found,) = bench.connector.deliver([delivery])
    except Failure as why:
        return why
    return found
