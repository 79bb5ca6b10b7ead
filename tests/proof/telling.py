"""A plugin for a whole run: how each layer fared is counted, and what it came to is told in the end."""

import os
import platform
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.proof.figures import FOLDER, read, record
from tests.proof.layers import layer_of
from tests.proof.page import short

TREE = FOLDER.parents[1]
WHOLE = "PROOF_WHOLE"
"""In the environment of a proof run, whose tests are named one by one."""


def is_whole(config: pytest.Config) -> bool:
    """Whether this process tells of a run of everything: no worker, and not a few tests that somebody looks at."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return False
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS or WHOLE in os.environ


class Telling:
    """Of one run. The figures of an earlier one are gone when it begins."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder, self.tests = folder, Counter[str]()
        self.begun = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        layer = layer_of(report.nodeid)
        if layer is None:
            return
        if report.failed:
            self.tests[f"{layer.figures} failed"] += 1
        elif report.skipped:
            self.tests[f"{layer.figures} skipped"] += 1
        elif report.when == "call":
            self.tests[f"{layer.figures} passed"] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.tests:
            return
        seconds = round(time.monotonic() - self.begun, 1)
        record("run", {**self.tests, "seconds": seconds, **where()}, self.folder)
        terminalreporter.section("what was tried")
        terminalreporter.write_line(short(read(self.folder)))


def where() -> dict[str, str]:
    """Of which commit, on what machine."""
    git = ["git", "-C", str(TREE), "describe", "--always", "--dirty", "--exclude=*"]
    said = subprocess.run(git, capture_output=True, text=True, check=False)
    return {
        "asked": os.environ.get("PROOF_SECONDS", "0"),
        "commit": said.stdout.strip() or "unknown",
        "machine": f"{os.cpu_count()} cores of {platform.machine()}",
        "python": platform.python_version(),
    }
