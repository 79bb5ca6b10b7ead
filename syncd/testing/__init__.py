"""The kit for authors of connectors: a conformance suite to subclass, and what its fakes need.

`ConnectorContract` is the suite, `Bench` and `FarEnd` what it is given, `ManualClock` and `Journal` what a connector
is given for time and log, `MemoryConnector` and `MemoryFarEnd` the smallest connector that passes. Needs pytest,
which only test suites have: nothing else in `syncd` imports this package.
"""

from syncd.testing import samples
from syncd.testing.bench import Bench, FarEnd
from syncd.testing.clock import Journal, ManualClock
from syncd.testing.contract import ConnectorContract
from syncd.testing.lane_harness import Courier
from syncd.testing.memory import MemoryConnector, MemoryFarEnd, MemoryOptions

__all__ = [
    "Bench",
    "ConnectorContract",
    "Courier",
    "FarEnd",
    "Journal",
    "ManualClock",
    "MemoryConnector",
    "MemoryFarEnd",
    "MemoryOptions",
    "samples",
]
