"""Salesforce's fake behind a real socket, and a connector that talks to it through the real library."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import requests
from simple_salesforce.api import Salesforce

from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.setup import CUSTOM_FIELDS, key_metadata
from syncd.connector import Delivery, Failure, Field, Outcome, Refused, Watched
from syncd.simulator import wsgi
from syncd.simulator.crms.salesforce import CLIENT_ID, CLIENT_SECRET, SalesforceFake
from syncd.simulator.crms.salesforce.lead_object import KEY
from syncd.testing import Bench, ManualClock

WATCHED = Watched("Status", frozenset({"Working", "Closed - Not Converted"}))
PLAIN: Mapping[str, str | Field] = {
    "LastName": "{{ handle }}",
    "Company": "@{{ handle }} (X)",
    "CTGO_Bio__c": "{{ bio }}",
}
"""A mapping of nothing but `always`, without an email."""


@contextmanager
def served(fake: SalesforceFake) -> Iterator[str]:
    """Runs the fake on loopback; yields its base URL."""
    logging.getLogger("waitress").setLevel(logging.CRITICAL)  # a short answer is what was asked for
    with wsgi.served(fake.wsgi, threads=1) as url:
        fake.url = url
        yield url


class Remote:
    """The fake as the contract's tests want it."""

    def __init__(self, fake: SalesforceFake) -> None:
        self.fake = fake

    def objects(self) -> Sequence[Mapping[str, object]]:
        return [dict(lead) for lead in self.fake.org.leads.values()]

    def schema(self) -> object:
        return sorted((field.name, field.granted) for field in self.fake.org.fields.values())

    def lose_next_answer(self) -> None:
        self.fake.lose_next_answer()

    def fail_next(self) -> None:
        self.fake.answer_next(500)

    def poison(self, person: str) -> None:
        said = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": f"no {person}", "fields": []}
        self.fake.org.errors[person] = said

    def slow_down(self, seconds: float) -> None:
        self.fake.answer_next(429, **{"Retry-After": f"{seconds:g}"})

    def revoke(self) -> None:
        self.fake.revoke()

    def mark(self, person: str, value: str) -> None:
        self.fake.mark(person, value)


class Table(Bench):
    """A bench that also holds the fake."""

    fake: SalesforceFake

    @property
    def salesforce(self) -> SalesforceConnector:
        """The connector, by its own type."""
        assert isinstance(self.connector, SalesforceConnector)
        return self.connector


@contextmanager
def table(
    *,
    ready: bool = True,
    fields: Mapping[str, str | Field] | None = None,
    watched: Watched | None = WATCHED,
    **options: Any,
) -> Iterator[Table]:
    """A fake, set up if `ready`, and a connector with these options."""
    clock = ManualClock()
    fake = SalesforceFake(clock.now)
    if ready:
        fake.org.set_up(CUSTOM_FIELDS, key_metadata())
    with served(fake) as url:
        chosen: dict[str, Any] = {"instance_url": url, **options}
        if "session_id" not in chosen:
            chosen = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **chosen}
        bench = Table.open(
            SalesforceConnector,
            chosen,
            Remote(fake),
            clock=clock,
            fields=fields,
            secrets={"!canary."},
            watched=watched,
        )
        assert isinstance(bench, Table)
        bench.fake = fake
        try:
            yield bench
        finally:
            bench.connector.close()


@contextmanager
def library(fake: SalesforceFake) -> Iterator[Salesforce]:
    """The library itself, signed in at a fake that is being served."""
    with requests.Session() as session:
        client = Salesforce(session_id=fake.session(), instance_url=fake.url, session=session, version="66.0")
        client.base_url = f"{fake.url}/services/data/v66.0/"
        yield client


def sent(bench: Bench, *batch: Delivery) -> list[Outcome]:
    """The outcomes of one call."""
    return list(bench.connector.deliver(batch))


def raised(bench: Bench, *batch: Delivery) -> Failure | Refused:
    """What one call raised."""
    try:
        found = bench.connector.deliver(batch)
    except (Failure, Refused) as why:
        return why
    raise AssertionError(f"it returned {found!r}")


def one(bench: Bench, delivery: Delivery) -> Outcome:
    """What one delivery, alone, came to."""
    (found,) = sent(bench, delivery)
    return found


def lead_of(bench: Table, delivery: Delivery) -> dict[str, Any]:
    """The one lead with this delivery's key."""
    (found,) = bench.fake.org.by_key(delivery.person)
    assert found[KEY] == delivery.person
    return found
