"""Runs of a campaign, watched until they are over: events in the log, or a line for each run on a terminal.

Runs continue at CTGO without a watcher, so watching can stop at any time. One request looks at all runs of a campaign. The
looks become rarer with time, because the engine needs requests too.
"""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from syncd.cli.exits import Exit
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import Failure, Pause, Retry
from syncd.log import escape, logger

if TYPE_CHECKING:
    from rich.live import Live

    from syncd.ctgo.campaigns.runs import Run, RunsApi, Step

SOON, LATER = 3.0, 10.0
"""Seconds between two looks, in the first minute and after it."""
PATIENT_AFTER = 60.0
TROUBLE = 300.0
"""Seconds for which CTGO may stay away before watching ends."""


class RunDisplay(Protocol):
    """A display of the runs."""

    def show(self, runs: Sequence["Run"]) -> None:
        """Show the runs after a look, also after the last one."""
        ...

    def trouble(self, failure: Failure) -> None:
        """Show that a look failed; another look follows."""
        ...


@dataclass(frozen=True, slots=True)
class Followed:
    """The result of watching.

    `runs`: the last state of each run. `left`: the numbers of runs that are not over, seen or not. `gone`: the numbers of
    runs that CTGO no longer shows.
    """

    runs: Sequence["Run"] = ()
    left: Sequence[int] = ()
    gone: Sequence[int] = ()

    @property
    def exit(self) -> Exit:
        """75 if some are not over, 2 if all failed, 1 if some did."""
        failed = sum(run.outcome == "failed" for run in self.runs) + len(self.gone)
        if self.left:
            return Exit.WORK_LEFT
        if failed:
            return Exit.REJECTED if failed < len(self.runs) + len(self.gone) else Exit.FAILED
        return Exit.DONE


def follow(
    api: "RunsApi", stream_id: int, ids: Sequence[int], clock: Clock, display: RunDisplay, *, max_wait: float
) -> Followed:
    """Watch runs until all are over, or `max_wait` seconds have passed.

    Raises:
        Failure: waiting does not help, or did not help for five minutes.
    """
    began = heard = clock.monotonic()
    seen: dict[int, Run | None] = {}
    while True:
        followed = _followed(ids, seen)
        try:
            seen |= _look(api, stream_id, followed.left)
        except (Pause, Retry) as why:
            if clock.monotonic() - heard >= TROUBLE:
                raise
            display.trouble(why)
        else:
            heard = clock.monotonic()
            followed = _followed(ids, seen)
            display.show(followed.runs)
        spent = clock.monotonic() - began
        if not followed.left or spent >= max_wait:
            return followed
        clock.wait(threading.Event(), min(SOON if spent < PATIENT_AFTER else LATER, max_wait - spent))


def _followed(ids: Sequence[int], seen: Mapping[int, "Run | None"]) -> Followed:
    """Sum up the runs. `seen`: the last state of each run, None if it is gone."""
    runs = [run for number in ids if (run := seen.get(number))]
    over = {number for number, run in seen.items() if run is None or run.is_over}
    gone = [number for number in ids if number in seen and seen[number] is None]
    return Followed(runs, [number for number in ids if number not in over], gone)


def _look(api: "RunsApi", stream_id: int, ids: Sequence[int]) -> dict[int, "Run | None"]:
    """Ask CTGO for the runs of these ids; None if a run does not exist."""
    listed: dict[int | None, Run] = {}
    if len(ids) > 1:
        listed = {run.id: run for run in api.of_stream(stream_id, limit=100)}
    return {number: listed.get(number) or _show_run(api, stream_id, number) for number in ids}


def _show_run(api: "RunsApi", stream_id: int, number: int) -> "Run | None":
    try:
        return api.show(stream_id, number)
    except Failure as why:
        if why.code != "not_found":
            raise
    return None


@contextmanager
def run_display() -> Iterator[RunDisplay]:
    """Show a line for each run if stderr is a terminal, else log each step."""
    if not sys.stderr.isatty():
        yield InLog(logger())
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe need not wait for it
    from rich.live import Live  # noqa: PLC0415

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield OnTerminal(live)


@dataclass(slots=True)
class InLog:
    """Logs what is new since the last look."""

    log: Logger
    _logged: dict[int, int] = field(default_factory=dict)
    _over: set[int] = field(default_factory=set)
    _failed: str = ""

    def show(self, runs: Sequence["Run"]) -> None:
        """See `RunDisplay`."""
        self._failed = ""
        for run in runs:
            number = run.id or 0
            for step in run.steps[self._logged.get(number, 0) :]:
                self.log.info(
                    "run_progressed", run=number, account=run.handle, step=step.step, message=step.message
                )
            self._logged[number] = max(self._logged.get(number, 0), len(run.steps))
            if run.is_over and number not in self._over:
                self._over.add(number)
                log = self.log.warning if run.outcome == "failed" else self.log.info
                log(f"run_{run.outcome}", run=number, account=run.handle, leads=run.passed, error=run.error)

    def trouble(self, failure: Failure) -> None:
        """See `RunDisplay`; it logs the same trouble once."""
        if failure.code != self._failed:
            self._failed = failure.code
            self.log.warning("run_not_seen", code=failure.code, detail=failure.detail)


@dataclass(slots=True)
class OnTerminal:
    """Shows a line for each run."""

    live: "Live"
    _lines: list[str] = field(default_factory=list)

    def show(self, runs: Sequence["Run"]) -> None:
        """See `RunDisplay`."""
        self._lines = [line_of(run) for run in runs]
        self._draw(self._lines)

    def trouble(self, failure: Failure) -> None:
        """See `RunDisplay`."""
        self._draw([*self._lines, f"{failure.detail} Looking again …"])

    def _draw(self, lines: Sequence[str]) -> None:
        from rich.text import Text  # noqa: PLC0415 - as in `run_display`

        self.live.update(Text("\n".join(escape(line) for line in lines)), refresh=True)


def line_of(run: "Run") -> str:
    """Describe a run in one line: `run 501  @northwindlabs  running  Fetched 40 new followers`."""
    last: Step | None = run.steps[-1] if run.steps else None
    text = (last.message or last.step) if last else ""
    who = f"@{run.handle}" if run.handle else f"account {run.account_id}"
    return "  ".join(part for part in (f"run {run.id}", who, run.status or "", text or "") if part)
