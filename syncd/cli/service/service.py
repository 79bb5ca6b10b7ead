"""`syncd service`: install, upgrade or remove the systemd units in the wheel.

It never touches what belongs to the operator: drop-ins, the configuration, the credentials, the data, and a file of ours
that somebody changed.
"""

import os
import sys
import sysconfig
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from syncd import __version__
from syncd.cli.exits import Exit, complain
from syncd.cli.output import say
from syncd.cli.service.install import (
    CONFIG,
    CREDENTIALS,
    DAEMON,
    ONCE,
    PLACES,
    PROGRAM,
    STATE,
    SYSUSERS,
    TIMER,
    USER,
    Installer,
    InstallError,
    Part,
    compare,
    configuration,
    out_of_reach,
    wanted,
)
from syncd.cli.verb_help import Verbs

app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="Install, upgrade, remove or show the systemd service.",
)

_Root = Annotated[
    Path,
    typer.Option("--root", metavar="DIR", help="The root folder of an image to build; nothing is started."),
]
_Program = Annotated[
    Path | None,
    typer.Option("--program", metavar="PATH", help="The program that the units start [this one]."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]

SLASH = Path("/")


@app.command()
def install(root: _Root = SLASH, program: _Program = None, dry_run: _DryRun = False) -> int:
    """Install the units, the user, the folders, and a configuration to start from. It starts nothing."""
    return _guarded(lambda: _install(_installer(root, dry=dry_run), _program(program, root)))


@app.command()
def upgrade(root: _Root = SLASH, program: _Program = None, dry_run: _DryRun = False) -> int:
    """Update the units after an upgrade of syncd, and restart the daemon if it runs."""
    return _guarded(lambda: _upgrade(_installer(root, dry=dry_run), _program(program, root)))


@app.command()
def remove(root: _Root = SLASH, program: _Program = None, dry_run: _DryRun = False) -> int:
    """Stop the service and remove the units. The configuration and the data stay."""
    return _guarded(lambda: _remove(_installer(root, dry=dry_run), _named(program, root)))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="[FILE]", help="Only this file.")] = "",
    root: _Root = SLASH,
    program: _Program = None,
) -> int:
    """Show the files as they would be written, each with its place and the condition of the installed one."""
    return _guarded(lambda: _show(_installer(root, dry=True), _named(program, root), name))


def _install(installer: Installer, program: Path) -> Exit:
    parts = _parts(installer, program)
    changed = _write(installer, parts)
    new = _install_surroundings(installer, program, parts)
    return _complain_of_parts(installer, parts) or _print_next_steps(installer, changed=changed, new=new)


def _upgrade(installer: Installer, program: Path) -> Exit:
    parts = _parts(installer, program)
    if all(part.condition == "missing" for part in parts):
        complain("The service is not installed here.", "Install it with: syncd service install")
        return Exit.FAILED
    changed = _write(installer, parts)
    _install_surroundings(installer, program, parts)
    if installer.active(DAEMON):
        # Even if no unit changed: the program may have another version
        installer.systemctl("restart", DAEMON, done=f"restarted {DAEMON}")
    elif not changed:
        say("Every unit is up to date.")
    return _complain_of_parts(installer, parts)


def _remove(installer: Installer, program: Path) -> Exit:
    parts = _parts(installer, program)
    for unit in (TIMER, DAEMON):
        if installer.enabled(unit) or installer.active(unit):
            now = ["--now"] if installer.live else []
            installer.systemctl("disable", *now, unit, done=f"stopped and disabled {unit}")
    if installer.active(ONCE):
        installer.systemctl("stop", ONCE, done=f"stopped {ONCE}")
    ours = [part for part in parts if part.condition in {"current", "older"}]
    installer.remove(ours)
    installer.unlink(program)
    if ours:
        installer.systemctl("daemon-reload", done="told systemd")
    say(
        f"Kept: {CONFIG.parent} (configuration, credentials), {STATE} (the ledger and CSV files), the user {USER}."
    )
    say(f"To delete them too: rm -r {CONFIG.parent} {STATE} && userdel {USER}")
    return _complain_of_parts(installer, parts)


def _show(installer: Installer, program: Path, name: str) -> Exit:
    parts = [part for part in _parts(installer, program) if name in {"", part.name}]
    if not parts:
        raise typer.TyperException(f"There is no such file; these are: {', '.join(PLACES)}.")
    for part in parts:
        say(f"# {part.place} ({part.condition})")
        for line in part.text.splitlines():
            say(line)
        if part is not parts[-1]:
            say()
    return Exit.DONE


