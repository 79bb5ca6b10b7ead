"""The limiter, claim by claim. What the claims come to together is in the simulation beside this file."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.limiter import (
    AHEAD,
    GUARD,
    QUANTUM,
    TURN,
    TURNS,
    WINDOW,
    Budget,
    Grant,
    Slots,
    clamp,
    coalesce,
    foreign,
    freed,
    grant,
    held,
)

NOW = 10_000.0
instants = st.floats(0.0, 2e6)
rows = st.lists(st.builds(Slots, st.floats(NOW - 90.0, NOW + 95.0), st.integers(1, 8)), max_size=20).map(
    tuple
)
budgets = st.builds(
    Budget,
    st.integers(-2, 70),
    rows,
    st.floats(0.0, NOW + 700.0),
    st.none() | st.floats(NOW - 200.0, NOW + 1000.0),
    st.integers(0, 8) | st.integers(0, 80),
    st.none() | st.floats(1.0, 1000.0),
)


def taken(*frees: float) -> tuple[Slots, ...]:
    return tuple(Slots(free_at, 1) for free_at in frees)


def test_a_fresh_key_grants_what_is_wanted_up_to_the_limit() -> None:
    assert grant(Budget(60, ()), NOW, 5, live=False) == Grant(5, 0.0)
    assert grant(Budget(60, ()), NOW, 500, live=False) == Grant(60, 0.0)


def test_a_slot_is_free_at_its_instant_and_not_before() -> None:
    budget = Budget(1, taken(NOW))

    assert grant(budget, NOW, 1, live=True).n == 1
    assert grant(budget, math.nextafter(NOW, 0.0), 1, live=True) == Grant(0, 0.001)


def test_a_full_key_says_when_the_first_slot_frees() -> None:
    assert grant(Budget(2, taken(NOW + 30.0, NOW + 12.3456)), NOW, 1, live=False) == Grant(0, 12.346)


def test_a_slot_held_for_a_slow_answer_is_asked_about_as_early_as_it_may_be_free() -> None:
    budget = Budget(1, taken(held(NOW, 300.0)))

    assert grant(budget, NOW, 1, live=False).wait == pytest.approx(WINDOW + GUARD, abs=0.002)


@pytest.mark.parametrize("live", [True, False])
def test_retry_after_stops_everything_on_the_key(live: bool) -> None:  # noqa: FBT001
    assert grant(Budget(60, (), blocked_until=NOW + 90.0), NOW, 1, live=live) == Grant(0, 90.0)
    assert grant(Budget(60, (), blocked_until=NOW), NOW, 1, live=live).n == 1


def test_a_block_without_end_is_asked_about_again() -> None:
    assert 0 < grant(Budget(60, (), blocked_until=math.inf), NOW, 1, live=True).wait <= WINDOW


def test_other_work_leaves_a_pull_what_it_needs_and_live_work_takes_it() -> None:
    budget = Budget(60, (), pull_at=NOW + 20.0, pull_needs=4)

    assert grant(budget, NOW, 60, live=False).n == 56
    assert grant(budget, NOW, 60, live=True).n == 60


def test_an_overdue_pull_keeps_its_reserve() -> None:
    budget = Budget(60, taken(*[NOW + 30.0] * 56), pull_at=NOW - 5.0, pull_needs=4)

    assert grant(budget, NOW, 1, live=False).n == 0
    assert grant(budget, NOW, 4, live=True).n == 4


def test_what_freed_since_a_pull_was_due_is_free_for_both() -> None:
    budget = Budget(60, taken(*[NOW - 2.0] * 60), pull_at=NOW - 5.0, pull_needs=4)

    assert grant(budget, NOW, 60, live=False).n == 56


def test_a_pull_a_little_over_a_window_away_is_reserved_for_as_answers_take_their_time() -> None:
    assert grant(Budget(60, (), pull_at=NOW + WINDOW + 30.0, pull_needs=4), NOW, 60, live=False).n == 56


def test_work_that_only_a_pull_keeps_back_asks_again_just_after_it() -> None:
    budget = Budget(60, taken(*[NOW + 30.0] * 56), pull_at=NOW + 5.0, pull_needs=4)

    assert grant(budget, NOW, 1, live=False) == Grant(0, 6.0)


def test_live_work_under_a_limit_of_one_waits_for_the_end_of_other_works_turn() -> None:
    turn = (TURNS - 1) * TURN
    budget = Budget(1, (), pull_at=turn, pull_every=60.0)

    assert grant(budget, turn + 50.0, 1, live=True) == Grant(0, TURN - 50.0)


def test_a_slot_that_frees_before_the_pull_counts_as_found() -> None:
    budget = Budget(10, taken(*[NOW + 19.0] * 9), pull_at=NOW + 20.0, pull_needs=4)

    assert grant(budget, NOW, 10, live=False).n == 1


def test_every_pull_of_the_next_minute_is_reserved_for() -> None:
    once = Budget(60, (), pull_at=NOW, pull_needs=1)
    often = Budget(60, (), pull_at=NOW, pull_needs=1, pull_every=10.0)

    assert grant(once, NOW, 60, live=False).n == 59
    assert grant(often, NOW, 60, live=False).n == 60 - (WINDOW + AHEAD) // 10 - 1


def test_a_pull_that_is_far_away_reserves_nothing() -> None:
    assert grant(Budget(60, (), pull_at=NOW + WINDOW + AHEAD + 1), NOW, 60, live=False).n == 60


def test_a_pull_that_needs_more_than_the_limit_leaves_one_slot() -> None:
    budget = Budget(60, (), pull_at=NOW + 5.0, pull_needs=500, pull_every=900.0)

    assert grant(budget, NOW, 60, live=False).n == 1


@pytest.mark.parametrize("turn", range(2 * TURNS))
def test_one_turn_of_four_is_other_works_under_a_limit_of_one(turn: int) -> None:
    others = turn % TURNS == TURNS - 1
    now = turn * TURN + 3.0
    budget = Budget(1, (), pull_at=now, pull_every=60.0)

    assert grant(budget, now, 1, live=True).n == (not others)
    assert grant(budget, now, 1, live=False).n == others


def test_a_pull_overdue_by_a_window_no_longer_shuts_others_out_in_their_turn() -> None:
    now = (TURNS - 1) * TURN
    full = Budget(60, taken(*[now + 1.0] * 59), pull_at=now - WINDOW, pull_needs=5)

    assert grant(full, now, 1, live=False).n == 1
    assert grant(full, now, 1, live=True).n == 0


@pytest.mark.parametrize("want", [0, -1])
def test_wanting_nothing_is_a_mistake(want: int) -> None:
    with pytest.raises(ValueError, match="ask for one"):
        grant(Budget(60, ()), NOW, want, live=True)


@given(budgets, st.integers(1, 100), st.booleans())
def test_a_grant_is_at_most_what_is_wanted_and_free_and_a_refusal_has_a_wait(
    budget: Budget,
    want: int,
    live: bool,  # noqa: FBT001
) -> None:
    granted = grant(budget, NOW, want, live=live)

    busy = sum(slots.n for slots in budget.taken if slots.free_at > NOW)
    assert 0 <= granted.n <= min(want, max(0, max(1, budget.limit) - busy))
    assert (granted.wait == 0.0) == (granted.n > 0)
    assert granted.n > 0 or (
        granted.wait > 0 and abs(granted.wait * 1000 - round(granted.wait * 1000)) < 1e-6
    )


@given(budgets, st.booleans())
def test_whoever_waits_as_told_gets_a_slot_within_a_bounded_number_of_asks(
    budget: Budget,
    live: bool,  # noqa: FBT001
) -> None:
    now, asks = NOW, 0
    while not (granted := grant(budget, now, 1, live=live)).n:
        asks += 1
        now += granted.wait
        assert asks <= 3 + len(budget.taken) + (now - NOW), "more than one ask a second"
        assert now <= max(NOW, budget.blocked_until) + (TURNS + 1) * TURN, "stranded"


@given(instants, st.integers(1, 90_000), st.sampled_from([0.0, 1e-10]))
def test_a_wait_is_never_too_short_and_a_millisecond_too_long_at_most(
    now: float, ms: int, bit: float
) -> None:
    free_at = now + ms / 1000 + bit
    wait = grant(Budget(1, taken(free_at)), now, 1, live=False).wait
    soonest = min(free_at, freed(now))

    assert now + wait >= soonest
    assert now + wait < soonest + 0.0011


@given(rows, st.floats(NOW - 30, NOW + 99), st.integers(1, 9), st.sampled_from([10.0, 25.0, 60.0, 300.0]))
def test_pulls_that_would_find_their_slots_still_do_after_other_work_took_some(
    held_slots: tuple[Slots, ...], pull_at: float, needs: int, every: float
) -> None:
    limit = 100
    budget = Budget(limit, held_slots, pull_at=pull_at, pull_needs=needs, pull_every=every)
    granted = grant(budget, NOW, limit, live=False)

    after = [*held_slots, Slots(held(NOW, 30.0), granted.n)]
    first = max(NOW, pull_at)
    for pull in range(4):
        at = first + pull * every
        if granted.n and at <= NOW + WINDOW:
            assert limit - sum(slots.n for slots in after if slots.free_at > at) >= needs * (pull + 1)


@given(instants, st.floats(0.0, 600.0))
def test_a_slot_is_never_free_within_a_window_of_its_answer(now: float, deadline: float) -> None:
    assert freed(now) - now > WINDOW
    assert held(now, deadline) >= freed(now + deadline) - 1e-6


@example([428181.50000000006], 0.1)  # a multiple that rounding makes too small
@given(st.lists(instants, max_size=100), st.sampled_from([QUANTUM, 0.1, 0.3, 1.0]))
def test_coalescing_loses_no_slot_and_is_late_by_less_than_a_quantum(
    frees: list[float], quantum: float
) -> None:
    coalesced = coalesce(frees, quantum)
    apart = [slots.free_at for slots in coalesced for _ in range(slots.n)]

    assert len({slots.free_at for slots in coalesced}) == len(coalesced)
    assert len(apart) == len(frees)
    for exact, rounded in zip(sorted(frees), apart, strict=True):
        assert exact <= rounded < exact + quantum + 1e-6


@pytest.mark.parametrize(
    ("remaining", "in_flight", "added"),
    [
        (57, 0, None),  # the three that are taken
        (60, 0, None),  # the server's window began anew
        (58, 2, None),  # one of ours has not arrived
        (50, 0, 7),
        (50, 2, 9),  # two on their way will be counted too
        (0, 4, 57),
        (-5, 0, 57),
    ],
)
def test_a_server_that_counts_more_than_we_do_is_believed(
    remaining: int, in_flight: int, added: int | None
) -> None:
    stranger = foreign(Budget(60, taken(*[NOW + 50.0] * 3)), NOW, remaining, in_flight)

    assert stranger == (None if added is None else Slots(freed(NOW), added))


def test_what_was_ours_when_the_request_arrived_is_no_strangers() -> None:
    budget = Budget(60, taken(NOW - 0.4, NOW - 0.2, NOW + 50.0))

    assert foreign(budget, NOW, 57, 0) is None
    assert foreign(budget, NOW, 56, 0) == Slots(freed(NOW), 3)


def test_an_answer_to_an_old_request_is_compared_with_what_was_ours_then() -> None:
    budget = Budget(60, taken(NOW - 9.0, NOW - 5.0, NOW + 50.0))

    assert foreign(budget, NOW, 57, 0, sent_at=NOW - 10.0) is None
    assert foreign(budget, NOW, 56, 0, sent_at=NOW - 10.0) == Slots(freed(NOW), 3)


@given(rows, st.floats(0.0, 2 * NOW), st.booleans())
def test_after_a_start_every_slot_is_kept_and_frees_within_a_window(
    stored: tuple[Slots, ...],
    now: float,
    same_boot: bool,  # noqa: FBT001
) -> None:
    clamped = clamp(stored, now, same_boot)

    assert [slots.n for slots in clamped] == [slots.n for slots in stored]
    assert all(slots.free_at <= now + WINDOW for slots in clamped)
    assert same_boot or all(slots.free_at == now + WINDOW for slots in clamped)


def test_a_start_in_the_same_boot_leaves_what_frees_earlier() -> None:
    stored = taken(NOW + 20.0, NOW + 80.0, math.nan)

    assert clamp(stored, NOW, same_boot=True) == taken(NOW + 20.0, NOW + 60.0, NOW + 60.0)
