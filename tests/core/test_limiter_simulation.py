"""What the limiter promises, shown in virtual time, and that each promise would be seen to break."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core import limiter
from syncd.core.limiter import Budget, Grant, Slots
from tests.core.test_limiter_servers import MINUTE, SERVERS, Server, Sliding
from tests.core.test_limiter_world import Rules, World

HONEST = Rules()
seeds = st.integers(0, 2**32)
servers = st.sampled_from(SERVERS)
runs = settings(max_examples=25, deadline=None)


def refused(world: World) -> bool:
    return bool(world.refused)


def crowded(
    seed: int, rules: Rules, server: Callable[[int, float], Server] = Sliding, **more: float
) -> World:
    """A backlog with some answers lost, a server whose clock is fast or slow, and a pull a minute."""
    world = World(
        seed, server(60, seed % 60), rules=rules, lost=0.02, latency=(0.0, more.get("slowest", 0.5))
    )
    world.drift = 0.001 * (-1) ** seed
    world.backlog(2 + seed % 7)
    world.polling(first=seed % 60, every=MINUTE, needs=1 + seed % 3)
    world.run(6 * MINUTE)
    return world


@runs
@given(seeds, servers, st.floats(0.01, 20.0))
def test_no_request_is_ever_refused(
    seed: int, server: Callable[[int, float], Server], slowest: float
) -> None:
    world = crowded(seed, HONEST, server, slowest=slowest)

    assert world.refused == []
    assert len(world.served) > 50


@runs
@given(seeds, servers, st.integers(1, 5), st.integers(1, 4))
def test_small_limits_hold_as_well(
    seed: int, server: Callable[[int, float], Server], limit: int, workers: int
) -> None:
    world = World(seed, server(limit, seed % 60), limit, rules=HONEST)
    world.backlog(workers)
    world.run(10 * MINUTE)

    assert world.refused == []
    assert world.used() > 0.97


def busy(seed: int, latency: tuple[float, float], workers: int, rules: Rules = HONEST) -> World:
    world = World(seed, Sliding(60), latency=latency, rules=rules)
    world.backlog(workers)
    world.run(32 * MINUTE)
    return world


@settings(runs, max_examples=10)
@given(seeds, st.floats(0.0, 0.5), st.integers(3, 8))
def test_a_backlog_uses_98_5_percent_of_the_allowance(seed: int, fastest: float, workers: int) -> None:
    assert busy(seed, (fastest, 0.5), workers).used() >= 0.985


def polled(seed: int, rules: Rules, every: float = 10.0, needs: int = 1, slowest: float = 0.5) -> World:
    world = World(seed, Sliding(60), rules=rules, latency=(0.0, slowest), lost=0.02)
    world.backlog(4)
    world.polling(first=seed % 60, every=every, needs=needs)
    world.run(12 * MINUTE)
    return world


@settings(runs, max_examples=15)
@given(
    seeds,
    st.sampled_from([(60.0, 1), (60.0, 10), (10.0, 1), (10.0, 3), (300.0, 40)]),
    st.sampled_from([0.5, 20.0]),
)
def test_a_scheduled_pull_finds_its_slots_at_once(seed: int, poll: tuple[float, int], slowest: float) -> None:
    world = polled(seed, HONEST, *poll, slowest)

    assert world.late_pulls == []
    assert world.pulls >= 2
    assert world.others > 60


@pytest.mark.parametrize(
    ("limit", "every", "needs"),
    [
        (-3, 60.0, 1),
        (0, 60.0, 1),
        (1, 60.0, 1),
        (1, 10.0, 1),
        (1, 130.0, 1),
        (1, 900.0, 1),
        (2, 60.0, 1),
        (2, 10.0, 1),
        (3, 100.0, 3),
        (60, 60.0, 30),
        (60, 60.0, 100),
        (60, 10.0, 60),
    ],
)
def test_neither_pulls_nor_other_work_starve_whatever_the_limit(limit: int, every: float, needs: int) -> None:
    world = World(7, Sliding(max(1, limit)), limit)
    world.polling(first=5.0, every=every, needs=needs)
    world.backlog(3)
    world.run(60 * MINUTE)

    assert world.refused == []
    assert world.pulls >= 3
    assert world.others >= 6
    assert world.asks < 3 * 60 * MINUTE


def restarted(seed: int, rules: Rules, *, same_boot: bool = True) -> World:
    """Killed at a random moment with requests in flight, twice in a row."""
    world = World(seed, Sliding(60), rules=rules, latency=(0.0, 0.5), now=1000.0)
    world.backlog(8)
    for _ in range(2):
        world.run(world.now + world.chance.uniform(0.1, 150.0))
        world.engine.alive = False
        world.run(world.now + world.chance.uniform(limiter.GUARD + 0.5, 2.0))  # what was sent arrives
        world.start(same_boot=same_boot)
        world.backlog(8)
    world.run(world.now + 5 * MINUTE)
    return world


@settings(runs, max_examples=15)
@given(seeds, st.booleans())
def test_a_restart_neither_bursts_nor_strands(seed: int, same_boot: bool) -> None:  # noqa: FBT001
    world = restarted(seed, HONEST, same_boot=same_boot)

    assert world.refused == []
    assert not stranded(world)


def stranded(world: World) -> bool:
    """Less than half the allowance was served from a minute after the last start on."""
    return sum(at > world.now - 4 * MINUTE for at in world.served) < 2 * world.limit


@runs
@given(seeds, servers)
def test_two_processes_share_one_budget_and_one_may_die(
    seed: int, server: Callable[[int, float], Server]
) -> None:
    world = World(seed, server(60, seed % 60), lost=0.02)
    first = world.backlog(3)
    world.join()
    world.backlog(3)
    world.run(world.chance.uniform(0.1, 3 * MINUTE))
    first.alive = False
    world.run(8 * MINUTE)

    assert world.refused == []
    assert len(world.served) > 7 * 50


@settings(runs, max_examples=15)
@given(seeds, st.floats(0.1, 20.0))
def test_a_key_of_ours_alone_shows_no_stranger(seed: int, slowest: float) -> None:
    world = World(seed, Sliding(60), latency=(0.0, slowest))
    world.backlog(6)
    world.run(5 * MINUTE)

    assert world.strangers == []


def visited(seed: int, rules: Rules) -> World:
    """Somebody else has used a part of the key when a backlog of ours comes up."""
    world = World(seed, Sliding(60), rules=rules)
    world.visitor(world.chance.uniform(0.0, 5.0), world.chance.randint(10, 50))
    world.run(5.0)
    world.backlog(4)
    world.run(5 * MINUTE)
    return world


@runs
@given(seeds)
def test_somebody_elses_use_of_the_key_is_believed(seed: int) -> None:
    world = visited(seed, HONEST)

    assert world.refused == []
    assert len(world.served) > 3 * 60


def hasty(budget: Budget, now: float, live: bool) -> Grant:  # noqa: FBT001
    """Ignore the reserve."""
    return limiter.grant(budget, now, budget.pull_needs if live else 1, live=True)


def half_blind(budget: Budget, now: float, live: bool) -> Grant:  # noqa: FBT001
    """See only the slots of one process of two."""
    return HONEST.grant(budget._replace(taken=budget.taken[::2]), now, live)


def short(seed: int, rules: Rules) -> bool:
    return busy(seed, (0.3, 0.5), 4, rules).used() < 0.985


def late(seed: int, rules: Rules) -> bool:
    return bool(polled(seed, rules).late_pulls)


DEFECTS: dict[str, tuple[Rules, Callable[[int, Rules], bool]]] = {
    "free 59 s after the answer": (
        replace(HONEST, freed=lambda _sent, answered: answered + 59.0),
        lambda seed, rules: refused(crowded(seed, rules)),
    ),
    "free after sending, not after the answer": (
        replace(HONEST, freed=lambda sent, _answered: limiter.freed(sent)),
        lambda seed, rules: refused(crowded(seed, rules)),
    ),
    "no guard against a clock that runs fast": (
        replace(
            HONEST, freed=lambda _sent, answered: answered + 60.0, coalesce=lambda f: coarse(f, 0.001, 1)
        ),
        lambda seed, rules: refused(crowded(seed, rules, slowest=0.0)),
    ),
    "a slot held for a window only, whatever the deadline": (
        replace(HONEST, held=lambda now, _deadline: now + 60.0),
        lambda seed, rules: refused(crowded(seed, rules)),
    ),
    "rounded down": (
        replace(HONEST, coalesce=lambda frees: coarse(frees, 0.25, 0)),
        lambda seed, rules: refused(crowded(seed, rules, slowest=0.05)),
    ),
    "rounded up to a whole second": (
        replace(HONEST, coalesce=lambda frees: limiter.coalesce(frees, 1.0)),
        short,
    ),
    "slots held to the deadline although the answer came": (
        replace(HONEST, freed=lambda sent, _answered: limiter.held(sent, 30.0)),
        short,
    ),
    "no reserve for pulls": (replace(HONEST, grant=hasty), late),
    "a reserve for the next pull only": (
        replace(
            HONEST, grant=lambda budget, now, live: HONEST.grant(budget._replace(pull_every=None), now, live)
        ),
        late,
    ),
    "each process has its own budget": (
        replace(HONEST, grant=half_blind),
        lambda seed, rules: refused(crowded(seed, rules)),
    ),
    "a restart forgets the slots": (
        replace(HONEST, clamp=lambda _taken, _now, _same_boot: ()),
        lambda seed, rules: refused(restarted(seed, rules)),
    ),
    "a reboot keeps the instants of the last boot": (
        replace(HONEST, clamp=lambda taken, _now, _same_boot: taken),
        lambda seed, rules: stranded(restarted(seed, rules, same_boot=False)),
    ),
    "strangers are overlooked": (
        replace(HONEST, foreign=lambda *_: None),
        lambda seed, rules: refused(visited(seed, rules)),
    ),
}


def coarse(frees: Iterable[float], quantum: float, up: int) -> tuple[Slots, ...]:
    return tuple(Slots((free_at // quantum + up) * quantum, 1) for free_at in frees)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_seen(name: str) -> None:
    rules, broken = DEFECTS[name]

    assert any(broken(seed, rules) for seed in range(6))
    assert not any(broken(seed, HONEST) for seed in range(2))
