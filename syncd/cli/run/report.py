"""How a run ended, in words and as an exit code."""

import sys
from collections.abc import Mapping

from syncd.cli.context import advice
from syncd.cli.exits import SOURCE_EXITS, Exit, complain, fix_of, strongest
from syncd.cli.output import when
from syncd.cli.run.flood_gates import complain_of_gates
from syncd.cli.run.progress import Standing
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, overview
from syncd.ledger.ctgo_queue.shelf import SHELVED
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.lanes import load_lanes
from syncd.ledger.leads import unenriched
from syncd.settings import Settings
from syncd.stderr import put


def standing_of(ledger: Ledger, *, hears: bool = False) -> Standing:
    """The tally now. `hears`: whether feedback is told."""
    with ledger.read() as connection:
        return Standing.of(overview.counts(connection), hears=hears)


def report(
    settings: Settings,
    ledger: Ledger,
    before: Standing,
    troubles: Mapping[tuple[str, str], str],
    *,
    stopped: bool,
    bug: bool = False,
    only: str = "",
) -> Exit:
    """What was done on stdout, what is wrong on stderr, and the code for both.

    `troubles`: codes by lane; `only`: the one connector that was run.
    """
    with ledger.read() as connection:
        after = Standing.of(overview.counts(connection), hears=before.feedback is not None)
        lanes = {(lane.kind, lane.name): lane for lane in load_lanes(connection)}
        left = overview.pending_elsewhere(connection, list(settings.connectors))
        waiting = unenriched.counts(connection)
    # Of a source that could not be asked, nobody knows whether there is something new
    silent = {f"{name}: nothing new" for kind, name in troubles if kind == "pull"}
    for line in after.since(before) or ([] if silent else ["nothing new"]):
        if line not in silent:
            put(sys.stdout, line + "\n")  # what became of leads does not hang on who reads this
    for name in after.exports:
        if sentence := put_off(settings, name, after.exports[name]):
            put(sys.stdout, f"{name}: {sentence}\n")
    codes = [_code_of(kind, code) for (kind, _), code in troubles.items()]
    for (kind, name), code in troubles.items():
        _complain(settings, lanes.get((kind, name), LaneState(kind, name)), code, troubles)
    opened = {name for name in settings.connectors if not only or name == only}
    complain_of_gates(settings, ledger, opened, troubles)
    for name, n in left.items():
        complain(
            f"{n} deliveries wait for {name}, which is not in the configuration.",
            advice(settings, "connector_unconfigured", name),
        )
    rejected = after.rejected - before.rejected
    if rejected > 0:
        complain(f"{rejected} were set aside.", "See them with: syncd rejected list")
        codes.append(Exit.REJECTED)
    _complain_of_unasked(waiting, lanes)
    pending = after.pending - _complain_of_stranded(settings, after)
    if pending or stopped:
        codes.append(Exit.WORK_LEFT)
        complain(f"Stopped with {pending} left to do. It is safe to run again.")
    if bug:
        codes.append(Exit.FAILED)
    return strongest(codes)


def _complain_of_stranded(settings: Settings, after: Standing) -> int:
    """A sentence for each source that left with work which is no export; how much that is."""
    stranded = after.stranded(settings.sources)
    for name, n in stranded.items():
        complain(
            f"{n} leads of {name}, which is not in the configuration, wait to be enriched, or for their feedback to be told.",
            "They go on when the source is back; who is not to be kept: syncd forget",
        )
    return sum(stranded.values())


def put_off(settings: Settings, source: str, exports: Mapping[str, int]) -> str:
    """A sentence about a source's shelved exports; empty when there are none."""
    n = exports.get(SHELVED, 0)
    why = "`export` is false" if source in settings.sources else "the source is not in the configuration"
    return f"{n} exports are put off, for {why}; they are made once that has changed." if n else ""


def _complain_of_unasked(waiting: Mapping[str, int], lanes: Mapping[tuple[str, str], LaneState]) -> None:
    for name, n in waiting.items():
        lane = lanes.get(("enrich", name))
        at = f", not before {when(lane.until)}" if lane and lane.status == "paused" and lane.until else ""
        complain(f"source {name}: {n} leads wait for CTGO to be asked about them{at}.", fix_of(UNASKED))


def _code_of(kind: str, code: str) -> Exit:
    if kind in {"deliver", "hear"} or (
        kind in {"enrich", "feedback"} and code in {"forbidden", "subscription_required"}
    ):  # which refuses enriching or feedback, and not the key
        return Exit.WORK_LEFT
    return SOURCE_EXITS.get(code, Exit.WORK_LEFT)


def _complain(
    settings: Settings, lane: LaneState, code: str, troubles: Mapping[tuple[str, str], str]
) -> None:
    """One sentence for a lane; a source's fault is said once, not once for each of its lanes."""
    if lane.kind in {"export", "enrich", "feedback"} and troubles.get(("pull", lane.name)) == code:
        return
    if lane.kind == "hear" and troubles.get(("deliver", lane.name)) == code:
        return
    what = "connector" if lane.kind in {"deliver", "hear"} else "source"
    detail = lane.detail or "It is waiting to try again."
    complain(
        f"{what} {lane.name}: {detail} ({code})",
        advice(settings, code, lane.name, halted=lane.status == "halted"),
    )
