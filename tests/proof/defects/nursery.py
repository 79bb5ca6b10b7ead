"""A process that has imported syncd and pytest, and forks a child for each defect: `python -m tests.proof.defects.nursery`.

It reads one order a line from its input and answers with one line. What the child does is what a person does with
`SYNCD_DEFECT=name pytest NODEID`; the imports are what the fork saves.
"""

import gc
import json
import os
import signal
import sys
from typing import Any, NamedTuple

import pytest

from tests.proof.defects.planting import import_all

LONGEST = 180
"""Seconds for one test: with a defect it may never end, and a busy machine is slow."""
QUIETLY = (
    *("-n0", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly"),
    *(
        "-p",
        "no:unraisableexception",
        "-p",
        "no:threadexception",
    ),  # they collect garbage, for a third of the time
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # plugins were imported before pytest began
)
FIRST = (
    "tests/engine/test_engine_whole.py",
    "tests/connectors/hubspot/test_hubspot_pace.py",
    "tests/core/test_limiter.py",
)


class Came(NamedTuple):
    """What came of a test. `met`: tests that were run; `red`: what each that failed said, with the kind of error first."""

    met: int
    red: list[str]
    skipped: int

    @property
    def noticed(self) -> bool:
        """Whether something was asserted and did not hold."""
        return bool(self.red) and all(
            it.startswith(("AssertionError", "Failed", "Objection")) for it in self.red
        )


class Watcher:
    """A plugin that keeps what failed."""

    def __init__(self) -> None:
        self.came = Came(0, [], 0)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        del item
        outcome: Any = yield
        report: pytest.TestReport = outcome.get_result()
        self.came = self.came._replace(
            met=self.came.met + (report.when == "call"), skipped=self.came.skipped + report.skipped
        )
        if report.failed and call.excinfo is not None:
            kind = call.excinfo.typename
            where = "" if report.when == "call" else f" ({report.when})"
            self.came.red.append(f"{kind}{where}: {call.excinfo.exconly()[:600]}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.came.red.append(f"not collected: {str(report.longrepr)[-600:]}")


def child(order: dict[str, str], out: int) -> None:
    """Run one test with a defect, and write down what came of it."""
    signal.alarm(LONGEST)
    os.environ["SYNCD_DEFECT"] = order["defect"]
    watcher = Watcher()
    options = [*QUIETLY, f"--basetemp={order['folder']}"]
    code = pytest.main([*options, order["test"]], plugins=[watcher])
    if code == pytest.ExitCode.USAGE_ERROR:
        watcher.came.red.append(
            "not run: there is no such test, or the defect does not fit; pytest says which"
        )
    os.write(out, json.dumps(watcher.came).encode())


def answer(order: dict[str, str]) -> Came:
    """What came of an order."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(read)
            child(order, write)
        except BaseException as error:  # noqa: BLE001 - it must not go on as its parent
            os.write(write, json.dumps(Came(0, [f"no run at all: {error!r}"], 0)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Came(*json.loads(said)) if said else Came(0, [f"the child ended with {status}"], 0)


def serve() -> None:
    """Until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    import_all()
    pytest.main([*QUIETLY, "--collect-only", *FIRST])  # for what pytest imports, and nearly all tests
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    serve()
