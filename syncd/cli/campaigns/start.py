"""Runs and re-tests started from the command line: what was queued, what was left out and why, and watching them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncd.cli.campaigns.follow import Followed, follow, shown
from syncd.cli.campaigns.render import RUN_COLUMNS, run_row
from syncd.cli.campaigns.session import Asking, exit_of, tell_failure
from syncd.cli.exits import Exit, complain, strongest
from syncd.cli.output import duration, say, say_json, say_table
from syncd.core.failure import Failure
from syncd.log import escape

if TYPE_CHECKING:
    from syncd.ctgo.campaigns.runs import Started


def tell_started(ctgo: Asking, stream_id: int, started: "Started", *, as_json: bool) -> Exit:
    """What starting came to. What was left out goes to stderr, and fails only if nothing else was queued."""
    code = tell_skipped(ctgo, started)
    if as_json:
        say_json(started.document())
        return code
    queued = started.queued or ()
    if queued:
        say_table(("run", "account"), [(one.run_id, one.account_id) for one in queued])
        say(f"They go on at CTGO. Look at them with: syncd runs list --stream {stream_id}")
    return code


def tell_skipped(ctgo: Asking, started: "Started") -> Exit:
    """Say what was left out, and that nothing is left if so; 0 if anything was queued."""
    failures = [skipped.failure for skipped in started.skipped or ()]
    for failure in failures:
        tell_failure(failure, ctgo.source)
    if started.queued:
        return Exit.DONE
    if not failures:
        complain(
            "CTGO queued nothing, and did not say why.", "A campaign needs a pair whose account is awake."
        )
        return Exit.FAILED
    return strongest(exit_of(failure) for failure in failures)


def watch(ctgo: Asking, stream_id: int, started: "Started", *, max_wait: float, as_json: bool) -> Exit:
    """Watch the runs that were started until they are over, and tell how they ended."""
    code = tell_skipped(ctgo, started)
    ids = [one.run_id for one in started.queued or () if one.run_id is not None]
    unnamed = len(started.queued or ()) - len(ids)
    followed = Followed()
    if ids:
        try:
            with shown() as screen:
                followed = follow(ctgo.api.runs, stream_id, ids, ctgo.clock, screen, max_wait=max_wait)
        except KeyboardInterrupt:
            complain(f"Stopped watching: {_runs(ids)} on at CTGO.", _look_at(stream_id, ids))
            return Exit.WORK_LEFT
        except Failure:
            complain(f"Cannot watch any longer: {_runs(ids)} on at CTGO.", _look_at(stream_id, ids))
            raise
    _tell_ended(followed, started, as_json=as_json)
    if followed.left:
        left = followed.left
        complain(f"Not over after {duration(max_wait)}: {_runs(left)} on at CTGO.", _look_at(stream_id, left))
    for number in followed.gone:
        complain(
            f"CTGO no longer shows run {number} of this campaign.",
            "A pair that was taken out takes its runs along.",
        )
    if unnamed:
        complain(f"CTGO did not say which run is which: {unnamed} were not watched.", _look_at(stream_id))
    return strongest((code, followed.exit, Exit.WORK_LEFT if unnamed else Exit.DONE))


def _tell_ended(followed: Followed, started: "Started", *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {
            "runs": [run.document() for run in followed.runs],
            "skipped": [skipped.document() for skipped in started.skipped or ()],
        }
        say_json(told)
        return
    if followed.runs:
        say_table(RUN_COLUMNS, [run_row(run) for run in followed.runs])
    for run in followed.runs:
        if run.outcome == "failed":
            _complain_of(run.id, run.error)


def _complain_of(number: int | None, error: str | None) -> None:
    """A run that failed, on stderr."""
    why = f": {error}" if error else ", and CTGO does not say why"
    complain(escape(f"Run {number} failed{why}"), f"Its log: syncd runs show {number}")


def _runs(ids: Sequence[int]) -> str:
    return f"run {ids[0]} goes" if len(ids) == 1 else f"{len(ids)} runs go"


def _look_at(stream_id: int, ids: Sequence[int] = ()) -> str:
    one = (
        f"syncd runs show {ids[0]} --stream {stream_id}"
        if len(ids) == 1
        else f"syncd runs list --stream {stream_id}"
    )
    return f"Look at {'it' if len(ids) == 1 else 'them'} with: {one}"
