"""Runs and re-tests that were started: reports of queued and skipped ones, and watching."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncd.cli.campaigns.follow import Followed, follow, run_display
from syncd.cli.campaigns.render import RUN_COLUMNS, run_row
from syncd.cli.campaigns.session import Session, complain_of, exit_of
from syncd.cli.exits import Exit, complain, strongest
from syncd.cli.output import duration, say, say_json, say_table
from syncd.core.failure import Failure
from syncd.log import escape

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.runs import Started


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
        say_table(RUN_COLUMNS, [run_row(run) for run in followed.runs])
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
