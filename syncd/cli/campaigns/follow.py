"""Runs of a campaign, watched until they are over: events in the log, or a line for each run on a terminal.

Runs continue at CTGO without a watcher, so watching can stop at any time. One request looks at all runs of a campaign. The
looks become rarer with time, because the engine needs requests too.
"""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from syncd.cli.campaigns.runs import COLUMNS, DROP, row_of
from syncd.cli.campaigns.session import Session, complain_of, exit_of
from syncd.cli.exits import Exit, complain, strongest
from syncd.cli.output import duration, say, say_json, say_table
from syncd.clock import Clock
from syncd.connector import Logger
from syncd.core.failure import Failure, Pause, Retry
from syncd.log import escape, logger

if TYPE_CHECKING:
    from rich.live import Live

    from syncd.ctgo.campaigns.runs import Run, RunsApi, Started, Step


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
    began = seen_at = clock.monotonic()
    seen: dict[int, Run | None] = {}
    while True:
        followed = _followed(ids, seen)
        try:
            seen |= _look(api, stream_id, followed.left)
        except (Pause, Retry) as why:
            if clock.monotonic() - seen_at >= TROUBLE:
                raise
            display.trouble(why)
        else:
            seen_at = clock.monotonic()
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


def report_started(ctgo: Session, stream_id: int, started: "Started", *, as_json: bool) -> Exit:
    """Report what was queued, and complain of what was skipped. It fails only if nothing was queued."""
    code = report_skipped(ctgo, started)
    if as_json:
        say_json(started.document())
        return code
    queued = started.queued or ()
    if queued:
        say_table(("run", "account"), [(one.run_id, one.account_id) for one in queued])
        say(f"They continue at CTGO. To see them: syncd runs list --stream {stream_id}")
    return code


def report_skipped(ctgo: Session, started: "Started") -> Exit:
    """Complain of what was skipped; return 0 if anything was queued."""
    failures = [skipped.failure for skipped in started.skipped or ()]
    for failure in failures:
        complain_of(failure, ctgo.source)
    if started.queued:
        return Exit.DONE
    if not failures:
        complain(
            "CTGO queued nothing, and gave no reason.", "A campaign needs a pair whose account is awake."
        )
        return Exit.FAILED
    return strongest(exit_of(failure) for failure in failures)


def watch(ctgo: Session, stream_id: int, started: "Started", *, max_wait: float, as_json: bool) -> Exit:
    """Watch the started runs until they are over, and report their ends."""
    code = report_skipped(ctgo, started)
    ids = [one.run_id for one in started.queued or () if one.run_id is not None]
    unnamed = len(started.queued or ()) - len(ids)
    followed = Followed()
    if ids:
        try:
            with run_display() as display:
                followed = follow(ctgo.api.runs, stream_id, ids, ctgo.clock, display, max_wait=max_wait)
        except KeyboardInterrupt:
            complain(f"Stopped watching: {_runs(ids)} at CTGO.", _look_at(stream_id, ids))
            return Exit.WORK_LEFT
        except Failure:
            complain(f"Cannot watch any longer: {_runs(ids)} at CTGO.", _look_at(stream_id, ids))
            raise
    _report_ended(followed, started, as_json=as_json)
    if followed.left:
        left = followed.left
        complain(f"Not over after {duration(max_wait)}: {_runs(left)} at CTGO.", _look_at(stream_id, left))
    for number in followed.gone:
        complain(
            f"CTGO no longer shows run {number} of this campaign.",
            "A pair that is removed takes its runs along.",
        )
    if unnamed:
        complain(f"CTGO sent no id for {unnamed} of the runs: they were not watched.", _look_at(stream_id))
    return strongest((code, followed.exit, Exit.WORK_LEFT if unnamed else Exit.DONE))


def _report_ended(followed: Followed, started: "Started", *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "runs": [run.document() for run in followed.runs],
            "skipped": [skipped.document() for skipped in started.skipped or ()],
        }
        say_json(document)
        return
    if followed.runs:
        say_table(COLUMNS, [row_of(run) for run in followed.runs], DROP)
    for run in followed.runs:
        if run.outcome == "failed":
            why = f": {run.error}" if run.error else ", and CTGO gives no reason"
            complain(escape(f"Run {run.id} failed{why}"), f"Its log: syncd runs show {run.id}")


def _runs(ids: Sequence[int]) -> str:
    return f"run {ids[0]} continues" if len(ids) == 1 else f"{len(ids)} runs continue"


def _look_at(stream_id: int, ids: Sequence[int] = ()) -> str:
    if len(ids) == 1:
        return f"To see it: syncd runs show {ids[0]} --stream {stream_id}"
    return f"To see them: syncd runs list --stream {stream_id}"
