"""The fake receiver behind a real socket, and a connector that talks to it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from connectors.webhook.connector import WebhookConnector
from syncd.connector import Delivery, Failure, Field, Outcome
from syncd.simulator.crms.webhook import PREFIX, SIGNING_SECRET, TOKEN, WebhookFake
from syncd.simulator.wsgi import served
from syncd.testing import Bench, ManualClock


class Remote:
    """The fake as the contract's tests want it."""

    def __init__(self, fake: WebhookFake) -> None:
        self.fake = fake

    def objects(self) -> Sequence[Mapping[str, object]]:
        return list(self.fake.taken.values())

    def lose_next_answer(self) -> None:
        self.fake.lose_next_answer()

    def fail_next(self) -> None:
        self.fake.answer_next(500, b"<html>Oops</html>")

    def poison(self, person: str) -> None:
        self.fake.poisoned.add(person)

    def slow_down(self, seconds: float) -> None:
        self.fake.answer_next(429, retry_after=f"{seconds:g}")

    def revoke(self) -> None:
        self.fake.tokens.clear()


class Table(Bench):
    """A bench that also holds the fake."""

    fake: WebhookFake


@contextmanager
def table(
    *, signed: bool = True, fields: Mapping[str, str | Field] | None = None, **options: object
) -> Iterator[Table]:
    """A fake, and a connector with these options."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)  # a short answer is what was asked for
    clock = ManualClock()
    fake = WebhookFake(clock.now, signed=signed)
    with served(fake.wsgi) as url:
        chosen: dict[str, object] = {"url": url + PREFIX, "headers": {"Authorization": f"Bearer {TOKEN}"}}
        if signed:
            chosen["signing_secret"] = SIGNING_SECRET
        bench = Table.open(WebhookConnector, {**chosen, **options}, Remote(fake), clock=clock, fields=fields)
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
