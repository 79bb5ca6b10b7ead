"""A HubSpot connector on a made-up portal, for the tests: `Hub`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.options import CODES
from syncd.connector import Delivered, Delivery, Failure, Field, Outcome, Watched
from syncd.simulator.crms.hubspot import TOKEN, HubSpotFake
from syncd.simulator.crms.hubspot.portal import Properties
from syncd.testing import Bench, ManualClock

ALWAYS: dict[str, str | Field] = {
    "firstname": "{{ first_name }}",
    "lastname": "{{ last_name or '@' ~ handle }}",
    "email": "{{ email if email_status == 'verified' }}",
    "ctgo_bio": "{{ bio }}",
}
VERIFIED, GUESSED, NONE = 3, 1, 2
"""Leads by what is known of their address."""


@dataclass
class Hub:
    bench: Bench
    fake: HubSpotFake
    url: str

    @property
    def connector(self) -> HubSpotConnector:
        assert isinstance(self.bench.connector, HubSpotConnector)
        return self.bench.connector

    def lead(self, n: int, **changes: Any) -> Delivery:
        return self.bench.delivery(n, **changes)

    def send(self, *deliveries: Delivery) -> list[Outcome]:
        return list(self.connector.deliver(deliveries))

    def deliver(self, delivery: Delivery) -> Delivered:
        """Send one that must go through."""
        outcome = self.send(delivery)[0]
        assert isinstance(outcome, Delivered), outcome
        return outcome

    def failure(self, *deliveries: Delivery) -> Failure:
        """Send what must not go through: the first one's failure."""
        outcome = self.send(*deliveries)[0]
        assert isinstance(outcome, Failure), outcome
        return outcome

    def contact(self, id_: str | None) -> Properties:
        assert id_ is not None
        return self.fake.portal.contacts[id_]

    @property
    def size(self) -> int:
        return len(self.fake.portal.contacts)


@contextmanager
def hub(
    fields: Mapping[str, str | Field] | None = None,
    *,
    ready: bool = True,
    watched: Watched | None = None,
    **options: Any,
) -> Iterator[Hub]:
    """`fields` as in a mapping; `options` of the connector."""
    clock = ManualClock()
    fake = HubSpotFake(clock.now, clock.monotonic, ready=ready)
    with fake.served() as url:
        given = {"access_token": TOKEN, "base_url": url, **options}
        bench = Bench.open(HubSpotConnector, given, fake, clock=clock, fields=fields, watched=watched)
        yield Hub(bench, fake, url)
        bench.connector.close()


def raised(it: Hub, *numbers: int) -> Failure:
    """What is raised when these are sent, two of one kind by default."""
    with pytest.raises(Failure) as why:
        it.send(*(it.lead(n) for n in numbers or (GUESSED, NONE)))
    assert why.value.code in CODES
    return why.value
