"""`syncd simulator`: the simulated CTGO and CRMs, with the options of `python -m syncd.simulator`."""

import typer

from syncd.cli.exits import Exit

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_BAD_OPTION = 2
"""Argparse's exit code for a wrong option."""


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, add_help_option=False
)
def simulator(context: typer.Context) -> int:
    """Serve a simulated CTGO, or a CRM with --crm, to try things with."""
    from syncd.simulator.command import main  # noqa: PLC0415 - Flask and waitress

    try:
        main(context.args, prog="syncd simulator")
    except SystemExit as ended:  # argparse has said why
        if not ended.code:
            return Exit.DONE
        return Exit.USAGE if ended.code == _BAD_OPTION else Exit.FAILED
    return Exit.DONE
