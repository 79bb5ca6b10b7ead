"""`syncd`: the options of the main job, and the table of verbs."""

import importlib
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from syncd import __version__
from syncd.cli.exits import Exit, complain
from syncd.settings import instant, seconds

VERBS = {
    "init": "Write a commented configuration to start from.",
    "check": "Try everything that a run needs: configuration, key, connectors.",
    "setup": "What must exist in a CRM: list it and, with --apply, make it.",
    "map": "What would be sent to a connector, and why some fields are left out.",
    "plan": "What waits, how many requests it needs, and how long they take.",
    "status": "Where everything stands.",
    "lead": "All that is known of one lead, as a timeline.",
    "rejected": "What was set aside: list, show, retry, drop, csv.",
    "pause": "Stop a source or a connector until it is resumed.",
    "resume": "Lift a pause or a halt.",
    "push": "Whether CTGO tells of new leads by itself: show, off, on.",
    "replay": "Make deliveries for older leads: of a connector added later, rejected ones, unwanted ones.",
    "release": "Let through what a connector's flood gate holds.",
    "audit": "Prove the books: every lead settled, or listed with the reason.",
    "backup": "Copy the ledger, also while an engine runs.",
    "restore": "Put a backup in the ledger's place.",
    "forget": "Erase a person, for good.",
    "streams": "Campaigns at CTGO: list, show, create, run, retest, archive, restore.",
    "segments": "Segments, which say whom a campaign looks for: list, show, create.",
    "accounts": "Tracked X accounts: list, show, sleep, wake, tier.",
    "runs": "Runs of campaigns: list, show.",
    "me": "Whose key it is: subscription, budgets, credits.",
    "api": "Any request to CTGO, for what has no verb of its own.",
    "explain": "What a failure code means and what to do.",
    "service": "The systemd service: install, upgrade, remove, show.",
    "simulator": "Serve a CTGO of your own, to try things on.",
    "demo": "See the whole job run in a few seconds, without a key.",
}
"""The verbs and what `--help` says of each."""

MODULES = {
    "init": "prepare.init",
    "check": "prepare.check.check",
    "setup": "prepare.setup",
    "map": "prepare.map",
    "plan": "observe.plan",
    "status": "observe.status",
    "lead": "observe.lead",
    "rejected": "operate.rejected",
    "pause": "operate.pause",
    "resume": "operate.resume",
    "push": "operate.push",
    "replay": "operate.replay",
    "release": "operate.release",
    "audit": "observe.audit",
    "backup": "data.backup",
    "restore": "data.restore",
    "forget": "data.forget",
    "streams": "campaigns.streams",
    "segments": "campaigns.segments",
    "accounts": "campaigns.accounts",
    "runs": "campaigns.runs",
    "me": "campaigns.me",
    "api": "campaigns.api",
    "explain": "prepare.explain",
    "service": "service.service",
    "simulator": "run.simulator",
    "demo": "run.demo",
}
"""The module of each verb, below this package; it holds a Typer `app`."""


class _Verbs(TyperGroup):
    """Looks verbs up in the table, so that only the one asked for is imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in VERBS:
            return None
        app = importlib.import_module(f"syncd.cli.{MODULES[cmd_name]}").app
        command = typer.main.get_command(app)
        command.name = cmd_name
        command.help = command.help or VERBS[cmd_name]
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


app = typer.Typer(
    cls=_Verbs,
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _instant(text: str) -> datetime:
    moment = instant(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parsed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A parser whose ValueError is a usage error with its sentence."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


_INSTANT = _parsed(_instant)
_SECONDS = _parsed(seconds)


@app.callback()
def main(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="The configuration file.", metavar="FILE")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Pull, deliver and export what there is, then exit.")
    ] = False,
    since: Annotated[
        Any,
        typer.Option(
            "--since",
            parser=_INSTANT,
            metavar="TIME",
            help="Leads discovered from here on; leaves the cursor alone.",
        ),
    ] = None,
    until: Annotated[
        Any, typer.Option("--until", parser=_INSTANT, metavar="TIME", help="Leads discovered before.")
    ] = None,
    connector: Annotated[
        str, typer.Option("--connector", metavar="NAME", help="Deliver to this one only.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing anywhere.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Take in so many new leads at most.")
    ] = None,
    max_wait: Annotated[
        Any,
        typer.Option(
            "--max-wait", parser=_SECONDS, metavar="TIME", help="How long trouble is waited out [15m]."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Open every flood gate for this run.")] = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Keeps a CRM fed with leads from Catch The Good Ones."""
    if version:
        sys.stdout.write(f"syncd {__version__}\n")
        raise typer.Exit
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    if not once:
        raise typer.Exit(
            _daemon(config, any((since, until, connector, dry_run, limit, max_wait is not None)))
        )
    from syncd.cli.run import job  # noqa: PLC0415 - the engine and all below it; a verb imports its own

    order = job.Order(
        since=since.timestamp() if since else None,
        until=until.timestamp() if until else None,
        connector=connector,
        limit=limit,
        max_wait=job.MAX_WAIT if max_wait is None else max_wait,
        yes=yes,
    )
    raise typer.Exit(job.run_job(config, order, dry_run=dry_run))


def _daemon(config: Path | None, once_options: bool) -> int:
    """Run until the daemon is told to stop. Options of a single run are a mistake here."""
    if once_options:
        raise typer.BadParameter(
            "goes with --once; without it syncd runs until it is stopped", param_hint="syncd"
        )
    from syncd.cli.run.daemon import run_daemon  # noqa: PLC0415 - as below

    return run_daemon(config)


def parse_and_run(arguments: Sequence[str]) -> int:
    """What the command line asks for, done; its exit code. A mistake in it is said here, any other trouble is raised."""
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="syncd")
    except typer.TyperException as error:
        complain(error.format_message(), "syncd --help lists the options; syncd VERB --help those of a verb.")
        return Exit.USAGE
    except typer.Abort:
        return Exit.WORK_LEFT
    return int(code or 0)
