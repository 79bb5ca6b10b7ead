"""The progress of a run: bars on a terminal, nothing elsewhere, where the log and the summary suffice."""

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from syncd.cli.output import duration
from syncd.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

States = Mapping[str, Mapping[str, int]]
"""Rows by name and state."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The counts at one moment, by name and state. `feedback` is None if this run has no feedback."""

    leads: States
    deliveries: States
    exports: States
    feedback: States | None = None

    @classmethod
    def of(cls, counts: Mapping[str, States], *, hears: bool = False) -> "Standing":
        """Make it from `syncd.ledger.overview.counts`. `hears`: whether feedback is sent."""
        return cls(
            counts["lead"], counts["delivery"], counts["export"], counts["feedback"] if hears else None
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

    def since(self, before: "Standing") -> list[str]:
        """Describe the changes since an earlier moment, a line for each source and connector that has leads."""
        lines = []
        for source, states in self.leads.items():
            numbers = {
                "new": sum(states.values()) - sum(before.leads.get(source, {}).values()),
                "to enrich": states.get("enriching", 0),
                "exported": _gain(self.exports, before.exports, source, "delivered"),
                "to export": self.exports.get(source, {}).get("pending", 0),
                "feedback sent": _gain(self.feedback or {}, before.feedback or {}, source, "delivered"),
                "feedback to send": (self.feedback or {}).get(source, {}).get("pending", 0),
            }
            lines.append(_line(source, numbers))
        for connector in self.deliveries:
            numbers = {
                state: _gain(self.deliveries, before.deliveries, connector, state)
                for state in ("delivered", "rejected")
            }
            lines.append(
                _line(connector, {**numbers, "pending": self.deliveries[connector].get("pending", 0)})
            )
        return lines


def _gain(now: States, before: States, name: str, state: str) -> int:
    return now.get(name, {}).get(state, 0) - before.get(name, {}).get(state, 0)


def _line(name: str, numbers: Mapping[str, int]) -> str:
    parts = [f"{n} {what}" for what, n in numbers.items() if n]
    return f"{name}: {', '.join(parts) or 'nothing new'}"


class Progress(Protocol):
    """A display of the standing."""

    def show(self, standing: Standing) -> None:
        """Show the standing; also called with the last one."""
        ...


ProgressMaker = Callable[[Settings, Standing], AbstractContextManager[Progress]]
"""Makes the display of a run from the settings and the standing before it."""


class _NoBars:
    """No display, for a pipe, a journal or a script."""

    def show(self, standing: Standing) -> None:
        pass


@dataclass
class _OnTerminal:
    """One bar for each connector and for each source's exports, with the time remaining.

    Exports leave in bursts, as the key's budget allows. So their time remaining follows from the limit, not from the pace
    of the last seconds.
    """

    settings: Settings
    before: Standing
    bars: "Bars"
    _tasks: dict[tuple[str, str], "TaskID"] = field(default_factory=dict)

    def show(self, standing: Standing) -> None:
        for connector in standing.deliveries:
            self._bar("deliver", connector, standing.deliveries, self.before.deliveries)
        for source in standing.exports:
            self._bar("export", source, standing.exports, self.before.exports)

    def _bar(self, verb: str, name: str, now: States, before: States) -> None:
        done = _gain(now, before, name, "delivered")
        left = now[name].get("pending", 0)
        if not done and not left:
            return
        limit = self.settings.sources[name].requests_per_minute if name in self.settings.sources else 0
        time = f", {duration(60.0 * -(-left // limit))} at the limit" if limit and left else ""
        note = f"{left} left{time}"
        task = self._tasks.get((verb, name))
        if task is None:
            task = self._tasks[verb, name] = self.bars.add_task(
                f"{verb} {name}", total=done + left, note=note
            )
        self.bars.update(task, completed=done, total=done + left, note=note)


@contextmanager
def progress_bars(settings: Settings, before: Standing) -> Iterator[Progress]:
    """Show bars on stderr if it is a terminal."""
    if not sys.stderr.isatty():
        yield _NoBars()
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe need not wait for it

    with bars_on(Console(stderr=True), settings, before) as bars:
        yield bars


@contextmanager
def bars_on(console: "Console", settings: Settings, before: Standing) -> Iterator[Progress]:
    """Show bars on a console."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415 - as in `progress_bars`
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield _OnTerminal(settings, before, bars)
    console.print(bars.get_renderable())  # the last bars stay, also in a recording or a file
