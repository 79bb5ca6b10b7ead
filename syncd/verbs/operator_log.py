"""The operator's log: what people told syncd to do, in sentences, and how much of it can be undone."""

from collections.abc import Sequence
from typing import Any

from syncd.ledger import Ledger, history
from syncd.ledger.admin import rejections
from syncd.ledger.deliveries import flood_gate

NAMED = {
    "pause": "paused NAME",
    "resume": "resumed NAME",
    "retry": "retried NAME",
    "take back": "took back a retry of NAME",
    "accept": "accepted the refusals of NAME",
    "drop": "dropped what was rejected at NAME",
    "release": "decided on what the gate of NAME holds",
    "hold": "closed the gate of NAME again",
    "replay": "replayed older leads to NAME",
    "push on": "switched push of NAME on",
    "push off": "switched push of NAME off",
    "backup": "copied the ledger to NAME",
    "restore": "restored the ledger from NAME",
}
UNNAMED = {
    "retry": "retried what was rejected",
    "take back": "took back a retry",
    "drop": "dropped what was rejected",
    "pull": "asked for a pull",
    "window": "asked for older leads",
    "forget": "erased for good",
}
"""The sentence of each verb, about a name and about all."""


def describe(entry: Any) -> str:
    """Describe an entry in words, without its time and its author."""
    done = (NAMED if entry.name else UNNAMED).get(entry.verb, f"{entry.verb} NAME")
    detail = f": {entry.detail}" if entry.detail not in {"", "all"} else ""
    return f"{done.replace('NAME', entry.name).strip()}{detail}"


def entries(
    ledger: Ledger, limit: int, *, since: float | None = None, name: str = "", before: int | None = None
) -> Sequence[Any]:
    """Return the newest entries, newest first. `before`: only those with a smaller number."""
    with ledger.read() as connection:
        return history.actions(connection, limit, since=since, name=name, before=before)


def undoable(ledger: Ledger, entry: Any) -> int:
    """Count the deliveries of an entry that can still be taken back, or held again: nobody tried them since."""
    counts = {"retry": rejections.count_retried, "release": flood_gate.count_released}
    if entry.touched is None or entry.verb not in counts:
        return 0
    with ledger.read() as connection:
        return counts[entry.verb](connection, entry)
