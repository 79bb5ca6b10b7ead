"""The state of a running daemon as values, and the reasons why it is not ready: pure.

Not ready: a lane hangs; the ledger cannot be read, or nothing is sent because of it; a source was never pulled, or not
lately, or CTGO did not answer it twice in a row; CTGO counts leads that no sweep finds; a lane is halted. What a person
paused is as they want it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from syncd.core.failure import CODES
from syncd.core.lane_state import BY_HAND, LaneState
from syncd.core.reconciliation import Books, trouble

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Rows by kind, name and state, as `syncd.ledger.overview.counts` has them."""

LATE = 30.0
"""Seconds on top of two polls before a pull counts as stale: a request may take as long."""

OF_CONNECTORS = frozenset({"deliver", "hear"})
"""The kinds of lanes that have a connector's name; the others have a source's."""

TRIES = 2
"""Failures in a row after which a source that does not answer is called so: one may be chance."""


@dataclass(frozen=True, slots=True)
class PushView:
    """A source with push: whether CTGO is subscribed to, and when a push last came, wall time."""

    subscribed: bool = False
    heard_at: float | None = None


@dataclass(frozen=True, slots=True)
class SourceView:
    """A configured source.

    `age`: seconds since the last clean pull, on a clock that does not jump; None: there was none ever. `patience`:
    seconds of age at which it is stale. `credits`, `low_credits`: the balance, and where it is called low, None if unknown.
    `push`: None when the source has none. `books`: how its leads compare with CTGO's count.
    """

    name: str
    age: float | None = None
    patience: float = 150.0
    pulled_at: float | None = None
    watermark: float | None = None
    budget_limit: int | None = None
    budget_left: int | None = None
    credits: int | None = None
    low_credits: int | None = None
    push: PushView | None = None
    books: Books = Books()  # noqa: RUF009 - a tuple

    @property
    def is_stale(self) -> bool:
        """True if a clean pull is overdue."""
        return self.age is not None and self.age > self.patience


