"""The kit for authors of connectors: a conformance suite to subclass, and the parts that it needs.

`ConnectorContract` is the suite; an author gives it a `Bench` with a `Remote`. A connector on the bench gets a `ManualClock`
and a `Journal`. `HttpContract` is a second suite, for connectors that speak HTTP. `MemoryConnector` with its `MemoryRemote` is the smallest connector that passes. The kit needs pytest, which
only test suites have: nothing else in `syncd` imports this package.
"""

from syncd.testing import samples
from syncd.testing.bench import Bench, Remote
from syncd.testing.clock import Journal, ManualClock
from syncd.testing.contract import ConnectorContract
from syncd.testing.lane_harness import LaneHarness
from syncd.testing.memory import MemoryConnector, MemoryOptions, MemoryRemote
from syncd.testing.wire import HttpContract

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
