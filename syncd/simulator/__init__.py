"""Catch The Good Ones (CTGO) as a program that answers its API v2 from memory.

The demo, the tests and people without a key use it. The simulator follows the vendor's documentation and imports nothing
else of this package, so one misreading of the API cannot cancel another. `Options` has a switch for each behaviour that
the vendor leaves open. `crms` holds the places where leads go.
"""

from syncd.simulator.app import create_app
from syncd.simulator.gateway import Fault
from syncd.simulator.leads.store import Export
from syncd.simulator.options import Options
from syncd.simulator.serve import Running, running, serve
from syncd.simulator.world import World

__all__ = ["Export", "Fault", "Options", "Running", "World", "create_app", "running", "serve"]