def _parts(installer: Installer, program: Path) -> list[Part]:
    return compare(wanted(program, __version__), installer.found())


def _write(installer: Installer, parts: list[Part]) -> bool:
    """Write the parts that are missing or old; tell if there were any."""
    due = [part for part in parts if part.due]
    for part in due:
        installer.write(part.place, part.text)
    return bool(due)


def _install_surroundings(installer: Installer, program: Path, parts: list[Part]) -> bool:
    """Make what the units need: the user, the folders, a configuration. Tell if the configuration is new."""
    sysusers = next(part.text for part in parts if part.name == SYSUSERS)
    user, group = installer.user(sysusers)
    installer.folder(CONFIG.parent, 0o750, group=group)
    installer.folder(CREDENTIALS, 0o700)
    installer.folder(STATE, 0o700, user=user, group=group)
    new = not os.path.lexists(installer.at(CONFIG))
    if new:
        starter = files("syncd.cli").joinpath("starter.toml").read_text()
        installer.write(CONFIG, configuration(starter), mode=0o640, group=group)
    installer.link(program)
    if any(part.due for part in parts):
        installer.systemctl("daemon-reload", done="told systemd")
    return new


def _print_next_steps(installer: Installer, *, changed: bool, new: bool) -> Exit:
    if installer.active(DAEMON):
        say("Next: systemctl restart syncd" if changed else "Every part is installed, and the daemon runs.")
        return Exit.DONE
    if not installer.live and installer.root == SLASH:
        say("systemd does not run here: the units work when it does.")
    say("Next:")
    if new:
        say(
            f"  1. Put your CTGO key in {CREDENTIALS}/sources.main.api_key (paste it, then Enter and Ctrl-D):"
        )
        say(f"     (umask 077; cat > {CREDENTIALS}/sources.main.api_key)")
        say(f"  2. $EDITOR {CONFIG}      # where leads go: take the # from a connector")
    say(f"  {'3' if new else '1'}. syncd check")
    say(
        f"  {'4' if new else '2'}. systemctl enable --now syncd      # or, without a daemon: syncd-once.timer"
    )
    return Exit.DONE


def _complain_of_parts(installer: Installer, parts: list[Part]) -> Exit:
    """Complain of overridden units and of parts that somebody changed; return 75 if a part was changed."""
    for part in installer.overruled(parts):
        complain(f"/etc/systemd/system/{part.place.name} is yours, and overrides {part.place}.")
    edited = [part for part in parts if part.condition == "edited"]
    for part in edited:
        complain(
            f"{part.place} was changed by hand, and stays as it is.",
            f"Put your lines in a drop-in (systemctl edit {part.place.name}), delete the file, and run this again. "
            f"To see the original: syncd service show {part.name}",
        )
    return Exit.WORK_LEFT if edited else Exit.DONE


def _installer(root: Path, *, dry: bool) -> Installer:
    root = root.absolute()
    if not root.is_dir():
        raise InstallError(f"{root} is not a folder.")
    if os.geteuid() and not dry:
        raise InstallError("Only root may do this.", "Run it again with sudo.")
    if not dry:
        os.umask(0o022)  # everybody may read the folders above ours
    return Installer(root, say, dry)


def _program(named: Path | None, root: Path) -> Path:
    """Find the program for the units, and check that the service can start it. Raises InstallError."""
    program = _named(named, root)
    if root.absolute() != SLASH:
        return program
    if not program.exists():
        raise InstallError(f"There is no {program}.", "Name the program with --program.")
    for path in (program, Path(sys.executable)):
        if folder := out_of_reach(path):
            raise InstallError(
                f"The service could not start {path}: it may not enter {folder}.",
                f"Install syncd elsewhere: python3 -m venv /opt/syncd && /opt/syncd/bin/pip install ctgo-syncd && "
                f"{PROGRAM} service install",
            )
    return program


def _named(named: Path | None, root: Path) -> Path:
    """Choose the program: the named one, else this one; in an image, the one that the units expect."""
    if named is not None:
        return named.absolute()
    return PROGRAM if root.absolute() != SLASH else Path(sysconfig.get_path("scripts"), "syncd")


def _guarded(act: Callable[[], Exit]) -> Exit:
    try:
        return act()
    except InstallError as error:
        complain(str(error), error.fix)
        return Exit.FAILED
