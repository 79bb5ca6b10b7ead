"""The report of a run: its summary, its troubles and its exit code."""

import sys
from collections.abc import Collection, Mapping

from syncd.cli.context import advice
from syncd.cli.exits import SOURCE_EXITS, Exit, complain, fix_of, strongest
from syncd.cli.output import were, when
from syncd.cli.run.progress import Standing
from syncd.core.flood_gate import GATE_HELD
from syncd.core.flood_gate import said as describe_gate
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger, overview
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.lanes import load_lanes
from syncd.ledger.leads import enrichment
from syncd.ledger.leads.settlement import SHELVED
from syncd.settings import Settings
from syncd.stderr import put


def standing_of(ledger: Ledger, *, hears: bool = False) -> Standing:
    """Count the rows now. `hears`: whether feedback is sent."""
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
    """Print the results on stdout and the troubles on stderr; return the exit code.

    `troubles`: codes by lane; `only`: the one connector that was run.
    """
    with ledger.read() as connection:
        after = Standing.of(overview.counts(connection), hears=before.feedback is not None)
        lanes = {(lane.kind, lane.name): lane for lane in load_lanes(connection)}
        left = overview.pending_elsewhere(connection, list(settings.connectors))
        waiting = enrichment.unasked_counts(connection)
    # A source that could not be asked may have something new
    silent = {f"{name}: nothing new" for kind, name in troubles if kind == "pull"}
    for line in after.since(before) or ([] if silent else ["nothing new"]):
        if line not in silent:
            put(sys.stdout, line + "\n")  # a reader that leaves ends no run
    for name in after.exports:
        if sentence := describe_shelved(settings, name, after.exports[name]):
            put(sys.stdout, f"{name}: {sentence}\n")
    codes = [_code_of(kind, code) for (kind, _), code in troubles.items()]
    for (kind, name), code in troubles.items():
        _complain(settings, lanes.get((kind, name), LaneState(kind, name)), code, troubles)
    opened = {name for name in settings.connectors if not only or name == only}
    _complain_of_gates(settings, ledger, opened, troubles)
    for name, n in left.items():
        complain(
            f"{n} deliveries wait for {name}, which is not in the configuration.",
            advice(settings, "connector_unconfigured", name),
        )
    rejected = after.rejected - before.rejected
    if rejected > 0:
        complain(f"{were(rejected, 'lead')} rejected.", "See them with: syncd rejected list")
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
    """Complain of each source that left the configuration with leads or feedback pending; return their number."""
    stranded = after.stranded(settings.sources)
    for name, n in stranded.items():
        complain(
            f"{n} leads of {name}, which is not in the configuration, wait to be enriched, or to have their feedback sent.",
            "They go on when the source is back; to erase a person instead: syncd forget",
        )
    return sum(stranded.values())


def describe_shelved(settings: Settings, source: str, exports: Mapping[str, int]) -> str:
    """Describe a source's shelved exports; empty if there are none."""
    n = exports.get(SHELVED, 0)
    why = "`export` is false" if source in settings.sources else "the source is not in the configuration"
    return f"{n} exports are put off, because {why}; they are made once that has changed." if n else ""


def _complain_of_gates(
    settings: Settings, ledger: Ledger, names: Collection[str], troubles: Mapping[tuple[str, str], str]
) -> None:
    """Complain once of each closed gate that no lane's trouble has mentioned."""
    with ledger.read() as connection:
        gates = flood_gate.gates(connection).values()
    for gate in gates:
        name = gate.connector
        if gate.since is not None and name in names and troubles.get(("deliver", name)) != GATE_HELD:
            detail = f"connector {name}: {describe_gate(gate.held, gate.size)} ({GATE_HELD})"
            complain(detail, advice(settings, GATE_HELD, name))


def _complain_of_unasked(waiting: Mapping[str, int], lanes: Mapping[tuple[str, str], LaneState]) -> None:
    for name, n in waiting.items():
        lane = lanes.get(("enrich", name))
        at = f", not before {when(lane.until)}" if lane and lane.status == "paused" and lane.until else ""
        complain(f"source {name}: {n} leads wait for CTGO to be asked about them{at}.", fix_of(UNASKED))


def _code_of(kind: str, code: str) -> Exit:
    if kind in {"deliver", "hear"} or (
        kind in {"enrich", "feedback"} and code in {"forbidden", "subscription_required"}
    ):  # CTGO refuses enriching or feedback, not the key
        return Exit.WORK_LEFT
    return SOURCE_EXITS.get(code, Exit.WORK_LEFT)


def _complain(
    settings: Settings, lane: LaneState, code: str, troubles: Mapping[tuple[str, str], str]
) -> None:
    """Complain of a lane; a fault of its source is reported once, not for each of its lanes."""
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
