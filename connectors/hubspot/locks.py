"""Locks: HubSpot answers 423 to a whole call because of the account, or because of one contact in it.

Its own locks last two seconds, and the first answer is waited out. A lock that outlasts the wait is taken for some
contact's: a call is halved until that contact stands alone, where it becomes a suspect as after a bare 500.
"""

from connectors.hubspot.errors import LOCK, LOCKED
from syncd.connector import Failure, Pause, Refused


class Locks:
    """Kept over calls. `lasting`: how many writes in a row found something locked; a hint only."""

    def __init__(self) -> None:
        """Nothing is locked yet."""
        self.lasting = 0

    def met(self, why: Failure, rows: int) -> Failure | Refused:
        """What the failure of a write of so many rows comes to."""
        if why.code != LOCKED:
            return why
        self.lasting += 1
        return why if self.lasting == 1 else narrowed(why, rows)


def narrowed(why: Failure, rows: int) -> Failure | Refused:
    """The word for a lock that outlasts HubSpot's own: Refused for several rows, an unexplained Pause for one."""
    if rows > 1:
        return Refused(why.code, f"HubSpot keeps one of {rows} contacts locked")
    asked = why.after if (why.after or 0.0) > LOCK else None
    return Pause(why.code, "HubSpot keeps the contact locked", after=asked, unexplained=True)
