"""The help of the verbs, in one style: their groups, their examples, and the option that each of them takes."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

GROUPS = {
    "Set up": [
        "init",
        "check",
        "config",
        "setup",
        "map",
        "variables",
        "service",
        "simulator",
        "demo",
        "connector",
        "completion",
    ],
    "Watch": ["status", "plan", "leads", "lead", "console", "log", "audit", "explain"],
    "Repair": [
        "rejected",
        "pause",
        "resume",
        "reload",
        "pull",
        "retry",
        "release",
        "replay",
        "push",
        "backup",
        "restore",
        "forget",
    ],
    "Campaigns": ["streams", "segments", "accounts", "runs", "me", "api"],
}
"""The verbs by the work that they belong to."""

EXAMPLES = {
    "": ("syncd --once --since yesterday", "syncd --once --dry-run"),
    "init": ("syncd init", "syncd init crm.toml"),
    "check": ("syncd check", "syncd check --alerts"),
    "config": ("syncd config explain sources.main.poll", "syncd config show"),
    "setup": ("syncd setup", "syncd setup crm --apply"),
    "map": ("syncd map crm", "syncd map crm --lead 90211", "syncd map crm --upstream"),
    "variables": ("syncd variables --lead 90211", "syncd variables --filters"),
    "plan": ("syncd plan", "syncd plan --json"),
    "status": ("syncd status", "syncd status --json"),
    "leads": ("syncd leads --since 2h", "syncd leads --connector crm --state rejected"),
    "lead": ("syncd lead @northwindlabs", "syncd lead 90211 --json"),
    "console": ("syncd console", "syncd console link --viewer --name wall --for 30d", "syncd console end --all"),
    "log": ("syncd log --since 2h", "syncd log crm"),
    "audit": ("syncd audit", "syncd audit --upstream"),
    "rejected": ("syncd rejected list", "syncd rejected show 90522", "syncd rejected retry --connector crm"),
    "pause": ("syncd pause crm --for 2h", 'syncd pause crm --reason "The fields change."'),
    "resume": ("syncd resume crm", "syncd resume crm --accept"),
    "release": ("syncd release crm --first 20", "syncd release crm"),
    "replay": ("syncd replay --connector crm --since 2026-11-30", "syncd replay --connector crm --delivered --dry-run"),
    "retry": ("syncd retry", "syncd retry crm"),
    "push": ("syncd push", "syncd push off main"),
    "backup": ("syncd backup /srv/backup/syncd.db", "syncd backup --force /srv/backup/syncd.db"),
    "restore": ("syncd restore /srv/backup/syncd.db", "sudo -u syncd syncd restore /srv/backup/syncd.db"),
    "forget": ("syncd forget --handle @northwindlabs", "syncd forget --email mara@example.com"),
    "streams": ("syncd streams list", "syncd streams run 14 --wait"),
    "segments": ("syncd segments list", "syncd segments show 3"),
    "accounts": ("syncd accounts list", "syncd accounts sleep 3"),
    "runs": ("syncd runs list", "syncd runs show 901"),
    "api": ("syncd api GET /me", "syncd api GET /streams"),
    "explain": ("syncd explain key_refused", "syncd explain gate_held"),
    "service": ("sudo syncd service install", "syncd service show"),
    "demo": ("syncd demo", "syncd demo --crm hubspot", "syncd demo --console"),
    "connector": ("syncd connector new acme", "syncd connector new acme --folder /srv/acme"),
    "completion": ("source <(syncd completion bash)", "syncd completion fish > ~/.config/fish/completions/syncd.fish"),
}  # fmt: skip
"""Lines to type, by verb; those of `syncd` itself under the empty name."""

_OWN_CONFIG = {"init", "simulator", "connector"}
"""Verbs that do without the option: the first writes the file, the others read none."""


def examples_of(verb: str) -> str | None:
    """Return a verb's examples as the end of its help, with line breaks that stay; None if it has none."""
    lines = EXAMPLES.get(verb)
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)]) if lines else None


class Verbs(TyperGroup):
    """A group whose help shows each of its commands with a whole sentence, by groups if it has any."""

    groups: ClassVar[dict[str, list[str]]] = {}

    def sentences(self, ctx: Any) -> dict[str, str]:
        """Return the text of each command."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return {name: (it.help or "").split("\n\n")[0] for name, it in commands.items() if it is not None}

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, none of their sentences cut."""
        left = self.sentences(ctx)
        width = max(map(len, left), default=0)
        for title, names in self.groups.items():
            rows = [(name.ljust(width), left.pop(name)) for name in names if name in left]
            with formatter.section(title):
                formatter.write_dl(rows)
        if left:
            with formatter.section("More" if self.groups else "Commands"):
                formatter.write_dl([(name.ljust(width), text) for name, text in left.items()])


def finish(command: Any, verb: str, help_: str) -> Any:
    """Give the command of a verb its name, its text, its examples and the option --config; return it."""
    command.name = verb
    command.help = command.help or help_
    command.epilog = command.epilog or examples_of(verb)
    if verb not in _OWN_CONFIG:
        for each in _all_of(command):
            each.params.append(_config_option())
    return command


def _all_of(command: Any) -> Iterable[Any]:
    return [command, *getattr(command, "commands", {}).values()]


def _use(context: typer.Context, file: Path | None) -> None:
    if file is not None:
        context.obj = file


_Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="The configuration file.", callback=_use, expose_value=False
    ),
]


def _config_option() -> Any:
    """Make the option as Typer makes those of a function."""
    maker = typer.Typer(rich_markup_mode=None, add_completion=False)

    @maker.command()
    def _(config: _Config = None) -> None: ...

    return typer.main.get_command(maker).params[0]
