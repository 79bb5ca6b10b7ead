"""`syncd service`: the systemd units that the wheel carries, put in place, renewed, and taken away again.

What belongs to the operator is never touched: drop-ins, the configuration, the credentials, the data, and a file of ours
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
from syncd.cli.service import units
from syncd.cli.service.install import DAEMON, ONCE, TIMER, Installer, PlacingError
from syncd.cli.service.units import CONFIG, CREDENTIALS, PROGRAM, STATE, SYSUSERS, USER, Part

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, no_args_is_help=True, help="The systemd service: install, upgrade, remove, show."
)  # fmt: skip

_Root = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Where / is, to build an image; nothing is started.")
]
_Program = Annotated[
    Path | None,
    typer.Option("--program", metavar="PATH", help="The program that the units start [this one]."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

SLASH = Path("/")


@app.command()
def install(root: _Root = SLASH, program: _Program = None, dry_run: _DryRun = False) -> int:
    """Put the units, the user and the folders in place, and a configuration to start from. Nothing is started."""
    return _guarded(lambda: _install(_placer(root, dry=dry_run), _program(program, root)))


@app.command()
def upgrade(root: _Root = SLASH, program: _Program = None, dry_run: _DryRun = False) -> int:
    """Renew the units after a new version was installed, and restart the daemon if it runs."""
    return _guarded(lambda: _upgrade(_placer(root, dry=dry_run), _program(program, root)))


@app.command()
def remove(root: _Root = SLASH, program: _Program = None, dry_run: _DryRun = False) -> int:
    """Stop the service and take the units away. The configuration and the data stay."""
    return _guarded(lambda: _remove(_placer(root, dry=dry_run), _named(program, root)))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="[FILE]", help="One of them only.")] = "",
    root: _Root = SLASH,
    program: _Program = None,
) -> int:
    """The files as they would be written, each with where it goes and how what is there compares."""
    return _guarded(lambda: _show(_placer(root, dry=True), _named(program, root), name))


def _install(placer: Installer, program: Path) -> Exit:
    parts = _parts(placer, program)
    changed = _write(placer, parts)
    new = _place_around(placer, program, parts)
    return _told(placer, parts) or _say_what_next(placer, changed=changed, new=new)


def _upgrade(placer: Installer, program: Path) -> Exit:
    parts = _parts(placer, program)
    if all(part.condition == "missing" for part in parts):
        complain("The service is not installed here.", "Install it with: syncd service install")
        return Exit.FAILED
    changed = _write(placer, parts)
    _place_around(placer, program, parts)
    if placer.active(DAEMON):
        # Also when no unit changed: the program behind it may be another version's
        placer.systemctl("restart", DAEMON, done=f"restarted {DAEMON}")
    elif not changed:
        say("Every unit is up to date.")
    return _told(placer, parts)


def _remove(placer: Installer, program: Path) -> Exit:
    parts = _parts(placer, program)
    for unit in (TIMER, DAEMON):
        if placer.enabled(unit) or placer.active(unit):
            now = ["--now"] if placer.live else []
            placer.systemctl("disable", *now, unit, done=f"stopped and disabled {unit}")
    if placer.active(ONCE):
        placer.systemctl("stop", ONCE, done=f"stopped {ONCE}")
    ours = [part for part in parts if part.condition in {"current", "older"}]
    placer.remove(ours)
    placer.unlink(program)
    if ours:
        placer.systemctl("daemon-reload", done="told systemd")
    say(
        f"Kept: {CONFIG.parent} (configuration, credentials), {STATE} (the ledger and CSV files), the user {USER}."
    )
    say(f"To delete them too: rm -r {CONFIG.parent} {STATE} && userdel {USER}")
    return _told(placer, parts)


def _show(placer: Installer, program: Path, name: str) -> Exit:
    parts = [part for part in _parts(placer, program) if name in {"", part.name}]
    if not parts:
        raise typer.TyperException(f"There is no such file; these are: {', '.join(units.PLACES)}.")
    for part in parts:
        say(f"# {part.place} ({part.condition})")
        for line in part.text.splitlines():
            say(line)
        if part is not parts[-1]:
            say()
    return Exit.DONE


def _parts(placer: Installer, program: Path) -> list[Part]:
    return units.compare(units.wanted(program, __version__), placer.found())


def _write(placer: Installer, parts: list[Part]) -> bool:
    """Write what is due; whether anything was."""
    due = [part for part in parts if part.due]
    for part in due:
        placer.write(part.place, part.text)
    return bool(due)


def _place_around(placer: Installer, program: Path, parts: list[Part]) -> bool:
    """What the units need: the user, the folders, a configuration to begin with. Returns whether that is new."""
    sysusers = next(part.text for part in parts if part.name == SYSUSERS)
    user, group = placer.user(sysusers)
    placer.folder(CONFIG.parent, 0o750, group=group)
    placer.folder(CREDENTIALS, 0o700)
    placer.folder(STATE, 0o700, user=user, group=group)
    new = not os.path.lexists(placer.at(CONFIG))
    if new:
        starter = files("syncd.cli").joinpath("starter.toml").read_text()
        placer.write(CONFIG, units.configuration(starter), mode=0o640, group=group)
    placer.link(program)
    if any(part.due for part in parts):
        placer.systemctl("daemon-reload", done="told systemd")
    return new


def _say_what_next(placer: Installer, *, changed: bool, new: bool) -> Exit:
    if placer.active(DAEMON):
        say("Next: systemctl restart syncd" if changed else "Every part is in place, and the daemon runs.")
        return Exit.DONE
    if not placer.live and placer.root == SLASH:
        say("systemd does not run here: the units are for when it does.")
    say("Next:")
    if new:
        say(
            f"  1. Put your CTGO key in {CREDENTIALS}/sources.main.api_key (paste it, then Enter and Ctrl-D):"
        )
        say(f"     (umask 077; cat > {CREDENTIALS}/sources.main.api_key)")
        say(f"  2. $EDITOR {CONFIG}")
    say(f"  {'3' if new else '1'}. syncd check")
    say(
        f"  {'4' if new else '2'}. systemctl enable --now syncd      # or, without a daemon: syncd-once.timer"
    )
    return Exit.DONE


def _told(placer: Installer, parts: list[Part]) -> Exit:
    """Complain about what an operator changed in place; 75 when there is such a file."""
    for part in placer.overruled(parts):
        complain(f"/etc/systemd/system/{part.place.name} is yours, and wins over {part.place}.")
    edited = [part for part in parts if part.condition == "edited"]
    for part in edited:
        complain(
            f"{part.place} was changed by hand, and stays as it is.",
            f"Put your lines in a drop-in (systemctl edit {part.place.name}), delete the file, and say this again. "
            f"What it should be: syncd service show {part.name}",
        )
    return Exit.WORK_LEFT if edited else Exit.DONE


def _placer(root: Path, *, dry: bool) -> Installer:
    root = root.absolute()
    if not root.is_dir():
        raise PlacingError(f"{root} is not a folder.")
    if os.geteuid() and not dry:
        raise PlacingError("Only root may do this.", "Say it again with sudo.")
    if not dry:
        os.umask(0o022)  # folders on the way to ours are everybody's
    return Installer(root, say, dry)


def _program(named: Path | None, root: Path) -> Path:
    """The program that the units are to start; made sure of, unless it is in an image. Raises PlacingError."""
    program = _named(named, root)
    if root.absolute() != SLASH:
        return program
    if not program.exists():
        raise PlacingError(f"There is no {program}.", "Name the program with --program.")
    for path in (program, Path(sys.executable)):
        if folder := units.out_of_reach(path):
            raise PlacingError(
                f"The service could not start {path}: it may not look into {folder}.",
                f"Install syncd where it may: python3 -m venv /opt/syncd && /opt/syncd/bin/pip install ctgo-syncd && "
                f"{PROGRAM} service install",
            )
    return program


def _named(named: Path | None, root: Path) -> Path:
    """The program's place: named, else this one; in an image, where the files expect it."""
    if named is not None:
        return named.absolute()
    return PROGRAM if root.absolute() != SLASH else Path(sysconfig.get_path("scripts"), "syncd")


def _guarded(act: Callable[[], Exit]) -> Exit:
    try:
        return act()
    except PlacingError as error:
        complain(str(error), error.fix)
        return Exit.FAILED
