"""The kit for authors of connectors: a conformance suite to subclass, and the parts that it needs.

`ConnectorContract` is the suite: subclass it with one fixture, which returns a `Bench` with a `Remote`.

    class TestMine(ConnectorContract):
        @pytest.fixture
        def bench(self) -> Bench:
            fake = MyFake()
            return Bench.open(MyConnector, {"token": "s3cret", "base_url": fake.url}, fake)

`HttpContract` is a second suite, for connectors that speak HTTP. `cannot` names, with the reason, what the remote cannot
be made to do; those tests are skipped with it. A connector on the bench gets a `ManualClock` and a `Journal`.
`MemoryConnector` with its `MemoryRemote` is the smallest connector that passes. The kit needs pytest, which only test
suites have: nothing else in `syncd` imports this package.
"""

from syncd.testing import samples
from syncd.testing.bench import Bench, Journal, ManualClock, Remote
from syncd.testing.declaration import DeclarationClaims
from syncd.testing.failures import FailureClaims
from syncd.testing.lane_harness import LaneHarness
from syncd.testing.memory import MemoryConnector, MemoryOptions, MemoryRemote
from syncd.testing.statuses import StatusClaims
from syncd.testing.wire import HttpContract
from syncd.testing.writes import SendingClaims

__all__ = [
    "Bench",
    "ConnectorContract",
    "HttpContract",
    "Journal",
    "LaneHarness",
    "ManualClock",
    "MemoryConnector",
    "MemoryOptions",
    "MemoryRemote",
    "Remote",
    "samples",
]


class ConnectorContract(SendingClaims, FailureClaims, StatusClaims, DeclarationClaims):
    """Every claim of the contract. Override the fixture `bench`; with `setup`, also `bare`."""
