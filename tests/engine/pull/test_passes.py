"""Which pass over a source's leads is next."""

from collections import deque

from syncd.engine.pull.passes import LIVE, RECONCILE, Batch, Pass, Passes, Plan, Walk

WINDOW = Plan("window", since=0.0)


def made() -> Passes:
    passes = Passes(lambda plan: Pass(plan, deque([0]), Walk(documented=True)))
    passes.asked[WINDOW] = lambda: WINDOW
    return passes


def kind_of(passes: Passes) -> str:
    found = passes.turn()
    return "" if found is None else found.plan.kind


def test_a_live_pass_puts_a_window_off_between_two_pages_and_the_window_goes_on_after_it() -> None:
    passes = made()
    window = passes.turn()
    passes.asked[LIVE] = lambda: Plan("live")
    assert kind_of(passes) == "live"
    assert passes.knows(WINDOW)
    passes.current = None
    assert passes.turn() is window


def test_a_page_that_was_asked_for_is_taken_in_before_anything_else() -> None:
    passes = made()
    window = passes.turn()
    assert window is not None
    window.batch = Batch((), (), last=False)
    passes.asked[LIVE] = lambda: Plan("live")
    assert passes.turn() is window


def test_a_reconcile_comes_before_windows_and_both_after_live() -> None:
    passes = made()
    passes.asked[RECONCILE] = lambda: Plan("reconcile", lifecycle="new")
    passes.asked[LIVE] = lambda: Plan("live")
    kinds = []
    for _ in range(3):
        kinds.append(kind_of(passes))
        passes.current = None
    assert kinds == ["live", "reconcile", "window"]
    assert not passes.any
