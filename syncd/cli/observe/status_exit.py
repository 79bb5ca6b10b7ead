"""The exit code of `syncd status --check`: that of the worst thing found."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.cli.exits import Exit, lane_exit, strongest
from syncd.core.lane_state import BY_HAND

if TYPE_CHECKING:
    from syncd.verbs.status import Status

TRIES = 3
"""Failures in a row from which a lane that tries again by itself counts as wrong."""


def exit_of(found: "Status") -> Exit:
    """Return the exit code for a state that `syncd status` describes."""
    return strongest(_codes(found))


def _codes(found: "Status") -> Iterator[Exit]:
    if found.trouble or ("check" in found.upkeep and found.upkeep["check"].detail):
        yield Exit.LEDGER
    if found.not_running or found.late:
        yield Exit.UNREACHABLE
    for lane in (it.lane for it in found.lanes):
        lasting = lane.status != "paused" or lane.failures >= TRIES
        if lasting and lane.code != BY_HAND:
            yield lane_exit(lane.kind, lane.code)
    if any(it.held for it in found.connectors.values()):
        yield Exit.WORK_LEFT
    if found.daily_backup and "backup_failed" in found.upkeep:
        yield Exit.WORK_LEFT
    if found.set_aside:
        yield Exit.REJECTED
