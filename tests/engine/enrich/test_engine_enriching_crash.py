"""Killed at any seam, and in any weather: never paid twice but for one counted repeat, budgets kept, nothing exported early."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from syncd.core.enrichment import day_of
from syncd.simulator import World
from tests.engine.enrich.test_engine_enriching import FIELDS, ctgo
from tests.support import DAY, Bench, Crash, Seams

PER_DAY, KEEP = 3, 4


def arrange(bench: Bench, hold: str, leads: int = 3) -> World:
    """A few people, each listed under two ids, of which one connector wants those with an address."""
    world = ctgo(
        bench,
        sim={"leads": leads, "repeats": 1.0, "repeat_ids": "own", "contact_rate": 0.7, "credits": 8, "charge_repeats": True},
        per_day=PER_DAY,
        keep_credits=KEEP,
        when_exhausted=hold,
    )  # fmt: skip
    bench.place("crm", fields=FIELDS)
    bench.place("mail", where="email", fields=FIELDS)
    return world


def asked(world: World) -> list[tuple[int, float]]:
    """Lead ids and instants of the requests to enrich that arrived."""
    return [(int(r.path.split("/")[-2]), r.arrival) for r in world.requests if r.path.endswith("/enrich")]


def assert_well(bench: Bench, world: World, repeats: int) -> None:
    bench.check()
    persons = {row.id: row.person.x_user_id for row in world.listed()}
    times = Counter(persons[lead] for lead, _ in asked(world))
    assert max(times.values(), default=0) <= 2
    assert sum(n - 1 for n in times.values()) <= repeats
    assert max(Counter(day_of(at) for _, at in asked(world)).values(), default=0) <= PER_DAY
    assert world.credits >= KEEP
    assert bench.leads() == {"exported": len(persons)}
    assert set(world.exported) == set(persons)
    assert bench.places["crm"].far.duplicates() == bench.places["mail"].far.duplicates() == []


def finish(bench: Bench) -> None:
    bench.once(3 * DAY)
    for account in bench.accounts.values():
        account.world.credits += 100
    bench.once(3 * DAY)


def crashed(folder: Path, hold: str, *at: int, leads: int = 3) -> tuple[Bench, World, int]:
    folder.mkdir()
    bench = Bench(folder)
    world = arrange(bench, hold, leads)
    crashes = 0
    for seam in at:
        bench.seams = Seams(seam)
        try:
            bench.boot()
            bench.once(3 * DAY)
        except Crash:
            crashes += 1
            bench.crash()
    bench.seams.at = None
    finish(bench)
    return bench, world, crashes


def test_killed_at_any_seam_nobody_pays_more_than_one_counted_repeat(tmp_path: Path) -> None:
    at, crashes = 1, 1
    while crashes:
        bench, world, crashes = crashed(tmp_path / str(at), "deliver", at, leads=2)
        assert_well(bench, world, crashes)
        bench.close()
        at += 1
    assert at > 40


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_the_repeat_is_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    at = [chance.randrange(10, 60) for _ in range(6)]
    bench, world, crashes = crashed(tmp_path / "it", chance.choice(["deliver", "hold"]), *at)
    assert_well(bench, world, crashes)
    bench.close()


Through = Callable[[], httpx.Response]


def weather(chance: random.Random, met: Counter[str]) -> Callable[[httpx.Request, Through], httpx.Response]:
    """What may become of a request to enrich, or of one for the balance."""

    def answering(request: httpx.Request, through: Through) -> httpx.Response:
        if not request.url.path.endswith(("/enrich", "/me")) or chance.random() < 0.5:
            return through()
        kind = chance.choice(["lost", "broken", "refused", "limited", "exhausted", "never left"])
        met[kind] += 1
        if kind == "lost":
            through()
            raise httpx.ReadTimeout("lost")
        if kind == "broken":
            through()
            return httpx.Response(200, content=b'{"leadId": ')
        if kind == "never left":
            raise httpx.ConnectError("refused")
        error = {
            "refused": (503, "x"),
            "limited": (429, "rate_limited"),
            "exhausted": (429, "credits_exhausted"),
        }
        status, code = error[kind]
        return httpx.Response(status, json={"error": code})

    return answering


MET: Counter[str] = Counter()


@pytest.mark.parametrize("seed", range(12))
def test_in_any_weather_the_budgets_hold(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    bench = Bench(tmp_path, seed=seed)
    world = arrange(bench, chance.choice(["deliver", "hold"]))
    for _ in range(chance.randrange(1, 4)):
        bench.seams = Seams(chance.randrange(20, 200))
        try:
            bench.boot()
            bench.life.wires["main"].answering = weather(chance, MET)
            bench.once(5 * DAY)
        except Crash:
            bench.crash()
        else:
            bench.stop()
    bench.seams = Seams()
    finish(bench)
    assert_well(bench, world, repeats=3)
    bench.close()
