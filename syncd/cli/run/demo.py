"""`syncd demo`: the whole job on a simulated CTGO, killed half-way on purpose, in a few seconds and without a key.

With `--crm`, leads also go to a simulated CRM, which its connector sets up and fills through the vendor's library.
It runs the real `syncd --once` over HTTP on loopback, with the real limiter and the real limit of 60 requests a minute.
Only time runs faster, on both sides.
"""

import csv
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TextIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.cli.exits import Exit, complain
from syncd.cli.prepare.setup import set_up
from syncd.cli.run.once import Order, run_once
from syncd.cli.run.progress import bars_on
from syncd.clock import FastClock
from syncd.ledger.database import EngineLock
from syncd.ledger.errors import LedgerError
from syncd.log import configure
from syncd.settings import load
from syncd.simulator import Options, Running, running
from syncd.simulator.crms.vendors import CRMS, configuration
from syncd.simulator.wsgi import served

SPEED = 15.0
"""The speed of the demo's clock, as a multiple of real time."""
LEADS = 130
KILL_AT = 40
"""Exports after which the first run is killed."""

_FILES = {"leads.csv", "syncd.db", "syncd.db-wal", "syncd.db-shm"}
"""The files of an earlier demo, which a new one takes away."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_MARK = "# Made by `syncd demo`."
_CONFIG = f"""\
{_MARK} The simulated CTGO that it names is gone; copy what you like.
[sources.main]
api_key = "ctgo_demo"
base_url = "{{url}}/api/v2"

[connectors.sheet]
type = "csv"
path = "leads.csv"
{{crm}}
[log]
level = "error"
"""
_EXTRA = {"apollo": 'without_email = "create"\n'}
"""Options by CRM: Apollo would leave out the demo's leads, who have no address."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the files go.", metavar="FOLDER")] = Path(
        "demo"
    ),
    crm: Annotated[
        Literal["hubspot", "salesforce", "apollo"] | None,
        typer.Option(
            "--crm", metavar="CRM", help="Deliver to a simulated CRM too: hubspot, salesforce or apollo."
        ),
    ] = None,
    console: Annotated[
        bool, typer.Option("--console", help="Then serve the console on its leads, and print a link.")
    ] = False,
) -> int:
    """See the whole job run in a few seconds, without a key."""
    code = show_demo(_console(), folder, crm, browser=console)
    if code or not console:
        return code
    from syncd.cli.run.console import serve_console, without_secrets  # noqa: PLC0415 - only where it is wanted

    settings = load(folder / "config.toml")
    return serve_console(without_secrets(settings), settings.console)


def _console() -> Console:
    """Make a console on today's stdout: it prints there also while stdout is hidden."""
    return Console(highlight=False, file=sys.stdout)


class _Crm(NamedTuple):
    """The simulated CRM beside the file: its name, its table of the configuration, and the person of each record."""

    title: str
    table: str
    people: Callable[[], Sequence[str]]


@contextmanager
def _serving(type_: str | None, clock: FastClock) -> Iterator[_Crm | None]:
    """Serve the CRM of that type, if any."""
    if type_ is None:
        yield None
        return
    crm = CRMS[type_].make(clock.now, clock.monotonic)
    with served(crm.wsgi) as url:
        table = configuration(type_, url) + _EXTRA.get(type_, "")
        yield _Crm(CRMS[type_].title, table, lambda: [it["person"] for it in crm.people()])


def show_demo(console: Console, folder: Path, crm_type: str | None = None, *, browser: bool = False) -> Exit:
    """Run the demo and report on a console; the files stay in `folder`. `browser`: they are for `syncd console` too."""
    configure("console", "error")
    if mistake := _prepare(folder):
        complain(mistake, "Name another folder: syncd demo --folder NAME")
        return Exit.HELD
    clock = FastClock(SPEED)
    options = Options(leads=LEADS, rate_limit=60, campaigns=3)
    with running(options, now=clock.now) as ctgo, _serving(crm_type, clock) as crm:
        text = _CONFIG.format(url=ctgo.url, crm=f"\n{crm.table}" if crm else "")
        (folder / "config.toml").write_text(text + ("\n[console]\n" if browser else ""))
        also = f"\nand a simulated {crm.title}," if crm else ""
        console.print(
            f"[bold]syncd[/] pulls {LEADS} leads from a simulated CTGO into {folder / 'leads.csv'}{also} and marks"
        )
        console.print(
            f"each as exported, at 60 requests a minute. [dim](Time runs {SPEED:.0f} times as fast here.)[/]\n"
        )
        if crm and not _set_up(console, folder, crm):
            return Exit.FAILED
        sent = _run_and_kill(ctgo, folder, clock)
        console.print(f"[yellow]killed with -9[/] after {sent} exports; starting it again:")
        with _quiet_stdout():
            settings = load(folder / "config.toml")
            code = run_once(settings, Order(), clock=clock, progress=partial(bars_on, console))
        return _report(console, ctgo, folder, clock, code=code, crm=crm)


