"""The kit for authors of connectors: a conformance suite to subclass, and what its fakes need.

`ConnectorContract` is the suite, `Bench` and `Remote` what it is given, `ManualClock` and `Journal` what a connector
is given for time and log, `MemoryConnector` and `MemoryRemote` the smallest connector that passes. Needs pytest,
which only test suites have: nothing else in `syncd` imports this package.
"""

from syncd.testing import samples
from syncd.testing.bench import Bench, Remote
from syncd.testing.clock import Journal, ManualClock
from syncd.testing.contract import ConnectorContract
from syncd.testing.lane_harness import LaneHarness
from syncd.testing.memory import MemoryConnector, MemoryOptions, MemoryRemote

__all__ = [
    "Bench",
    "ConnectorContract",
    "Journal",
    "LaneHarness",
    "ManualClock",
    "MemoryConnector",
    "MemoryOptions",
    "MemoryRemote",
    "Remote",
    "samples",
]
