"""HubSpot keeps the contract, with the real library over loopback, however HubSpot answers what it leaves open."""

from collections.abc import Iterator

import pytest

from connectors.hubspot.connector import HubSpotConnector
from syncd.connector import Field, Watched
from syncd.simulator.crms.hubspot import TOKEN, HubSpotFake
from syncd.testing import Bench, ConnectorContract, ManualClock

WATCHED = Watched("hs_lead_status", frozenset({"CONNECTED", "UNQUALIFIED"}))
ALWAYS: dict[str, str | Field] = {
    "firstname": "{{ first_name }}",
    "lastname": "{{ last_name or '@' ~ handle }}",
    "email": "{{ email if email_status == 'verified' }}",
    "ctgo_bio": "{{ bio }}",
}


def opened(
    fake: HubSpotFake, url: str, clock: ManualClock, fields: dict[str, str | Field] | None = None
) -> Bench:
    options = {"access_token": TOKEN, "base_url": url}
    return Bench.open(HubSpotConnector, options, fake, clock=clock, fields=fields, watched=WATCHED)


def benches(
    fields: dict[str, str | Field] | None = None, *, ready: bool = True, **switches: bool
) -> Iterator[Bench]:
    clock = ManualClock()
    fake = HubSpotFake(clock.now, clock.monotonic, ready=ready)
    fake.portal.lags = (1.0, 0.0)
    for name, value in switches.items():
        setattr(fake.batches, name, value)
    with fake.served() as url:
        bench = opened(fake, url, clock, fields)
        yield bench
        bench.connector.close()


class TestHubSpot(ConnectorContract):
    """The default mapping."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        yield from benches()

    @pytest.fixture
    def bare(self) -> Iterator[Bench]:
        yield from benches(ready=False)


class TestHubSpotWithoutReading(ConnectorContract):
    """A mapping of nothing but `always`."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        yield from benches(ALWAYS)


class TestHubSpotAllOrNothing(ConnectorContract):
    """A HubSpot that ignores trace ids and refuses a batch whole."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        yield from benches(multi_status=False, echo_traces=False)


class TestHubSpotTaciturn(ConnectorContract):
    """A HubSpot that echoes neither trace ids nor keys."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        yield from benches(echo_traces=False, echo_keys=False, error_traces=False)
