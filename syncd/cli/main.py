"""`syncd`: the options of the main job, and the table of verbs."""

import os
import pkgutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from syncd import __version__
from syncd.cli.context import instant_option, parse_duration
from syncd.cli.exits import Exit, complain
from syncd.cli.prepare.completion import VARIABLE, prepare
from syncd.cli.verb_help import GROUPS, Verbs, examples_of, finish
from syncd.log import escape
from syncd.verbs.targets import MistakeError

VERBS = {
    "init": ("prepare.init:init", "Write a commented configuration to start from."),
    "check": ("prepare.check:check", "Check everything that a run needs: configuration, key, connectors."),
    "config": ("prepare.config:app", "Show the configuration in force, or explain a key and where its value comes from."),
    "setup": ("prepare.setup:setup", "List what must exist in a CRM and, with --apply, create it."),
    "map": ("prepare.map:map_", "Show the data that a connector would get, and why some fields are left out."),
    "variables": ("prepare.variables:variables_", "List the variables of a mapping, or its filters and tests, with an example each."),
    "plan": ("observe.plan:plan", "Show the pending work, the requests that it needs, and how long they take."),
    "status": ("observe.status:status", "Show the state of the ledger, the sources and the connectors."),
    "leads": ("observe.lead_list:leads", "List leads, newest first, with their state at each connector."),
    "lead": ("observe.lead:lead", "Show everything about one lead, as a timeline."),
    "rejected": ("operate.rejected:app", "List, show, retry or drop what was rejected."),
    "pause": ("operate.pause:pause", "Stop a source or a connector until it is resumed."),
    "resume": ("operate.pause:resume", "Lift a pause or a halt."),
    "retry": ("operate.retry:retry", "List what waits to be tried again, or try it now."),
    "reload": ("operate.pause:reload", "Make the running daemon read its configuration again."),
    "pull": ("operate.pause:pull", "Make the running daemon pull now."),
    "push": ("operate.push:app", "Show, or switch off and on, CTGO's push of new leads."),
    "replay": ("operate.replay:replay", "Make deliveries for older leads: for a new connector, or for rejected or unwanted leads."),
    "release": ("operate.release:release", "Release the deliveries that a connector's flood gate holds."),
    "console": ("run.console:app", "Serve pages for browsers about the ledger, and let people in."),
    "log": ("observe.operator_log:log", "Show who told syncd to do what, and when, newest last."),
    "audit": ("observe.audit:audit", "Prove the books: every lead is settled, or listed with the reason."),
    "backup": ("data.backup:backup", "Copy the ledger, also while an engine runs."),
    "restore": ("data.backup:restore", "Replace the ledger by a backup."),
    "forget": ("data.forget:forget", "Erase a person for good."),
    "streams": ("campaigns.streams:app", "List, show, create, run, retest, archive or restore campaigns at CTGO."),
    "segments": ("campaigns.segments:app", "List, show or create segments, which describe the people that a campaign looks for."),
    "accounts": ("campaigns.accounts:app", "List, show, sleep, wake or change the tier of tracked X accounts."),
    "runs": ("campaigns.runs:app", "List or show runs of campaigns."),
    "me": ("campaigns.me:me", "Show the owner of a key: subscription, budgets, credits."),
    "api": ("campaigns.api:api", "Send any request to CTGO that has no verb of its own."),
    "connector": ("prepare.new_connector:app", "Write the package of a connector of your own."),
    "completion": ("prepare.completion:completion", "Print a script that lets a shell complete verbs and options."),
    "explain": ("prepare.explain:explain", "Explain a failure code and what to do, or a word that status prints."),
    "service": ("service.service:app", "Install, upgrade, remove or show the systemd service."),
    "simulator": ("run.simulator:app", "Serve a simulated CTGO, or a CRM with --crm, to try things with."),
    "demo": ("run.demo:app", "Run the whole job in a few seconds, without a key."),
}  # fmt: skip
"""By verb: its function or Typer app below this package, and its text in `--help`."""


_ALONE = {"run", "start", "daemon", "serve"}
"""Words for the daemon, which has no verb."""