def _prepare(folder: Path) -> str:
    """Make the folder, or clear it of an earlier demo; return the reason if it is anybody else's.

    Only a folder that is empty, or that holds a configuration with the demo's mark, is touched.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir()}
        if there and not _is_demos(folder):
            return f"{folder} holds files that no demo made, so the demo leaves it alone."
        with EngineLock(folder / "syncd.db"):
            for name in there & _FILES:
                (folder / name).unlink()
    except LedgerError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or folder} cannot be used: {error.strerror}."
    return ""


def _is_demos(folder: Path) -> bool:
    config = folder / "config.toml"
    return (
        not config.is_symlink() and config.is_file() and config.read_text(errors="replace").startswith(_MARK)
    )


def _run_and_kill(ctgo: Running, folder: Path, clock: FastClock) -> int:
    """Run syncd in a process of its own, kill it after enough exports, and return the number of exports."""
    enough = threading.Event()
    ctgo.world.on_export = lambda _: enough.set() if len(ctgo.world.exported) >= KILL_AT else None
    start = (
        f"from syncd.cli.run.demo import run_child; run_child({str(folder)!r}, {clock.factor}, {clock.start})"
    )
    child = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", start], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    enough.wait(20)
    child.kill()
    child.wait()
    ctgo.world.on_export = None
    return len(ctgo.world.exported)


def run_child(folder: str, factor: float, start: float) -> None:
    """Do the run that is going to be killed."""
    configure("console", "error")
    run_once(load(Path(folder) / "config.toml"), Order(), clock=FastClock(factor, start))


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Hide the run's own summary, which says less than the demo's."""
    kept: TextIO = sys.stdout
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = nowhere
        try:
            yield
        finally:
            sys.stdout = kept


def _set_up(console: Console, folder: Path, crm: _Crm) -> bool:
    """Make what the connector needs in the CRM; return False if that failed."""
    notes = set_up(load(folder / "config.toml"), apply=True)
    for note in notes:
        if note.exit:
            complain(note.text, note.fix)
    made = sum(note.state == "made" for note in notes)
    console.print(f"First [bold]syncd setup --apply[/] makes {made} fields and the like in {crm.title}.\n")
    return not any(note.exit for note in notes)


def _report(
    console: Console, ctgo: Running, folder: Path, clock: FastClock, *, code: Exit, crm: _Crm | None
) -> Exit:
    world = ctgo.world
    people = crm.people() if crm else []
    in_crm = [
        (len(set(people)), f"people in {crm.title}"),
        (len(people) - len(set(people)), "of them twice"),
    ] if crm else []  # fmt: skip
    safe = f"it was safe there and in {crm.title}" if crm else "its row was safe on disk"
    with (folder / "leads.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ids = [row["id"] for row in rows]
    refused = sum(request.status == 429 for request in world.requests)  # noqa: PLR2004 - the status
    console.print()
    console.print(_sample(rows))
    console.print()
    for n, what in (
        (len(set(ids)), f"leads in {folder / 'leads.csv'}"),
        (len(ids) - len(set(ids)), "of them twice"),
        *in_crm,
        (len(world.exported), f"marked as exported at CTGO, each after {safe}"),
        (world.busiest_minute(), f"requests in the busiest minute, {refused} refused"),
    ):
        console.print(f"  [bold]{n:>4}[/]  {what}")
    console.print(
        f"  [dim]{(clock.now() - clock.start) / 60:.1f} simulated minutes; the limit allows no less than 2.0[/]\n"
    )
    syncd = command()
    console.print("Next, for your leads:")
    console.print(
        f"  [bold]{syncd} init[/], then put your key into config.toml, then [bold]{syncd} check[/]",
        soft_wrap=True,
    )
    counts = {len(set(ids)), len(ids), len(world.exported), *((len(set(people)), len(people)) if crm else ())}
    if code or counts != {LEADS}:
        complain("The demo did not end as it should: please report this with the files in the folder.")
        return code or Exit.FAILED
    return Exit.DONE


def command() -> str:
    """Name this program as a shell finds it: `syncd`, or its path if that is not on PATH."""
    script = Path(sys.executable).parent / "syncd"
    found = shutil.which("syncd")
    if not script.exists() or (found and script.samefile(found)):
        return "syncd"
    here = Path.cwd()
    return shlex.quote(str(script.relative_to(here) if script.is_relative_to(here) else script))


def _sample(rows: list[dict[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, width in (("display_name", 18), ("handle", 18), ("bio", 40)):
        table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=width)
    for row in rows[:5]:
        table.add_row(Text(row["display_name"]), Text("@" + row["handle"]), Text(row["bio"]))
    return table
