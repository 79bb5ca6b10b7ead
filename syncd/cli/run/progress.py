"""The progress of a run on a terminal: a bar for each kind of work, and a line for each reason why one stands still.

Elsewhere than on a terminal nothing is drawn: the log and the report suffice.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from syncd.cli.observe.plan import next_requests, pending_work
from syncd.cli.output import duration
from syncd.cli.run.report import Counts, States, gain
from syncd.clock import Clock
from syncd.core.lane_state import LaneState
from syncd.ledger import Ledger
from syncd.ledger.lanes import load_lanes
from syncd.log import escape, lines_through
from syncd.settings import Settings
from syncd.workers import LaneView

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


NARROW = 60
"""Columns of a terminal; below, a bar has no room for its words."""
_SHARE = 20.0
"""A look at the pace of work costs at most this part of the time: one twentieth."""


class Wait(NamedTuple):
    """A lane that stands still.

    `detail`: why; `seconds`: until it tries again, None if it does not; `until`: when the run gives it up, in wall time.
    """

    kind: str
    name: str
    detail: str
    seconds: float | None
    until: float | None = None


class Pace(NamedTuple):
    """The pace of a source's requests: seconds until the next one may leave, and until the last of all has left."""

    limit: int
    next: float
    last: float


class Scene(NamedTuple):
    """The circumstances of the work at one moment: what stands still, and the pace by source."""

    waits: Sequence[Wait] = ()
    paces: Mapping[str, Pace] = {}


Look = Callable[[], Scene]
Progress = Callable[[Counts], None]
"""Shows the standing; also called with the last one."""

ProgressMaker = Callable[[Settings, Counts, Look], AbstractContextManager[Progress]]
"""Makes the display of a run from the settings, the standing before it, and a look at its circumstances."""


def waits_of(
    lanes: Iterable[LaneState], views: Iterable[LaneView], clock: Clock, max_wait: float
) -> list[Wait]:
    """List the lanes of a run that stand still, once for each name and reason. `lanes`: as the ledger has them."""
    stored = {(lane.kind, lane.name): lane for lane in lanes}
    found: dict[tuple[str, str], Wait] = {}
    now = clock.monotonic()
    for view in views:
        lane = stored.get((view.kind, view.name))
        if not view.trouble or lane is None or lane.status == "open" or lane.code != view.trouble:
            continue
        left = None if view.troubled_since is None else view.troubled_since + max_wait - now
        until = None if left is None else clock.now() + left
        again = lane.wait(clock.now())
        wait = Wait(view.kind, view.name, lane.detail or f"it waits ({lane.code})", again, until)
        if again is None or left is None or again <= left:  # a lane that is given up is in the report
            found.setdefault((view.name, lane.detail), wait)
    return list(found.values())


