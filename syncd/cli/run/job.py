"""The main job as the command line starts it: settings and log first, then a run or a dry run."""

import gc
from pathlib import Path

from syncd.app.compose import read_settings
from syncd.cli.exits import Exit
from syncd.cli.run.delegate import hand_over
from syncd.cli.run.dry_run import run_dry
from syncd.cli.run.once import MAX_WAIT, Order, run_once
from syncd.ledger import LedgerError
from syncd.log import configure, redact_values
from syncd.settings import secret_values

__all__ = ["MAX_WAIT", "Order", "run_job"]


def run_job(config: Path | None, order: Order, *, dry_run: bool) -> Exit:
    """Do the main job once, or say what it would do. Raises SettingsError and LedgerError."""
    gc.freeze()  # what start-up made stays
    gc.set_threshold(50_000, 20, 50)  # and work makes little that has cycles
    settings = read_settings(config)
    redact_values(secret_values(settings))
    # What a dry run's lanes say of their ledger in memory did not happen: only what went wrong is news
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
    return hand_over(settings, order)
