"""A world in virtual time: CTGO's simulator, remotes, a real ledger on disk, and the lanes stepped by one thread.

Everything a test needs to run the engine end to end without sleeping, without a network, and repeatably: a clock that
only moves when it is told to, a remote that outlives the engine, a transport and a ledger with seams where a crash
can be raised, and oracles that look from outside.
"""

from tests.support.acts import lead_ids, pause, pulled
from tests.support.bench import Bench
from tests.support.books import assert_books, iso
from tests.support.engine_parts import Account, Lanes
from tests.support.remote import (
    MemoryConnector,
    PeopleConnector,
    Place,
    Remote,
    Rule,
    Thing,
    chokes_on,
    lost_answer,
    refuses,
    rejects,
    unreachable,
)
from tests.support.virtual import DAY, KEY, START, Answering, Clock, Crash, Log, SeamLedger, Seams, Wire

__all__ = [
    "DAY",
    "KEY",
    "START",
    "Account",
    "Answering",
    "Bench",
    "Clock",
    "Crash",
    "Lanes",
    "Log",
    "MemoryConnector",
    "PeopleConnector",
    "Place",
    "Remote",
    "Rule",
    "SeamLedger",
    "Seams",
    "Thing",
    "Wire",
    "assert_books",
    "chokes_on",
    "iso",
    "lead_ids",
    "lost_answer",
    "pause",
    "pulled",
    "refuses",
    "rejects",
    "unreachable",
]
