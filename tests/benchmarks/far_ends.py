"""The CRM fakes, each run in a process of its own and new: nobody else's cost, and no contact of the run before."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from connectors.salesforce_defaults import CUSTOM_FIELDS, key_metadata
from tests.fakes import hubspot, salesforce
from tests.fakes.hubspot import HubSpotFake
from tests.fakes.salesforce import SalesforceFake
from tests.fakes.serving import served

ENOUGH = 10_000_000
"""Requests for each of a CRM's limits: what limits come to is shown elsewhere."""


class Call(NamedTuple):
    """A request that came in."""

    method: str
    path: str
    query: str
    body: str


@dataclass
class FarEnd:
    """`calls` and `objects` (how many people it holds) are there when it is closed."""

    url: str
    calls: list[Call] = field(default_factory=list)
    objects: int = 0


@contextmanager
def far_end(vendor: str) -> Iterator[FarEnd]:
    """A new fake, set up."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(vendor, theirs), daemon=True)
    process.start()
    try:
        end = FarEnd(ours.recv())
        yield end
        ours.send("over")
        end.calls, end.objects = ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(vendor: str, pipe: Connection) -> None:
    calls: list[Call] = []
    app, count = {"hubspot": _hubspot, "salesforce": _salesforce}[vendor]()

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


SECRETS = {
    "hubspot": f'access_token = "{hubspot.TOKEN}"\nbase_url = "{{url}}"\nrequests_per_second = 1000',
    "salesforce": f'client_id = "{salesforce.CLIENT_ID}"\nclient_secret = "{salesforce.CLIENT_SECRET}"\n'
    'instance_url = "{url}"',
}
"""The options that open a connector on the fake."""
