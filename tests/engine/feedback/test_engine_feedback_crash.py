"""Killed at any seam, in any weather: the last word always arrives, and only an answer that was lost is told twice."""

import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from syncd.simulator import Fault, World
from tests.engine.feedback.judged import JUDGING, feedback, told
from tests.support import Bench, Crash, Remote, Seams, lead_ids

LEADS = 4


def arrange(folder: Path) -> tuple[Bench, World, Remote]:
    """Leads that are delivered and exported; then one word each, of which one was changed."""
    folder.mkdir()
    bench = Bench(folder)
    world = bench.ctgo(leads=LEADS)
    far = bench.place(people=True, judging=JUDGING)
    bench.once(60)
    ids = lead_ids(bench)
    far.mark("unqualified", *ids)
    far.mark("customer", ids[0])
    return bench, world, far


def lived(bench: Bench, *at: int, seconds: float = 7200) -> int:
    """Lives of the engine that end at these seams, and one that does not; how many were killed."""
    crashes = 0
    for seam in at:
        bench.seams = Seams(seam)
        try:
            bench.boot()
            bench.run(600)
        except Crash:
            crashes += 1
            bench.crash()
    bench.seams = Seams()
    bench.boot()
    bench.run(seconds)
    return crashes


def assert_well(bench: Bench, world: World, repeats: int) -> None:
    bench.check()
    ids = lead_ids(bench)
    assert told(world) == {ids[0]: "good", **dict.fromkeys(ids[1:], "bad wrong_job")}
    assert world.feedback.posts <= LEADS + 1 + repeats
    assert feedback(bench) == {"delivered": LEADS}
    assert bench.rows("SELECT count(*) FROM feedback WHERE told <> word OR maybe_sent") == [(0,)]


def test_killed_at_any_seam_the_last_word_arrives(tmp_path: Path) -> None:
    at, crashes = 1, 1
    while crashes:
        bench, world, _ = arrange(tmp_path / str(at))
        crashes = lived(bench, at, seconds=300)
        assert_well(bench, world, repeats=4 * crashes)
        bench.close()
        at += 1
    assert at > 20


@pytest.mark.parametrize("seed", range(12))
def test_killed_twice_in_bad_weather_the_last_word_arrives(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - faults, to be repeated
    bench, world, far = arrange(tmp_path / "life")
    for _ in range(3):
        status = chance.choice([500, 429, 409, 200])
        lost = chance.random() < 0.5
        world.fail(Fault("feedback", status=status, body=b"<html>", after_applying=lost))
    crashes = lived(bench, chance.randint(1, 25), chance.randint(1, 25))
    far.mark("customer", *lead_ids(bench))
    far.mark("unqualified", *lead_ids(bench)[1:])
    lived(bench)
    assert crashes
    bench.check()
    ids = lead_ids(bench)
    assert told(world) == {ids[0]: "good", **dict.fromkeys(ids[1:], "bad wrong_job")}
    assert feedback(bench) == {"delivered": LEADS}
    bench.close()


def test_killed_before_the_answer_was_written_down_the_word_before_is_told_again(tmp_path: Path) -> None:
    """CTGO has taken another word than the ledger knows of; then the CRM goes back to the one that the ledger knows."""
    bench, world, far = arrange(tmp_path / "life")
    lived(bench)
    first = lead_ids(bench)[0]
    far.mark("unqualified", first)
    wire = bench.life.wires["main"]

    def die(request: httpx.Request, go: Callable[[], httpx.Response]) -> httpx.Response:
        answer = go()
        if request.url.path.endswith("/feedback"):
            raise Crash
        return answer

    wire.answering = die
    with pytest.raises(Crash):
        bench.run(1800)
    assert told(world)[first] == "bad wrong_job"
    bench.crash()
    far.mark("customer", first)
    lived(bench)
    assert told(world)[first] == "good"
    bench.check()
    bench.close()
