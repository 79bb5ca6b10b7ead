"""Watching runs in virtual time: how often it looks, what it tells, and what it makes of trouble."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from syncd.cli.campaigns.follow import LATER, SOON, TROUBLE, Followed, InLog, follow, line_of
from syncd.cli.exits import Exit
from syncd.core.failure import Failure
from syncd.ctgo.campaigns.runs import Run, RunsApi
from tests.ctgo.stage import UNSENT, Stage
from tests.support.virtual import Clock, Log

GONE = (404, {"error": "run_not_found"})


def a_run(number: int, status: str = "running", *steps: str, **more: Any) -> dict[str, Any]:
    log = [{"step": "s", "message": step, "timestamp": "2026-06-11T07:00:09Z"} for step in steps]
    return {"id": number, "streamId": 14, "xHandle": "ada", "status": status, "progressLog": log, **more}


@dataclass
class Told:
    """What was shown, with when."""

    clock: Clock
    seen: list[tuple[float, list[str]]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def show(self, runs: Any) -> None:
        self.seen.append((self.clock.passed, [run.status for run in runs]))

    def trouble(self, failure: Failure) -> None:
        self.troubles.append(failure.code)


@dataclass
class Watching:
    """A remote that plays a part, watched."""

    script: dict[str, Any]
    ids: tuple[int, ...] = (501,)
    clock: Clock = field(default_factory=Clock)
    told: Told = field(init=False)
    stage: Stage = field(init=False)

    def __post_init__(self) -> None:
        self.told = Told(self.clock)
        self.stage = Stage(self.script)

    def follow(self, max_wait: float = 3600.0) -> Followed:
        api: RunsApi = self.stage.api().runs
        return follow(api, 14, self.ids, self.clock, self.told, max_wait=max_wait)


SHOW = "GET /streams/14/runs/501"


def of_one(*lines: Any) -> Watching:
    return Watching({SHOW: list(lines)})


def running(n: int) -> list[Any]:
    return [(200, {"run": a_run(501)})] * n


DONE = (200, {"run": a_run(501, "succeeded")})


def test_it_looks_at_once_and_then_often_and_after_a_minute_seldom() -> None:
    watching = of_one(*running(23), DONE)
    assert watching.follow().exit == Exit.DONE
    looks = [at for at, _ in watching.told.seen]
    assert looks[0] == 0
    assert {round(b - a, 3) for a, b in pairwise(looks) if b <= 60} == {SOON}
    assert {round(b - a, 3) for a, b in pairwise(looks) if a >= 60} == {LATER}


def test_several_runs_are_one_request_a_look_and_those_that_are_over_are_left_alone() -> None:
    listed = [
        (200, {"runs": [a_run(501), a_run(502, "succeeded")]}),
    ]
    watching = Watching({"GET /streams/14/runs": listed, SHOW: [DONE]}, (501, 502))
    followed = watching.follow()
    assert [run.status for run in followed.runs] == ["succeeded", "succeeded"]
    assert watching.stage.asked == ["GET /streams/14/runs?limit=100", SHOW]


def test_a_run_that_the_list_leaves_out_is_asked_for_by_itself() -> None:
    script = {"GET /streams/14/runs": [(200, {"runs": [a_run(502, "succeeded")]})], SHOW: [DONE]}
    assert Watching(script, (501, 502)).follow().exit == Exit.DONE


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["succeeded", "completed"], Exit.DONE),
        (["succeeded", "failed"], Exit.REJECTED),
        (["failed", "failed"], Exit.FAILED),
    ],
)
def test_the_code_says_how_many_failed(states: list[str], code: Exit) -> None:
    runs = [a_run(501 + n, status) for n, status in enumerate(states)]
    watching = Watching({"GET /streams/14/runs": (200, {"runs": runs})}, (501, 502))
    assert watching.follow().exit == code


def test_a_run_that_is_gone_failed() -> None:
    followed = of_one(*running(1), GONE).follow()
    assert (followed.exit, list(followed.gone), list(followed.runs)) == (Exit.FAILED, [501], [])


def test_what_is_not_over_in_time_is_left_and_the_time_is_kept() -> None:
    watching = of_one(*running(1))
    followed = watching.follow(max_wait=100.0)
    assert (followed.exit, list(followed.left)) == (Exit.WORK_LEFT, [501])
    assert watching.clock.passed == 100.0


def test_an_outage_is_waited_out() -> None:
    watching = of_one(*running(1), UNSENT, (503, {}), (502, b"<html>"), (200, b"<html>"), DONE)
    assert watching.follow().exit == Exit.DONE
    assert watching.told.troubles == [
        "unreachable",
        "upstream_unavailable",
        "upstream_unavailable",
        "unexpected_answer",
    ]


def test_an_outage_that_lasts_is_a_failure() -> None:
    watching = of_one(*running(1), UNSENT)
    with pytest.raises(Failure) as caught:
        watching.follow()
    assert caught.value.code == "unreachable"
    assert TROUBLE <= watching.clock.passed <= TROUBLE + LATER + SOON


def test_an_outage_that_outlasts_the_watching_is_no_success() -> None:
    followed = of_one(UNSENT).follow(max_wait=10.0)
    assert (followed.exit, list(followed.left)) == (Exit.WORK_LEFT, [501])


@pytest.mark.parametrize("status", [401, 403, 410])
def test_what_waiting_does_not_help_ends_it_at_once(status: int) -> None:
    watching = of_one(*running(1), (status, {"error": "x"}))
    with pytest.raises(Failure):
        watching.follow()
    assert watching.clock.passed == SOON


# telling


def runs_of(*rows: dict[str, Any]) -> list[Run]:
    return [Run.model_validate(row) for row in rows]


def test_the_log_tells_each_step_once() -> None:
    log = Log()
    shown = InLog(log)
    shown.show(runs_of(a_run(501, "running", "Started")))
    shown.show(runs_of(a_run(501, "running", "Started", "Fetched 40")))
    shown.show(runs_of(a_run(501, "failed", "Started", "Fetched 40", errorMessage="X is away")))
    shown.show(runs_of(a_run(501, "failed", "Started")))
    assert [(event, ids.get("message") or ids.get("error")) for event, ids in log.events] == [
        ("run_progressed", "Started"), ("run_progressed", "Fetched 40"), ("run_failed", "X is away"),
    ]  # fmt: skip


def test_the_log_tells_the_same_trouble_once_until_it_is_over() -> None:
    log = Log()
    shown = InLog(log)
    away: Callable[[], None] = lambda: shown.trouble(Failure("unreachable", "No."))  # noqa: E731
    away()
    away()
    shown.show(runs_of(a_run(501)))
    away()
    assert [event for event, _ in log.events] == ["run_not_seen"] * 2


def test_a_line_says_what_a_run_does_now() -> None:
    (run, bare) = runs_of(a_run(501, "running", "Started", "Fetched 40"), {"id": 502, "accountId": 3})
    assert line_of(run) == "run 501  @ada  running  Fetched 40"
    assert line_of(bare) == "run 502  account 3"
