"""`syncd backup FILE` copies the ledger; `syncd restore FILE` replaces it by a copy, and carries over the events since."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.context import operator, settings_of
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say
from syncd.clock import Clock, SystemClock
from syncd.core.limiter import WINDOW
from syncd.settings import Settings

if TYPE_CHECKING:
    from syncd.ledger import Ledger
    from syncd.ledger.admin.restoration import Carried


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; it appears whole or not at all.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if there is one.")] = False,
) -> int:
    """Copy the ledger to FILE, also while an engine runs on it.

    The copy holds personal data; it is readable by its owner only.
    """
    settings = settings_of(context)
    from syncd.ledger import Ledger, LedgerError  # noqa: PLC0415
    from syncd.ledger.admin.backups import back_up  # noqa: PLC0415
    from syncd.ledger.history import log_action, note_done  # noqa: PLC0415

    path, copy = settings.state.path, file.absolute()
    size = back_up(path, copy, force=force)
    say(f"Copied {path} to {file}: {size:,} bytes.")
    now = SystemClock().now()
    try:
        with Ledger.open(path) as ledger, ledger.write() as connection:
            # `syncd forget` lists the backups that remain
            log_action(connection, now, who=operator(), verb="backup", name=str(copy))
            note_done(connection, "backup", now)
    except LedgerError as error:
        complain(f"The copy is complete, but the ledger could not record it: {error.detail}")
    return Exit.DONE


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of syncd backup.")],
) -> int:
    """Replace the ledger by a backup; the old ledger is kept beside it. No engine may run.

    Every delivery of a lead found before now counts as maybe sent: a connector that cannot simply send again looks first.
    """
    settings = settings_of(context)
    from syncd.ledger import LedgerError, call_log  # noqa: PLC0415
    from syncd.ledger.admin import backups  # noqa: PLC0415
    from syncd.ledger.database import EngineLock  # noqa: PLC0415

    path, clock = settings.state.path, SystemClock()
    if file.exists() and path.exists() and file.samefile(path):
        raise LedgerError("ledger_broken", f"{file} is the ledger itself: name a backup of it.")
    with EngineLock(path):
        part = backups.fresh(path.with_name(f"{path.name}.restoring"))
        try:
            backups.copy(file, part)
            backups.check_data_only(part, str(file))
            backups.check(part, str(file))
            carried = _bring_up_to_now(settings, part, clock, file)
            aside = path.with_name(f"{path.name}{backups.ASIDE}restore-{int(clock.now())}")
            kept = path.exists()
            backups.replace(path, part, aside)
            call_log.delete(call_log.path_beside(path))  # its ids of deliveries mean others now
        finally:
            for left in path.parent.glob(f"{part.name}*"):
                left.unlink()
    _show(file, carried, aside if kept else None)
    return Exit.DONE


def _bring_up_to_now(settings: Settings, part: Path, clock: Clock, file: Path) -> "Carried":
    from syncd.ledger import Ledger  # noqa: PLC0415
    from syncd.ledger.admin import maintenance  # noqa: PLC0415
    from syncd.ledger.admin.restoration import bring_up_to_now  # noqa: PLC0415

    with Ledger.open(part, upgrade=True) as ledger:
        now = clock.now()
        carried = bring_up_to_now(ledger, settings.state.path, now, who=operator(), name=str(file.absolute()))
        if {"anything", "requests"} & set(carried.unread):
            _wait_a_minute(settings, ledger, clock)
        maintenance.leave_no_trace(ledger, now)
    return carried


def _wait_a_minute(settings: Settings, ledger: "Ledger", clock: Clock) -> None:
    """Block the budgets for a minute: nobody knows the requests of the last minute."""
    from syncd.engine.budget import RequestBudget  # noqa: PLC0415
    from syncd.ledger import budgets  # noqa: PLC0415

    for source in settings.sources.values():
        limit = source.requests_per_minute
        meter = RequestBudget(source.api_key.get_secret_value(), limit, clock, deadline=WINDOW).meter
        with ledger.write() as connection:
            budgets.load_budget(connection, meter, clock.monotonic())
            budgets.block(connection, meter, clock.monotonic() + WINDOW)


def _show(file: Path, carried: "Carried", aside: Path | None) -> None:
    say(f"Restored {file}. Deliveries of leads found before now count as maybe sent.")
    if aside:
        say(f"The old ledger is kept at {aside}: it holds personal data, so delete it when all is well.")
    if carried.forgotten:
        say(f"{carried.forgotten} leads of people who were forgotten since the backup were forgotten again.")
    for lane in carried.pauses:
        say(f"{lane} stays paused by hand.")
    undone = {
        verb: n for verb, n in carried.acts.items() if verb not in {"forget", "pause", "backup", "restore"}
    }
    if undone:
        acts = ", ".join(f"{n} {verb}" for verb, n in sorted(undone.items()))
        say(f"Since the backup, people ran these commands, and may have to run them again: {acts}.")
    say("If a window of the past was pulled since the backup (syncd --once --since), pull it again.")
    if carried.unread:
        say(
            f"The old ledger could not be read for: {', '.join(carried.unread)}. Forget again the people who were forgotten "
            "since the backup; the first requests wait a minute."
        )
    say("Next: syncd check, then start syncd.")
