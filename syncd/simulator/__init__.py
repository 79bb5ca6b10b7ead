"""Catch The Good Ones as a program: its API v2, answered from memory.

For the demo, the tests, and anybody without a key. It knows the vendor's documentation and nothing of the rest of this
package, so that one misreading of the API cannot cancel another. What the vendor does not say is a switch in `Options`.
"""

from syncd.simulator.access.faults import Fault
from syncd.simulator.app import create_app
from syncd.simulator.leads.store import Export
from syncd.simulator.options import Options
from syncd.simulator.serve import Running, running, serve
from syncd.simulator.world import World

__all__ = ["Export", "Fault", "Options", "Running", "World", "create_app", "running", "serve"]
