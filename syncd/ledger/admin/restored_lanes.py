"""Doubts of a lane after a restore: see `syncd.ledger.admin.restoration`."""

from collections.abc import Sequence

from sqlalchemy import Connection

from syncd.ledger.admin.maintenance import done
from syncd.ledger.deliveries.due import Due

MARGIN = 86400.0
"""Seconds that the clocks here and at CTGO, and the time of a lead's discovery, may be apart."""


REACHED = "replaced"
"""The row of what was done that says how far the ledger reached that a restore replaced, by CTGO's time."""


def restored_at(connection: Connection) -> float | None:
    """When this ledger was last put in place from a backup: by this machine's clock, or by CTGO's if that was ahead."""
    found = done(connection)
    return (
        max(found[name].at for name in ("restore", REACHED) if name in found) if "restore" in found else None
    )


def doubted(found: Sequence[Due], now: float, restored: float) -> list[Due]:
    """Mark due deliveries as *maybe sent* where the replaced ledger may have sent them.

    A time of discovery from the future proves nothing.
    """
    return [
        one._replace(item=one.item._replace(maybe_sent=True))
        if one.discovered_at <= restored + MARGIN or one.discovered_at > now
        else one
        for one in found
    ]
