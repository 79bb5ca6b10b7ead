"""What a run looks like while it goes: bars on a terminal, nothing elsewhere (the log and the summary speak there)."""

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from syncd.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Standing:
    """The tally at one moment: kind -> name -> state -> rows. `feedback` None: this run has nothing to do with any."""

    leads: Mapping[str, Mapping[str, int]]
    deliveries: Mapping[str, Mapping[str, int]]
    exports: Mapping[str, Mapping[str, int]]
    feedback: Mapping[str, Mapping[str, int]] | None = None

    @classmethod
    def of(cls, counts: Counts, *, hears: bool = False) -> "Standing":
        """From `syncd.ledger.overview.counts`. `hears`: whether feedback is told."""
        return cls(
            counts["lead"], counts["delivery"], counts["export"], counts["feedback"] if hears else None
        )

    @property
    def pending(self) -> int:
        """Deliveries, exports and feedback still to make, and leads that wait for enriching."""
        enriching = sum(states.get("enriching", 0) for states in self.leads.values())
        return enriching + self._sum("pending")

    def stranded(self, sources: Container[str]) -> dict[str, int]:
        """By source that is not among these: leads to enrich, and feedback to tell, that nobody will do."""
        each = {
            name: states.get("enriching", 0) for name, states in self.leads.items() if name not in sources
        }
        for name, states in (self.feedback or {}).items():
            if name not in sources:
                each[name] = each.get(name, 0) + states.get("pending", 0)
        return {name: n for name, n in each.items() if n}

    @property
    def rejected(self) -> int:
        """Deliveries, exports, feedback and leads set aside."""
        apart = self._sum("rejected")
        return apart + sum(states.get("quarantined", 0) for states in self.leads.values())

    def _sum(self, state: str) -> int:
        kinds = (self.deliveries, self.exports, self.feedback or {})
        return sum(states.get(state, 0) for kind in kinds for states in kind.values())

    def since(self, before: "Standing") -> list[str]:
        """What happened since an earlier moment, a line for each source and connector that has leads."""
        lines = []
        for source, states in self.leads.items():
            new = sum(states.values()) - sum(before.leads.get(source, {}).values())
            exported = _gain(self.exports, before.exports, source, "delivered")
            waiting = self.exports.get(source, {}).get("pending", 0)
            told = {
                "new": new,
                "to enrich": states.get("enriching", 0),
                "exported": exported,
                "to export": waiting,
                "feedback told": _gain(self.feedback or {}, before.feedback or {}, source, "delivered"),
                "feedback to tell": (self.feedback or {}).get(source, {}).get("pending", 0),
            }
            lines.append(_line(source, told))
        for connector in self.deliveries:
            gained = {
                state: _gain(self.deliveries, before.deliveries, connector, state)
                for state in ("delivered", "rejected")
            }
            gained["pending"] = self.deliveries[connector].get("pending", 0)
            lines.append(_line(connector, gained))
        return lines


def _gain(
    now: Mapping[str, Mapping[str, int]], before: Mapping[str, Mapping[str, int]], name: str, state: str
) -> int:
    return now.get(name, {}).get(state, 0) - before.get(name, {}).get(state, 0)


def _line(name: str, numbers: Mapping[str, int]) -> str:
    said = [f"{n} {what}" for what, n in numbers.items() if n]
    return f"{name}: {', '.join(said) or 'nothing new'}"


class Progress(Protocol):
    """Something that is shown the standing now and then."""

    def show(self, standing: Standing) -> None:
        """The standing now; also the last one."""
        ...


Watching = Callable[[Settings, Standing], AbstractContextManager[Progress]]
"""How a run is watched: given the settings and the standing before it."""


class _Nothing:
    """For a pipe, a journal, a script."""

    def show(self, standing: Standing) -> None:
        pass


@dataclass
class _OnTerminal:
    """One bar for each connector and each source's exports, with rate and an honest time remaining.

    Exports go at the pace that the key's budget allows, in bursts: their time remaining is what the limit says, not
    what the last seconds looked like.
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

    def _bar(
        self,
        verb: str,
        name: str,
        now: Mapping[str, Mapping[str, int]],
        before: Mapping[str, Mapping[str, int]],
    ) -> None:
        done = _gain(now, before, name, "delivered")
        left = now[name].get("pending", 0)
        if not done and not left:
            return
        limit = self.settings.sources[name].requests_per_minute if name in self.settings.sources else 0
        note = f"{left} left" + (
            f", {_duration(at_most(left, limit))} at the limit" if limit and left else ""
        )
        task = self._tasks.get((verb, name))
        if task is None:
            task = self._tasks[verb, name] = self.bars.add_task(
                f"{verb} {name}", total=done + left, note=note
            )
        self.bars.update(task, completed=done, total=done + left, note=note)


def at_most(requests: int, per_minute: int) -> float:
    """Seconds that so many requests take under a limit when the window is full now: whole windows, then the rest."""
    return 60.0 * -(-requests // per_minute) if requests else 0.0


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest and minutes else f"{minutes} min" if minutes else f"{rest} s"


@contextmanager
def watching(settings: Settings, before: Standing) -> Iterator[Progress]:
    """Bars on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield _Nothing()
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe need not wait for it

    with on_console(Console(stderr=True), settings, before) as bars:
        yield bars


@contextmanager
def on_console(console: "Console", settings: Settings, before: Standing) -> Iterator[Progress]:
    """Bars on a given console."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415 - as in `watching`
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield _OnTerminal(settings, before, bars)
    console.print(bars.get_renderable())  # what stays, also where nothing moved: a recording, a file
