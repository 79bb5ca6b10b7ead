"""The CRM fakes, each run in a process of its own and new: nobody else's cost, and no contact of the run before."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from connectors.apollo.connector import ApolloConnector
from connectors.salesforce.setup import CUSTOM_FIELDS, key_metadata
from syncd.simulator.crms import apollo, hubspot, salesforce
from syncd.simulator.crms.apollo import ApolloFake
from syncd.simulator.crms.apollo.book import Book, Contact, normal
from syncd.simulator.crms.hubspot import HubSpotFake
from syncd.simulator.crms.salesforce import SalesforceFake
from syncd.simulator.wsgi import served

ENOUGH = 10_000_000
"""Requests for each of a CRM's limits: what limits come to is shown elsewhere."""


class Call(NamedTuple):
    """A request that came in."""

    method: str
    path: str
    query: str
    body: str


@dataclass
class Remote:
    """`calls` and `objects` (how many people it holds) are there when it is closed."""

    url: str
    calls: list[Call] = field(default_factory=list)
    objects: int = 0


@contextmanager
def remote(vendor: str) -> Iterator[Remote]:
    """A new fake, set up."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(vendor, theirs), daemon=True)
    process.start()
    try:
        end = Remote(ours.recv())
        yield end
        ours.send("over")
        end.calls, end.objects = ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(vendor: str, pipe: Connection) -> None:
    calls: list[Call] = []
    app, count = {"hubspot": _hubspot, "salesforce": _salesforce, "apollo": _apollo}[vendor]()

    def recorded(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        calls.append(
            Call(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], body.decode())
        )
        return app({**environ, "wsgi.input": BytesIO(body)}, start_response)

    with served(recorded) as url:
        pipe.send(url)
        pipe.recv()
        pipe.send((calls, count()))


def _hubspot() -> tuple[Callable[..., Iterable[bytes]], Callable[[], int]]:
    fake = HubSpotFake()
    fake.burst = fake.daily = ENOUGH
    return fake.wsgi, lambda: len(fake.portal.contacts)


def _salesforce() -> tuple[Callable[..., Iterable[bytes]], Callable[[], int]]:
    fake = SalesforceFake()
    fake.limit = ENOUGH
    fake.org.set_up(CUSTOM_FIELDS, key_metadata())
    return fake.wsgi, lambda: len(fake.org.leads)


class _IndexedBook(Book):
    """Finds an address at once, which the fake looks through all contacts for: ten thousand would take a minute."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self._by_mail: dict[str, Contact] = {}
        self._indexed = 0

    def match(self, item: Contact) -> Contact | None:
        """By address; nobody here has a company."""
        for contact in islice(reversed(self.contacts.values()), len(self.contacts) - self._indexed):
            self._by_mail[normal(contact["email"])] = contact
        self._indexed = len(self.contacts)
        return self._by_mail.get(normal(item.get("email")))


def _apollo() -> tuple[Callable[..., Iterable[bytes]], Callable[[], int]]:
    fake = ApolloFake(time.time)
    fake.book = _IndexedBook()
    for name in ApolloConnector.defaults:
        if name.startswith("ctgo_"):
            fake.book.field(name, "number" if name == "ctgo_follower_count" else "string")
    return fake.wsgi, lambda: len(fake.book.contacts)


SECRETS = {
    "hubspot": f'access_token = "{hubspot.TOKEN}"\nbase_url = "{{url}}"\nrequests_per_second = 1000',
    "salesforce": f'client_id = "{salesforce.CLIENT_ID}"\nclient_secret = "{salesforce.CLIENT_SECRET}"\n'
    'instance_url = "{url}"',
    "apollo": f'api_key = "{apollo.KEY}"\nbase_url = "{{url}}/api/v1"',
}
"""The options that open a connector on the fake."""