class Looker:
    """Looks at the circumstances of a run, and at its pace no more often than is cheap."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        clock: Clock,
        views: Callable[[], Sequence[LaneView]],
        max_wait: float,
    ) -> None:
        """`views`: the lanes of this run."""
        self._settings, self._ledger, self._clock = settings, ledger, clock
        self._views, self._max_wait = views, max_wait
        self._paces: Mapping[str, Pace] = {}
        self._seen, self._again = 0.0, 0.0

    def __call__(self) -> Scene:
        """Look now."""
        with self._ledger.read() as connection:
            lanes = load_lanes(connection)
        return Scene(waits_of(lanes, self._views(), self._clock, self._max_wait), self._pace())

    def _pace(self) -> Mapping[str, Pace]:
        now = self._clock.monotonic()
        if now >= self._again:
            began = time.perf_counter()
            all_ = pending_work(self._settings, self._ledger, self._clock)["sources"]
            first = next_requests(self._settings, self._ledger, self._clock)
            self._paces = {
                name: Pace(it["requests_per_minute"], first[name], it["seconds"]) for name, it in all_.items()
            }
            self._seen, self._again = now, now + max(1.0, _SHARE * (time.perf_counter() - began))
        gone = now - self._seen
        return {
            name: pace._replace(next=max(0.0, pace.next - gone), last=max(0.0, pace.last - gone))
            for name, pace in self._paces.items()
        }


@dataclass
class _Bar:
    """One row of the display. `note`: the words behind the numbers."""

    title: str
    done: int
    left: int
    note: str


@dataclass
class _OnTerminal:
    """The bars and lines of a run, drawn anew some times a second."""

    settings: Settings
    before: Counts
    look: Look
    _bars: dict[tuple[str, str], _Bar] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)

    def __call__(self, standing: Counts) -> None:
        scene = self.look()
        still = {(wait.kind, wait.name) for wait in scene.waits}
        paces = {name: pace.last for name, pace in scene.paces.items() if pace.last}
        for name in standing.deliveries:
            self._bar("deliver", name, standing.deliveries, self.before.deliveries)
        for name in standing.exports:
            self._bar("export", name, standing.exports, self.before.exports)
        for (kind, name), bar in self._bars.items():
            if bar.left and (kind, name) in still:
                bar.note += ", waiting"
            elif bar.left and kind == "export" and name in paces:
                bar.note += f", {duration(paces[name])}"
        self._lines = [describe_wait(wait) for wait in scene.waits]
        stopped = {wait.name for wait in scene.waits}
        for name, pace in scene.paces.items():
            if pace.next >= 1 and name not in stopped:
                used = f"{name}: {pace.limit} requests a minute are used up"
                self._lines.append(f"{used}; the next leaves in {duration(pace.next)}")

    def _bar(self, kind: str, name: str, now: States, before: States) -> None:
        done = gain(now, before, name, "delivered")
        left = now[name].get("pending", 0)
        if done or left:
            self._bars[kind, name] = _Bar(f"{kind} {name}", done, left, f"{left:,} left")

    def lines(self) -> "RenderableType":
        """Draw what stands still."""
        from rich.console import Group  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        return Group(*map(Text, self._lines))

    def bars(self, width: int) -> "RenderableType":
        """Draw the bars. `width`: of the terminal, in columns."""
        from rich.progress_bar import ProgressBar  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table.grid(padding=(0, 1))
        for bar in self._bars.values():
            total = bar.done + bar.left
            drawn = ProgressBar(total=total, completed=bar.done, width=24 if width < 2 * NARROW else 40)
            room = [drawn] if width >= NARROW else []
            table.add_row(Text(bar.title), *room, Text(f"{bar.done}/{total}"), Text(bar.note))
        return table


def describe_wait(wait: Wait) -> str:
    """Describe why a lane stands still, and when it goes on."""
    detail = escape(wait.detail.rstrip("."))
    if wait.seconds is None:
        return f"{wait.name}: {detail}"
    until = time.strftime(", until %H:%M (--max-wait)", time.localtime(wait.until)) if wait.until else ""
    return f"{wait.name}: {detail}; trying again in {duration(max(1.0, wait.seconds))}{until}"


@contextmanager
def progress_bars(settings: Settings, before: Counts, look: Look) -> Iterator[Progress]:
    """Show bars on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe need not wait for it

    with bars_on(Console(stderr=True, highlight=False), settings, before, look) as bars:
        yield bars


@contextmanager
def bars_on(console: "Console", settings: Settings, before: Counts, look: Look) -> Iterator[Progress]:
    """Show bars on a console; lines of the log are printed above them."""
    from rich.console import Group  # noqa: PLC0415 - as in `progress_bars`
    from rich.constrain import Constrain  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.padding import Padding  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = _OnTerminal(settings, before, look)

    def print_above(line: str) -> None:
        console.print(Text.from_ansi(line), soft_wrap=line.startswith("{"))  # a document stays one line

    def inset(part: "RenderableType") -> "RenderableType":
        # To the right is room for the terminal's own "^C", which would begin a line that nobody erases
        return Constrain(Padding(part, (0, 0, 0, 2), expand=False), console.width - 3)

    def draw() -> "RenderableType":
        return inset(Group(shown.bars(console.width), shown.lines()))

    with Live(console=console, get_renderable=draw, transient=True), lines_through(print_above):
        yield shown
    console.print(inset(shown.bars(console.width)))  # the last bars stay, also in a recording or a file
