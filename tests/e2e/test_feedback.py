"""The loop closed, between three processes: sales marks somebody in HubSpot, and CTGO hears of it.

CTGO and the CRM are the programs that a newcomer starts by hand, the configuration is what they print, and what sales does
is done as by curl.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import patience

ROOT = Path(__file__).parents[2]
SOON = 40.0
"""Seconds that nothing here should take: two cores are shared by many."""
CONFIG = """\
{source}requests_per_minute = 6000
poll = "1s"

{connector}
[connectors.{table}.feedback]
property = "{name}"
good = ["{good}"]
bad = {{ "{bad}" = "wrong_job" }}
poll = "1s"

[health]
listen = ""
"""
HUBSPOT = ("hubspot", "hs_lead_status", "CONNECTED", "UNQUALIFIED")
SALESFORCE = ("salesforce", "Status", "Working", "Closed - Not Converted")


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """A simulator as a process, and the lines that it prints for a configuration."""
    command = [sys.executable, "-m", "syncd", "simulator", "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield "".join(iter(process.stdout.readline, "\n"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SOON)


def asked(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data, timeout=SOON) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@dataclass
class Loop:
    """`ctgo` and `crm` are addresses of what runs; `syncd` runs it to its end."""

    folder: Path
    ctgo: str
    crm: str

    def syncd(self, *arguments: str) -> None:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=patience(120), check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "syncd", "--config", str(self.folder / "config.toml"), *arguments]

    @contextmanager
    def daemon(self) -> Iterator[None]:
        with (
            (self.folder / "log").open("a") as log,
            subprocess.Popen(
                self.command(), cwd=ROOT, stderr=log, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
            ) as process,
        ):
            try:
                yield
                assert process.poll() is None, (self.folder / "log").read_text()
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(SOON) == 0

    def people(self) -> list[str]:
        return [it["person"] for it in asked(f"{self.crm}/control")["people"]]

    def mark(self, person: str, value: str) -> None:
        assert asked(f"{self.crm}/control", {"person": person, "value": value}) == {"marked": 1}

    def said(self) -> list[tuple[str, str | None, int]]:
        found = asked(f"{self.ctgo}/_sim/feedback")["feedback"]
        return [(it["feedback"], it["badReason"], it["times"]) for it in found]

    def until(self, holds: Callable[[], object], what: str) -> None:
        end = time.monotonic() + patience(SOON)
        while not holds():
            assert time.monotonic() < end, f"not within {SOON} s: {what}"
            time.sleep(0.05)


@pytest.fixture(params=[HUBSPOT, SALESFORCE], ids=lambda it: it[0])
def loop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Loop]:
    """CTGO with three leads and a CRM, each a program of its own, and the CRM set up."""
    type_, name, good, bad = request.param
    with ExitStack() as stack:
        source = stack.enter_context(simulator("--leads", "3", "--rate-limit", "6000"))
        connector = stack.enter_context(simulator("--crm", type_))
        ctgo, crm = (re.findall(r"http://[\d.]+:\d+", each)[0] for each in (source, connector))
        (table,) = re.findall(r"\[connectors\.(\w+)\]", connector)
        text = CONFIG.format(source=source, connector=connector, table=table, name=name, good=good, bad=bad)
        (tmp_path / "config.toml").write_text(text)
        (tmp_path / "config.toml").chmod(0o600)
        made = Loop(tmp_path, ctgo, crm)
        if type_ == "hubspot":
            asked(f"{crm}/control", {"lag": 0})
        made.syncd("setup", "--apply")
        yield made


def words(loop: Loop) -> tuple[str, str]:
    found = re.search(r'good = \["(.*)"\]\nbad = \{ "(.*)" =', (loop.folder / "config.toml").read_text())
    assert found
    return found[1], found[2]


def test_a_daemon_tells_ctgo_what_sales_made_of_its_leads(loop: Loop) -> None:
    good, bad = words(loop)
    with loop.daemon():
        loop.until(lambda: len(loop.people()) == 3, "three leads are in the CRM")
        first, second, _ = loop.people()
        loop.mark(first, bad)
        loop.until(lambda: loop.said() == [("bad", "wrong_job", 1)], "CTGO hears of the bad one")
        loop.mark(second, good)
        loop.until(lambda: len(loop.said()) == 2, "and of the good one")
        loop.mark(first, good)
        loop.until(lambda: ("good", None, 2) in loop.said(), "and of a change of mind")
    assert sorted(loop.said()) == [("good", None, 1), ("good", None, 2)]


def test_a_run_that_ends_does_the_same(loop: Loop) -> None:
    _, bad = words(loop)
    loop.syncd("--once")
    loop.mark(loop.people()[0], bad)
    loop.syncd("--once")
    loop.syncd("--once")
    assert loop.said() == [("bad", "wrong_job", 1)]
