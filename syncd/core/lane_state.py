"""The state of a lane: open, paused or halted, and what it must still prove."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from syncd.core.failure import CONNECTOR_BUG, Failure, Pause

PAUSE_LIMIT = 5
"""Explained pauses of one code in a row, none delivered between, that count as unexplained; a connector's bugs, as a halt."""
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 26 * 3600.0
"""Bounds of a pause in seconds, whatever a remote asks for: no hot loop, and no longer than a daily quota."""

Status = Literal["open", "paused", "halted"]

SOURCE_LANES = ("pull", "export")
"""The lanes that live by a source's key: one that is refused halts them all."""


class Policy(NamedTuple):
    """A lane's patience. Times are in seconds."""

    attempts: int = 8
    max_age: float = 7 * 86400.0
    retry_base: float = 5.0
    retry_cap: float = 3600.0
    pause_base: float = 2.0
    pause_cap: float = 300.0
    probe: float | None = None
    """Time after which a halted lane tries one delivery by itself; None: a person must act first.

    After rejections alike it tries sooner at first: the fault may be that of a few leads, and healthy ones wait.
    """


FIRST_PROBE = 60.0
"""Seconds until the first probe of a lane that rejections alike halted. Each probe in vain doubles it."""


class LaneState(NamedTuple):
    """The persisted part of a lane. `probing`: the next call is one delivery, alone."""

    kind: str
    name: str
    status: Status = "open"
    code: str = ""
    detail: str = ""
    by: str = ""
    since: float = 0.0
    until: float | None = None
    probing: bool = False
    failures: int = 0
    delivered: int = 0
    alike_code: str = ""
    alike: tuple[int, ...] = ()
    doubts: tuple[int, ...] = ()
    """Deliveries that a lane in doubt has tried in vain; 0 for a call of several."""
    pauses: int = 0
    """Pauses of the code in a row for which the remote gave a reason or a length."""

    def wait(self, now: float, probe: float | None = None) -> float | None:
        """Return the seconds until the lane may go on: 0 now, None when a person must act first. `probe`: as in `Policy`.

        A pause never lasts longer than planned, even if the wall clock changes. A pause that seems to begin further ahead
        than it is long was made before the clock went back: it is over.
        """
        if self.status == "open":
            return 0.0
        if self.status == "halted" and probe is not None:
            if self.code == self.alike_code:
                probe = min(probe, FIRST_PROBE * 2.0 ** min(max(self.failures - 1, 0), 30))
            return max(0.0, min(self.since + probe - now, probe))
        if self.status == "halted" or self.until is None:
            return None
        length = self.until - self.since
        return 0.0 if self.since - now > length else max(0.0, min(self.until - now, length))


Chance = Callable[[], float]
"""A number in [0, 1): full jitter keeps many clients from coming back together."""


class Situation(NamedTuple):
    """The circumstances of a decision: the wall time, the lane's patience, and chance.

    `others`: a delivery is due that is neither in the call nor among the lane's `doubts`. `well`: something that was sent
    beside the call was delivered.
    """

    now: float
    policy: Policy
    chance: Chance
    others: bool = False
    well: bool = False


def backoff(failures: int, base: float, cap: float, chance: Chance) -> float:
    """Return the seconds to wait after the n-th failure in a row: full jitter under an exponential ceiling, at least 1."""
    ceiling = min(cap, base * 2.0 ** min(failures, 30))
    return float(max(1.0, ceiling * chance()))


def paused(lane: LaneState, why: Failure, situation: Situation) -> LaneState:
    """Pause the lane for as long as the remote asked; use the growing back-off if it did not ask, or is in doubt."""
    explained, doubted = is_explained(why), not is_believed(lane, why)
    counted = explained or why.after is not None or why.code == CONNECTOR_BUG
    grows = why.after is None or (explained and doubted)
    base, cap = situation.policy.pause_base, situation.policy.pause_cap
    own = backoff(lane.failures + 1, base, cap, situation.chance) if grows else SHORTEST_PAUSE
    return lane._replace(
        status="paused",
        code=why.code,
        detail=why.detail,
        by="syncd",
        since=situation.now,
        until=situation.now + min(max(own, why.after or 0.0), LONGEST_PAUSE),
        probing=lane.probing or doubted,
        failures=lane.failures + grows,
        pauses=_in_a_row(lane, why) if counted else 0,
    )


def is_explained(why: Failure) -> bool:
    """True if this is a pause whose reason the remote gave."""
    return isinstance(why, Pause) and not why.unexplained


def is_believed(lane: LaneState, why: Failure) -> bool:
    """True if this is an explained pause, and not the last of too many alike in a row."""
    return is_explained(why) and _in_a_row(lane, why) < PAUSE_LIMIT


def is_lasting_bug(lane: LaneState, why: Failure) -> bool:
    """True if a bug paused a connector's lane `PAUSE_LIMIT` times in a row: waiting does not mend a bug."""
    return (
        lane.kind in {"deliver", "hear"} and why.code == CONNECTOR_BUG and _in_a_row(lane, why) > PAUSE_LIMIT
    )


def _in_a_row(lane: LaneState, why: Failure) -> int:
    """Count the pauses of this code in a row, with this one."""
    return lane.pauses + 1 if lane.code == why.code else 1


def halted(lane: LaneState, why: Failure, now: float) -> LaneState:
    """Stop the lane until a person acts, or its probe is due."""
    return lane._replace(
        status="halted", code=why.code, detail=why.detail, by="syncd", since=now, until=None, probing=True
    )


def reopened(lane: LaneState) -> LaneState:
    """Open the lane after a pause or a halt. What it must still prove stays."""
    return lane._replace(status="open", until=None, by="")


CAMPAIGN_FAILS = "campaign_fails"
"""The code of an open lane: its source goes on, although CTGO cannot list one of the campaigns."""
BY_HAND = "paused_by_hand"
"""The code of a pause that a person made."""


def kept_by_hand(stored: LaneState, decided: LaneState, now: float) -> LaneState:
    """Keep a pause that a person made during a call, whatever the call decided, even a halt.

    The call still decides what the lane must prove when it goes on.
    """
    if stored.code != BY_HAND or stored.status != "paused" or stored.wait(now) == 0:
        return decided
    by_hand = {name: getattr(stored, name) for name in ("status", "code", "detail", "by", "since", "until")}
    return decided._replace(**by_hand)
