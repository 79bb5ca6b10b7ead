"""The forecast is what the limiter would do, without doing it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.cli.observe.plan import seconds_for
from syncd.core.limiter import GUARD, WINDOW, Budget, Slots, freed, grant

EVERY = WINDOW + GUARD


def simulated(budget: Budget, now: float, requests: int, answer: float) -> tuple[float, int]:
    """Take slots as an engine does until all is sent: seconds, and how often it had to wait."""
    at, waits = now, 0
    while True:
        granted = grant(budget, at, requests, live=False)
        if granted.n:
            taken = Slots(freed(at + answer), granted.n)
            budget = budget._replace(taken=(*budget.taken, taken))
            requests -= granted.n
        if not requests:
            return at - now, waits
        if not granted.n:
            at, waits = at + granted.wait, waits + 1


budgets = st.builds(
    Budget,
    limit=st.integers(0, 9),
    taken=st.lists(st.builds(Slots, st.floats(900, 1200), st.integers(1, 4)), max_size=6).map(tuple),
    blocked_until=st.sampled_from([0.0, 1000.0]) | st.floats(900, 1100),
    pull_at=st.none(),
    pull_needs=st.just(1),
    pull_every=st.none(),
)


@given(budget=budgets, requests=st.integers(1, 60), answer=st.floats(0, 2))
@settings(max_examples=300, deadline=None)
def test_the_forecast_is_what_a_simulation_with_the_limiter_comes_to(
    budget: Budget, requests: int, answer: float
) -> None:
    told = seconds_for(budget, 1000.0, requests, answer=answer)
    came, waits = simulated(budget, 1000.0, requests, answer)
    # The limiter rounds each wait up to a millisecond, and may ask once or twice in vain
    assert told - 1e-6 <= came <= told + 0.002 * (waits + 1)


def test_nothing_to_send_takes_no_time() -> None:
    assert seconds_for(Budget(1, (Slots(2000.0, 1),)), 1000.0, 0) == 0.0


def test_what_fits_the_budget_is_sent_at_once() -> None:
    assert seconds_for(Budget(60, ()), 1000.0, 60) == 0.0


def test_one_more_than_fits_waits_a_round() -> None:
    assert round(seconds_for(Budget(60, ()), 1000.0, 61, answer=0.0), 6) == EVERY


def test_slots_that_are_taken_are_waited_for() -> None:
    assert seconds_for(Budget(2, (Slots(1012.0, 1), Slots(1030.0, 1))), 1000.0, 2) == 30.0


def test_a_retry_after_holds_everything() -> None:
    assert seconds_for(Budget(60, (), blocked_until=1045.0), 1000.0, 1) == 45.0


def test_a_year_of_requests_is_forecast_as_fast_as_one_minute() -> None:
    assert round(seconds_for(Budget(60, ()), 0.0, 60 * 500_000, answer=0.0)) == round(499_999 * EVERY)
