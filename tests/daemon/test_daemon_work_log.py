"""The daemon logs what was delivered and exported: one line for a burst, never one for each lead."""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from syncd.core.delivery import Delivery, Outcome
from syncd.core.failure import Failure, Halt, Pause
from syncd.daemon.work_log import LONGEST, QUIET, WorkLog, describe_work
from syncd.health.counters import Counting
from syncd.log import configure, logger
from syncd.simulator import Options
from syncd.simulator import running as ctgo_running
from tests.cli.conftest import log_put_back
from tests.daemon.process import Process
from tests.support import Remote
from tests.support.running import Running
from tests.support.virtual import Clock, Log

DONE = {("delivered", ""): 3, ("retried", "conflict"): 2}


class Began:
    """Counts how often a burst began."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self) -> None:
        self.n += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_burst_is_one_line_with_counts(clock: Clock, log: Log) -> None:
    counting, began = Counting(), Began()
    work = WorkLog(clock, log, counting)
    work.began = began
    assert work.turn() is None, "an idle daemon is not woken"
    for _ in range(2):
        work.sent("crm", DONE, [1.0])
        work.sent("org", DONE, [])
        work.exported("main", {("delivered", ""): 3, ("waiting", "x"): 1})
        clock.advance(1.0)
    assert (work.turn(), log.events, began.n) == (QUIET - 1.0, [], 1)
    clock.advance(QUIET)
    assert work.turn() is None
    assert log.named("leads_delivered") == [
        {
            "sentence": "6 leads to crm, org; 6 exported",
            "delivered": {"crm": 6, "org": 6},
            "exported": {"main": 6},
        }
    ]
    assert counting.read().deliveries["crm", "delivered"] == 6
    assert work.turn() is None
    work.flush()
    assert len(log.events) == 1


def test_a_long_backlog_is_a_line_a_minute(clock: Clock, log: Log) -> None:
    work = WorkLog(clock, log)
    for _ in range(int(3 * LONGEST)):
        work.sent("crm", DONE, [])
        clock.advance(1.0)
        work.turn()
    assert len(log.events) == 3


def test_what_delivers_nothing_is_no_burst(clock: Clock, log: Log) -> None:
    work = WorkLog(clock, log)
    work.sent("crm", {("rejected", "x"): 4}, [])
    work.exported("main", {})
    assert work.turn() is None
    work.flush()
    assert log.events == []


@pytest.mark.parametrize(
    ("delivered", "exported", "sentence"),
    [
        ({"crm": 7, "org": 7}, {"main": 7}, "7 leads to crm, org; 7 exported"),
        ({"crm": 1}, {}, "1 lead to crm"),
        (
            {"crm": 1200, "org": 3},
            {"a": 1000, "b": 234},
            "1,200 leads to crm; 3 leads to org; 1,234 exported",
        ),
        ({}, {"main": 5}, "5 exported"),
    ],
)
def test_it_is_a_short_sentence(delivered: dict[str, int], exported: dict[str, int], sentence: str) -> None:
    assert describe_work(delivered, exported) == sentence


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _logging() -> Iterator[None]:
    with log_put_back():
        yield


@pytest.mark.usefixtures("_logging")
def test_a_terminal_shows_the_sentence_and_no_keys() -> None:
    shown, piped = Terminal(), io.StringIO()
    for stream in (shown, piped):
        configure("auto", "info", stream)
        logger().info("leads_delivered", sentence="7 leads to crm", delivered={"crm": 7}, exported={})
    assert "7 leads to crm" in shown.getvalue()
    assert "leads_delivered" not in shown.getvalue()
    assert "{" not in shown.getvalue()
    assert '"sentence": "7 leads to crm", ' in piped.getvalue().partition('delivered": {')[0]


def test_the_real_daemon_logs_one_line_for_its_first_leads(tmp_path: Path) -> None:
    with ctgo_running(Options(leads=3, rate_limit=6000)) as ctgo:
        process = Process(tmp_path, ctgo)
        try:
            process.start()
            process.until(lambda: process.events("leads_delivered"), "it tells what it did")
            assert process.end()[0] == 0
            told = process.events("leads_delivered")
        finally:
            process.close()
    assert sum(it["delivered"].get("sheet", 0) for it in told) == 3
    assert sum(it["exported"].get("main", 0) for it in told) == 3
    assert len(told) <= 2


@pytest.mark.parametrize(
    ("why", "event", "wait"),
    [(Pause("down", "It is down.", after=38.0), "lane_paused", 38), (Halt("shut", "It is shut."), "lane_halted", 3600)],
)  # fmt: skip
def test_a_pause_and_a_halt_are_logged_with_the_next_try(
    run: Running, why: Failure, event: str, wait: int
) -> None:
    def fails(_: Remote, __: Sequence[Delivery]) -> Sequence[Outcome]:
        raise why

    run.ctgo(leads=1)
    run.place().rule = fails
    run.serve()
    run.pass_(30)
    (logged,) = run.log.named(event)
    at = datetime.fromisoformat(str(logged["next_try"])).timestamp()
    assert 0 <= run.clock._start + 30 + wait - at <= 32
