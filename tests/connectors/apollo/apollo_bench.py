"""Apollo's fake behind a real socket, and a connector that talks to it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from connectors.apollo.connector import ApolloConnector
from syncd.connector import Delivery, Failure, Field, Outcome, Refused
from syncd.simulator import wsgi
from syncd.simulator.crms.apollo import KEY, ApolloFake
from syncd.testing import Bench, ManualClock

CUSTOM = tuple(name for name in ApolloConnector.defaults if name.startswith("ctgo_"))


@contextmanager
def served(fake: ApolloFake) -> Iterator[str]:
    """Runs the fake on loopback; yields its base URL."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)  # a short answer is what was asked for
    with wsgi.served(fake.wsgi, threads=1) as url:
        yield f"{url}/api/v1"


class Remote:
    """The fake as the contract's tests want it."""

    def __init__(self, fake: ApolloFake) -> None:
        self.fake = fake

    def objects(self) -> Sequence[Mapping[str, object]]:
        labels = {id_: field["label"] for id_, field in self.fake.book.fields.items()}
        return [
            {**contact, **{labels[id_]: value for id_, value in contact["typed_custom_fields"].items()}}
            for contact in self.fake.book.contacts.values()
        ]

    def schema(self) -> object:
        return [
            sorted(field["label"] for field in self.fake.book.fields.values()),
            sorted(self.fake.book.labels),
        ]

    def lose_next_answer(self) -> None:
        self.fake.lose_next_answer()

    def fail_next(self) -> None:
        self.fake.answer_next(500, b"<html>Oops</html>")

    def poison(self, person: str) -> None:
        self.fake.book.poisoned.add(person)

    def slow_down(self, seconds: float) -> None:
        self.fake.too_many_next("minute", f"{seconds:g}")

    def revoke(self) -> None:
        self.fake.keys.clear()


class Table(Bench):
    """A bench that also holds the fake."""

    fake: ApolloFake


@contextmanager
def table(
    *,
    ready: bool = True,
    fields: Mapping[str, str | Field] | None = None,
    scopes: set[str] | None = None,
    **options: object,
) -> Iterator[Table]:
    """A fake, set up if `ready`, and a connector with these options."""
    clock = ManualClock()
    fake = ApolloFake(clock.now, scopes=scopes)
    if ready:
        for name in CUSTOM:
            fake.book.field(name, "number" if name == "ctgo_follower_count" else "string")
        fake.book.label("ctgo")
    with served(fake) as url:
        chosen = {"api_key": KEY, "base_url": url, **options}
        bench = Table.open(ApolloConnector, chosen, Remote(fake), clock=clock, fields=fields)
        assert isinstance(bench, Table)
        bench.fake = fake
        try:
            yield bench
        finally:
            bench.connector.close()


def sent(bench: Bench, *batch: Delivery) -> list[Outcome] | Failure | Refused:
    """What one call came to."""
    try:
        return list(bench.connector.deliver(batch))
    except (Failure, Refused) as why:
        return why


def raised(bench: Bench, *batch: Delivery) -> Failure:
    """The failure that one call raised."""
    found = sent(bench, *batch)
    assert isinstance(found, Failure), found
    return found


def one(bench: Bench, delivery: Delivery) -> Outcome:
    """What one delivery, alone, came to."""
    found = sent(bench, delivery)
    assert isinstance(found, list), found
    assert len(found) == 1
    return found[0]
