"""The report of a run: a summary on stdout, the troubles on stderr, and the exit code."""

import sys
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass

from syncd.cli.exits import Exit, complain, lane_exit, strongest
from syncd.cli.output import were, when
from syncd.core.failure import CODES
from syncd.core.flood_gate import GATE_HELD, describe_gate
from syncd.core.lane_state import CAMPAIGN_FAILS, LaneState
from syncd.ledger import Ledger, overview
from syncd.ledger.deliveries import flood_gate
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.lanes import load_lanes
from syncd.ledger.leads import enrichment
from syncd.ledger.leads.settlement import SHELVED
from syncd.settings import Settings
from syncd.stderr import put
from syncd.verbs.targets import advice

States = Mapping[str, Mapping[str, int]]
"""Rows by name and state."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts at one moment, by name and state. `feedback` is None if this run has no feedback."""

    leads: States
    deliveries: States
    exports: States
    feedback: States | None = None

    @classmethod
    def of(cls, counts: Mapping[str, States], *, feedback: bool = False) -> "Counts":
        """Make it from `syncd.ledger.overview.counts`. `feedback`: whether feedback is sent."""
        return cls(
            counts["lead"], counts["delivery"], counts["export"], counts["feedback"] if feedback else None
        )

    @property
    def pending(self) -> int:
        """The number of deliveries, exports and feedback to make, and of leads to enrich."""
        enriching = sum(states.get("enriching", 0) for states in self.leads.values())
        return enriching + self._sum("pending")

    def stranded(self, sources: Container[str]) -> dict[str, int]:
        """Count, by source that is not among these, the leads to enrich and the feedback to send."""
        each = {
            name: states.get("enriching", 0) for name, states in self.leads.items() if name not in sources
        }
        for name, states in (self.feedback or {}).items():
            if name not in sources:
                each[name] = each.get(name, 0) + states.get("pending", 0)
        return {name: n for name, n in each.items() if n}

    @property
    def rejected(self) -> int:
        """The number of rejected deliveries, exports and feedback, and of quarantined leads."""
        return self._sum("rejected") + sum(states.get("quarantined", 0) for states in self.leads.values())

    def _sum(self, state: str) -> int:
        kinds = (self.deliveries, self.exports, self.feedback or {})
        return sum(states.get(state, 0) for kind in kinds for states in kind.values())

    def since(self, before: "Counts") -> list[str]:
        """Describe the changes since an earlier moment, a line for each source and connector that has leads."""
        lines = []
        for source, states in self.leads.items():
            numbers = {
                "new": sum(states.values()) - sum(before.leads.get(source, {}).values()),
                "to enrich": states.get("enriching", 0),
                "exported": gain(self.exports, before.exports, source, "delivered"),
                "to export": self.exports.get(source, {}).get("pending", 0),
                "feedback sent": gain(self.feedback or {}, before.feedback or {}, source, "delivered"),
                "feedback to send": (self.feedback or {}).get(source, {}).get("pending", 0),
            }
            lines.append(_line(source, numbers))
        for connector in self.deliveries:
            numbers = {
                "delivered": gain(self.deliveries, before.deliveries, connector, "delivered"),
                "rejected": gain(self.deliveries, before.deliveries, connector, "rejected"),
                "pending": self.deliveries[connector].get("pending", 0),
            }
            lines.append(_line(connector, numbers))
        return lines


def gain(now: States, before: States, name: str, state: str) -> int:
    """Count how many more rows of a name are in a state than before."""
    return now.get(name, {}).get(state, 0) - before.get(name, {}).get(state, 0)


def _has_new(source: str, before: Counts, after: Counts) -> bool:
    return sum(after.leads.get(source, {}).values()) > sum(before.leads.get(source, {}).values())


def _line(name: str, numbers: Mapping[str, int]) -> str:
    parts = [f"{n} {what}" for what, n in numbers.items() if n]
    return f"{name}: {', '.join(parts) or 'nothing new'}"


def standing_of(ledger: Ledger, *, feedback: bool = False) -> Counts:
    """Count the rows now. `feedback`: whether feedback is sent."""
    with ledger.read() as connection:
        return Counts.of(overview.counts(connection), feedback=feedback)


def report(
    settings: Settings,
    ledger: Ledger,
    before: Counts,
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
        after = Counts.of(overview.counts(connection), feedback=before.feedback is not None)
        lanes = {(lane.kind, lane.name): lane for lane in load_lanes(connection)}
        left = overview.pending_elsewhere(connection, list(settings.connectors))
        waiting = enrichment.unasked_counts(connection)
    partly = {
        key: it.code for key, it in lanes.items() if it.code == CAMPAIGN_FAILS and it.name in settings.sources
    }
    troubles = {**partly, **troubles}
    # A source that could not be asked may have something new
    silent = {f"{name}: nothing new" for kind, name in troubles if kind == "pull"}
    for line in after.since(before) or ([] if silent else ["nothing new"]):
        if line not in silent:
            put(sys.stdout, line + "\n")  # a reader that leaves ends no run
    for name in after.exports:
        if sentence := describe_shelved(after.exports[name], configured=name in settings.sources):
            put(sys.stdout, f"{name}: {sentence}\n")
    codes = [lane_exit(kind, code) for (kind, _), code in troubles.items()]
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
        idle = [name for kind, name in troubles if kind == "pull" and not _has_new(name, before, after)]
        nothing = f"Nothing could be pulled from {', '.join(idle)}. " if stopped and idle else ""
        stop = f"Stopped with {pending} left to do. " if pending or not nothing else ""
        complain(f"{nothing}{stop}It is safe to run again.")
    if bug:
        codes.append(Exit.FAILED)
    return strongest(codes)


def _complain_of_stranded(settings: Settings, after: Counts) -> int:
    """Complain of each source that left the configuration with leads or feedback pending; return their number."""
    stranded = after.stranded(settings.sources)
    for name, n in stranded.items():
        complain(
            f"{n} leads of {name}, which is not in the configuration, wait to be enriched, or to have their feedback sent.",
            "They go on when the source is back; to erase a person instead: syncd forget",
        )
    return sum(stranded.values())


def describe_shelved(exports: Mapping[str, int], *, configured: bool) -> str:
    """Describe a source's shelved exports; empty if there are none."""
    n = exports.get(SHELVED, 0)
    why = "`export` is false" if configured else "the source is not in the configuration"
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
        complain(f"source {name}: {n} leads wait for CTGO to be asked about them{at}.", CODES[UNASKED])


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
