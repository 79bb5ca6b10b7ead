"""A process that has imported syncd and forks a child for each run: `python -m tests.proof.crash.forking`.

It reads one order a line from its input and writes two answers: the child's process id, and how it ended. The child is
the program itself, `syncd.__main__.main`, with the shim armed just before; start-up is what the fork saves.
"""

import faulthandler
import gc
import importlib
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from syncd.__main__ import main
from tests.proof.crash.shim.preload import Kill, arm
from tests.proof.host import faults

MODULES = (
    *(
        "syncd.cli.run.once",
        "syncd.cli.run.daemon",
        "syncd.cli.observe.audit",
        "syncd.ledger.admin.auditor",
        "syncd.ledger.admin.maintenance",
    ),
    *("syncd.ledger.upgrade", "syncd.health", "syncd.alerts", "connectors.csv.connector"),
    *("tests.proof.crash.shim.create_only",),
)


def _without_full_sync() -> None:
    """`synchronous=NORMAL`: the negative control."""
    database: Any = importlib.import_module("syncd.ledger.database")
    asked = database._pragmas
    normal = "synchronous=NORMAL"
    database._pragmas = lambda **which: [normal if it == "synchronous=FULL" else it for it in asked(**which)]


def _after_a_boot() -> None:
    """The machine was started anew."""
    importlib.import_module("syncd.clock").SystemClock.boot = lambda _: "another boot"


def _unmarked() -> None:
    """No *maybe sent* before a call."""
    delivering: Any = importlib.import_module("syncd.engine.deliver")
    delivering.mark_maybe_sent = lambda *_, **__: None


def _impatient() -> None:
    """A ledger that is full or locked is tried again sooner."""
    importlib.import_module("syncd.daemon.daemon").LEDGER_RETRY = 0.1  # type: ignore[attr-defined]
    importlib.import_module("syncd.ledger.files").BUSY_SECONDS = 0.2  # type: ignore[attr-defined]


PLANTS: dict[str, Callable[[], None]] = {
    "normal": _without_full_sync,
    "booted": _after_a_boot,
    "unmarked": _unmarked,
    "impatient": _impatient,
}
"""What a child can be made to differ in."""


def run(arguments: list[str]) -> int:
    """The program, as its command does it; its exit code."""
    sys.argv = ["syncd", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def child(order: dict[str, Any]) -> int:
    """One command after the other until one fails."""
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd in (1, 2):
        os.dup2(said, fd)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)
    for plant in order["plants"]:
        PLANTS[plant]()
    if order["watch"]:
        log = Path(order["log"]) if order["log"] else None
        kill = Kill(*order["kill"]) if order["kill"] else None
        arm(Path(order["shim"]), Path(order["watch"]), Path(order["note"]), log, kill)
    if order["faults"]:
        library, page = map(Path, order["faults"])
        faults.arm(library, Path(order["watch"]), page)
    for name, most in order["limits"].items():
        which = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(which, (most, resource.getrlimit(which)[1]))
    return next((code for code in map(run, order["commands"]) if code), 0)


def serve() -> None:
    """Until the input ends."""
    faulthandler.enable()  # a run that hangs is asked where, with SIGABRT
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    orders = os.fdopen(os.dup(0), "r", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the program's own input and output are none of ours
    os.dup2(2, 1)
    for name in MODULES:
        importlib.import_module(name)
    warmed = json.loads(orders.readline())
    for arguments in warmed["commands"]:
        assert run(arguments) == 0
    for other in threading.enumerate():  # a pool's threads end a moment after their run
        if other is not threading.current_thread():
            other.join(30.0)
    assert threading.active_count() == 1, "a fork takes only the thread that forks along"
    gc.collect()
    gc.freeze()
    answers.write("ready\n")
    for line in orders:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            code = 70
            try:
                code = child(order)
            finally:
                sys.stderr.flush()
                os._exit(code)
        answers.write(f"{pid}\n")
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")


if __name__ == "__main__":
    serve()
