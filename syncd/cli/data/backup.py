"""`syncd backup FILE`: a copy of the ledger, consistent also while an engine runs on it."""

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.context import operator, settings_of, verb_app
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say

app = verb_app()


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; it appears whole or not at all.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if there is one.")] = False,
) -> int:
    """Copy the ledger to FILE, also while an engine runs on it.

    The copy holds personal data; it is readable by its owner only.
    """
    settings = settings_of(context)
    from syncd.ledger import LedgerError  # noqa: PLC0415
    from syncd.ledger.admin.backups import back_up  # noqa: PLC0415

    size = back_up(settings.state.path, file.absolute(), force=force)
    say(f"Copied {settings.state.path} to {file}: {size:,} bytes.")
    try:
        _record(settings.state.path, file.absolute())
    except LedgerError as error:
        complain(f"The copy is complete, but the ledger could not record it: {error.detail}")
    return Exit.DONE


def _record(ledger_path: Path, file: Path) -> None:
    """Record a backup in the ledger: `syncd forget` lists the backups that remain."""
    from syncd.clock import SystemClock  # noqa: PLC0415
    from syncd.ledger import Ledger  # noqa: PLC0415
    from syncd.ledger.history import log_action, note_done  # noqa: PLC0415

    now = SystemClock().now()
    with Ledger.open(ledger_path) as ledger, ledger.write() as connection:
        log_action(connection, now, who=operator(), verb="backup", name=str(file))
        note_done(connection, "backup", now)