def _no_such_verb(word: str) -> str:
    if word in _ALONE:
        return (
            f"There is no verb {word}: syncd without a verb runs until it is stopped; syncd --once runs once."
        )
    near = get_close_matches(word.lower(), VERBS, n=1, cutoff=0.6)
    return f"There is no verb {escape(word[:64])}" + (f"; did you mean {near[0]}?" if near else ".")


class _Table(Verbs):
    """Looks verbs up in the table, so that only the chosen verb is imported."""

    groups = GROUPS
    listing = False

    def sentences(self, ctx: Any) -> dict[str, str]:
        del ctx
        return {verb: text for verb, (_, text) in VERBS.items()}

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in VERBS:
            raise typer.TyperException(_no_such_verb(cmd_name))
        place, text = VERBS[cmd_name]
        if self.listing:
            return TyperCommand(cmd_name, help=text)
        verb = pkgutil.resolve_name(f"syncd.cli.{place}")
        if not isinstance(verb, typer.Typer):
            single = typer.Typer(rich_markup_mode=None, add_completion=False)
            single.command()(verb)
            verb = single
        return finish(typer.main.get_command(verb), cmd_name, text)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        self.listing = True  # a list of verbs imports none of them
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self.listing = False


app = typer.Typer(
    cls=_Table,
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog=examples_of(""),
    context_settings={"help_option_names": ["--help", "-h"]},
)


_SINCE = instant_option("--since", "Only leads discovered from here on; the cursor stays")
_UNTIL = instant_option("--until", "Only leads discovered before")
_MAX_WAIT = typer.Option(
    "--max-wait", parser=parse_duration, metavar="TIME", help="Wait so long for trouble to pass [15m]."
)


def _refuse_without_once(context: typer.Context) -> None:
    """Raise a usage error for an option that only a single run takes."""
    single = ("since", "until", "connector", "dry_run", "limit", "max_wait")
    values = {name: context.params[name] for name in single}
    given = [
        f"--{name.replace('_', '-')}"
        for name, value in values.items()
        if value is not None and value is not False and value != ""  # --max-wait 0s is given
    ]
    if given:
        goes = "go" if len(given) > 1 else "goes"
        raise typer.TyperException(
            f"{' and '.join(given)} {goes} with --once: without it, syncd runs until it is stopped."
        )


@app.callback()
def main(  # noqa: PLR0917 - Typer passes them by name
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration file.", metavar="FILE")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Pull, deliver and export what there is, then exit.")
    ] = False,
    since: Annotated[Any, _SINCE] = None,
    until: Annotated[Any, _UNTIL] = None,
    connector: Annotated[
        str, typer.Option("--connector", metavar="NAME", help="Deliver to this connector only.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and change nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --dry-run: for a script, with each new lead.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Take in at most so many new leads.")
    ] = None,
    max_wait: Annotated[Any, _MAX_WAIT] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Open every flood gate for this run.")] = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Deliver leads from Catch The Good Ones to CRMs.

    Without a verb, syncd pulls and delivers until it is stopped; with --once, it does so one time.
    """
    if version:
        sys.stdout.write(f"syncd {__version__}\n")
        raise typer.Exit
    if as_json and not (once and dry_run):
        raise typer.TyperException("--json goes with --once --dry-run, or after a verb.")
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    if not once:
        _refuse_without_once(context)
        from syncd.cli.run.daemon import run_daemon  # noqa: PLC0415 - as below

        raise typer.Exit(run_daemon(config))
    from syncd.cli.run.once import MAX_WAIT, Order, run_job  # noqa: PLC0415 - the engine and all below it; a verb imports its own

    order = Order(
        since=since,
        until=until,
        connector=connector,
        limit=limit,
        max_wait=MAX_WAIT if max_wait is None else max_wait,
        yes=yes,
    )
    raise typer.Exit(run_job(config, order, dry_run=dry_run, as_json=as_json))


def parse_and_run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code. It reports a mistake in the command line, and raises any other trouble."""
    if VARIABLE in os.environ:
        prepare()
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="syncd")
    except (typer.TyperException, MistakeError) as error:
        said = str(error) if isinstance(error, MistakeError) else error.format_message()
        complain(said, "syncd --help lists the options; syncd VERB --help those of a verb.")
        return Exit.USAGE
    except typer.Abort:
        return Exit.WORK_LEFT
    return int(code or 0)
