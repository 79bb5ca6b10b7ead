"""The entry point of the command line: it turns each exception into a sentence on stderr and an exit code.

`syncd` and `syncd --config FILE` start without Typer, the parser of options and verbs. It would take a thirtieth of a
daemon's start, and stay in its memory.
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
from syncd.file_access import kept_from_us
from syncd.settings import SettingsError


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Only a bug of ours prints a traceback."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return _exit_code_of(_daemon(given) or partial(_parse_and_run, given))


def _daemon(given: Sequence[str]) -> Callable[[], int] | None:
    """Return the daemon's start for `syncd` and `syncd --config FILE`; None for anything else."""
    if "_SYNCD_COMPLETE" in os.environ:  # a shell asks for completions, and passes no arguments
        return None
    match given:
        case []:
            config = None
        case ["--config" | "-c", file] if not file.startswith("-"):
            config = Path(file)
        case _:
            return None

    def act() -> int:
        from syncd.cli.run.daemon import run_daemon  # noqa: PLC0415 - the engine and all below it

        return run_daemon(config)

    return act


def _parse_and_run(given: Sequence[str]) -> int:
    from syncd.cli.main import parse_and_run  # noqa: PLC0415 - Typer, for those who need it

    return parse_and_run(given)


def _exit_code_of(act: Callable[[], int]) -> int:
    """Return the code of `act`, or the exit code of its exception."""
    try:
        return _with_limits(act)
    except SettingsError as error:
        complain(str(error))
        return Exit.CONFIG
    except KeyboardInterrupt:
        return Exit.WORK_LEFT
    except BrokenPipeError:
        return Exit.FAILED
    except PermissionError as error:  # of a `stat`: code that opens a file reports its own errors
        file = Path(error.filename or "A file")
        why = kept_from_us(file, file.parent)
        sentence = f"Permission denied: {why}." if why else f"{file}: permission denied."
        complain(sentence, hint(sentence))
        return Exit.LEDGER
    # Last, because it imports the database
    except importlib.import_module("syncd.ledger").LedgerError as error:
        complain(error.detail, hint(error.detail))
        if error.code == "ledger_moved":
            # The interpreter's end would close the ledger: see `syncd.ledger.files`
            os._exit(Exit.LEDGER)
        return LEDGER_EXITS.get(error.code, Exit.LEDGER)


def _with_limits(act: Callable[[], int]) -> int:
    """Return the code of `act`; complain if a limit of the process stopped it."""
    try:
        return act()
    except (MemoryError, OSError, RuntimeError) as error:
        lacking = _lacking(error)
        if not lacking:
            raise
        complain(lacking, "Nothing is lost: raise the limit, and start it again.")
        return Exit.FAILED


def _lacking(error: Exception) -> str:
    """Describe the exhausted resource of the process; empty if the error has another cause."""
    if isinstance(error, MemoryError):
        return "There is no memory left for this process."
    if isinstance(error, OSError):
        short = error.errno in {errno.EMFILE, errno.ENFILE}
        return "There are no file descriptors left for this process." if short else ""
    threads = "No thread can be started: there is no memory left, or there are too many tasks."
    return threads if "new thread" in str(error) else ""
