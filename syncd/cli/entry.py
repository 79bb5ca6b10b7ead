"""The way in, and what becomes of trouble on the way out: a sentence on stderr and an exit code.

A daemon that is told nothing but its configuration starts without the parser of options and verbs (Typer), which would
be the thirtieth part of its start and stay in its memory.
"""

import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from syncd.app.privileges import hint
from syncd.cli.exits import LEDGER_EXITS, Exit, complain
from syncd.settings import SettingsError


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. A traceback is for our bugs only."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return _ended(_daemon(given) or partial(_parsed, given))


def _daemon(given: Sequence[str]) -> Callable[[], int] | None:
    """The daemon, if that is all that is asked for: `syncd` or `syncd --config FILE`."""
    match given:
        case []:
            config = None
        case ["--config", file] if not file.startswith("-"):
            config = Path(file)
        case _:
            return None

    def act() -> int:
        from syncd.cli.run.daemon import run_daemon  # noqa: PLC0415 - the engine and all below it

        return run_daemon(config)

    return act


def _parsed(given: Sequence[str]) -> int:
    from syncd.cli.main import parse_and_run  # noqa: PLC0415 - Typer, for those who need it

    return parse_and_run(given)


def _ended(act: Callable[[], int]) -> int:
    """What `act` returns, or the exit code of what it raises."""
    try:
        return _acted(act)
    except SettingsError as error:
        complain(str(error))
        return Exit.CONFIG
    except KeyboardInterrupt:
        return Exit.WORK_LEFT
    except BrokenPipeError:
        return Exit.FAILED
    except PermissionError as error:  # of a file that was only asked after: what opens one says so itself
        sentence = f"{error.filename or 'A file'}: permission denied."
        complain(sentence, hint(sentence))
        return Exit.LEDGER
    # Asked last, for it imports the database
    except importlib.import_module("syncd.ledger").LedgerError as error:
        complain(error.detail, hint(error.detail))
        if error.code == "ledger_moved":
            # Not by way of the interpreter's end, which would close the ledger: see `syncd.ledger.disk.files`
            os._exit(Exit.LEDGER)
        return LEDGER_EXITS.get(error.code, Exit.LEDGER)


def _acted(act: Callable[[], int]) -> int:
    """What `act` returns; a sentence where the process lacks something that its limits keep from it."""
    try:
        return act()
    except (MemoryError, OSError, RuntimeError) as error:
        lacking = _lacking(error)
        if not lacking:
            raise
        complain(lacking, "Nothing is lost: raise the limit, and start it again.")
        return Exit.FAILED


def _lacking(error: Exception) -> str:
    """What the process has none left of, in a sentence; empty when that is not what is wrong."""
    if isinstance(error, MemoryError):
        return "There is no memory left for this process."
    if isinstance(error, OSError):
        short = error.errno in {errno.EMFILE, errno.ENFILE}
        return "There are no file descriptors left for this process." if short else ""
    return (
        "No thread can be started: there is no memory left, or too many tasks."
        if "new thread" in str(error)
        else ""
    )
