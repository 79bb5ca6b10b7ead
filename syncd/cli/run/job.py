"""The main job of the command line: settings and log first, then a run or a dry run."""

import gc
from pathlib import Path

from syncd.app.privileges import settings_in_force
from syncd.cli.exits import Exit
from syncd.cli.run.delegate import delegate
from syncd.cli.run.dry_run import run_dry
from syncd.cli.run.once import MAX_WAIT, Order, run_once
from syncd.ledger import LedgerError
from syncd.log import configure, redact_values
from syncd.settings import secret_values

__all__ = ["MAX_WAIT", "Order", "run_job"]


def run_job(config: Path | None, order: Order, *, dry_run: bool) -> Exit:
    """Do the main job once, or print what it would do. Raises SettingsError and LedgerError."""
    gc.freeze()  # the objects of start-up stay
    gc.set_threshold(50_000, 20, 50)  # and work makes few cycles
    settings = settings_in_force(config)
    redact_values(secret_values(settings))
    # A dry run's lanes write to a ledger in memory, so their reports of success are not true
    quiet = dry_run and settings.log.level == "info"
    configure(settings.log.format, "warning" if quiet else settings.log.level)
    if dry_run:
        return run_dry(settings, order)
    try:
        return run_once(settings, order)
    except LedgerError as error:
        window = order.since is not None or order.until is not None
        if error.code != "ledger_locked" or not window or order.connector:
            raise
    return delegate(settings, order)