@dataclass(frozen=True, slots=True)
class Place:
    """Set-aside rows that share a reason; `kind` is delivery, export, feedback or lead. See `syncd.ledger.overview.Cause`."""

    kind: str
    where: str
    code: str
    n: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes: of the ledger's files by name (`ledger`, `wal`), and of the file system they are on."""

    files: Mapping[str, int] = field(default_factory=dict)
    free: int = 0
    total: int = 0

    @property
    def is_low(self) -> bool:
        """Less than a quarter of a gigabyte, or on a small disk than a tenth of it."""
        return bool(self.total) and self.free < min(256 << 20, self.total // 10)


@dataclass(frozen=True, slots=True)
class BackupView:
    """Backups of the ledger: when the last one was made, and why the daily one failed; None where none is asked for."""

    made_at: float | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """See the module. Ages in seconds.

    `broken`: why the ledger cannot be read; then what comes from it is empty. `held`: a code and a sentence while the daemon
    sends nothing because of the ledger, such as on a full disk. `wedged`: what hangs. `unserved`: why pushes cannot be received.
    """

    at: float
    sources: Sequence[SourceView] = ()
    lanes: Sequence[LaneState] = ()
    counts: Counts = field(default_factory=dict)
    set_aside: Sequence[Place] = ()
    oldest_pending: Mapping[str, float] = field(default_factory=dict)
    oldest_unsettled: float | None = None
    disk: Disk = field(default_factory=Disk)
    broken: str = ""
    held: tuple[str, str] | None = None
    wedged: str = ""
    unserved: str = ""
    backup: BackupView = BackupView()
    fixes: Mapping[str, str] = field(default_factory=lambda: CODES)
    """The remedy for each code, those of the configured connectors included."""

    def fix(self, code: str, name: str = "") -> str:
        """Return the remedy for a code, with the name of its source or connector filled in; empty if there is none."""
        return self.fixes.get(code, "").replace("SOURCE", name or "SOURCE").replace("NAME", name or "NAME")


def reported_lanes(lanes: Sequence[LaneState]) -> Sequence[LaneState]:
    """The lanes without those of a source that stand as its pulls do: the key is at fault, or a person paused them all."""
    pulls = {(lane.name, lane.status, lane.code) for lane in lanes if lane.kind == "pull" and lane.code}
    apart = {"pull", *OF_CONNECTORS}
    return [lane for lane in lanes if lane.kind in apart or (lane.name, lane.status, lane.code) not in pulls]


def is_by_hand(lane: LaneState) -> bool:
    """Tell if a person paused the lane: nothing is wrong."""
    return lane.status == "paused" and lane.code == BY_HAND


def is_halted(lane: LaneState) -> bool:
    """Tell if the lane waits for somebody to mend something."""
    return lane.status == "halted"


def is_failing(lane: LaneState) -> bool:
    """Tell if the lane has not got through since it last failed; also between two tries."""
    return bool(lane.code) and not is_halted(lane) and not is_by_hand(lane)


_OWNERS = {
    "pull": "source {}",
    "export": "source {} (exports)",
    "enrich": "source {} (enriching)",
    "push": "source {} (push)",
    "feedback": "source {} (feedback)",
    "deliver": "connector {}",
    "hear": "connector {} (feedback)",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong. `about`: its place; `fix`: what to do, empty if that is not known."""

    about: str
    code: str
    detail: str
    fix: str = ""


def owner_of(lane: LaneState) -> str:
    """Describe a lane: `source main`, `source main (exports)`, `connector crm`."""
    return _OWNERS.get(lane.kind, lane.kind + " {}").format(lane.name)


def reasons(view: View, source: str = "") -> list[Reason]:
    """Everything that is wrong, worst first; of one source only if named: its pulls, its lanes, and what all share."""
    found = list(_shared(view))
    for one in () if view.broken else view.sources:
        if source in {"", one.name}:
            found += _of_source(one, view)
    for lane in reported_lanes(view.lanes):
        mine = source in {"", lane.name} if lane.kind not in OF_CONNECTORS else not source
        if mine and is_halted(lane):
            found.append(Reason(owner_of(lane), lane.code, lane.detail, view.fix(lane.code, lane.name)))
    return list(dict.fromkeys(found))


def _shared(view: View) -> Iterator[Reason]:
    if view.wedged:
        yield Reason("daemon", "wedged", view.wedged, view.fix("wedged"))
    if view.broken:
        yield Reason("ledger", "ledger_broken", view.broken, view.fix("ledger_broken"))
    elif view.held:
        yield Reason("ledger", *view.held, view.fix(view.held[0]))


def _of_source(source: SourceView, view: View) -> Iterator[Reason]:
    pull = next((lane for lane in view.lanes if (lane.kind, lane.name) == ("pull", source.name)), None)
    about = f"source {source.name}"
    if pull is not None and (is_by_hand(pull) or is_halted(pull)):
        return
    if pull is not None and is_failing(pull) and pull.failures >= TRIES:
        yield Reason(about, pull.code, pull.detail, view.fix(pull.code, source.name))
    elif source.age is None:
        yield Reason(about, "pull_missing", "It was not pulled yet.", view.fix("pull_missing"))
    elif source.is_stale:
        detail = f"Its last clean pull is {source.age:.0f} s ago, and {source.patience:.0f} s are allowed."
        yield Reason(about, "pull_stale", detail, view.fix("pull_stale", source.name))
    if found := trouble(source.books):
        yield Reason(about, *found, view.fix(found[0], source.name))


def waiting(view: View, source: str = "") -> list[Reason]:
    """List the lanes that fail and try again by themselves; of one source only if named. They are no matter of readiness.

    A connector's lane is listed only while leads wait for it: without, it cannot show that it is well again.
    """
    deliveries = view.counts.get("delivery", {})
    return [
        Reason(owner_of(lane), lane.code, lane.detail, view.fix(lane.code, lane.name))
        for lane in reported_lanes(view.lanes)
        if is_failing(lane)
        and (lane.kind != "deliver" or deliveries.get(lane.name, {}).get("pending"))
        and (source in {"", lane.name} if lane.kind not in OF_CONNECTORS else not source)
    ]
