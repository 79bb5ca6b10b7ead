"""A bound is what it says on a quiet machine, and grows with what else the machine has to do."""

import os

import pytest

from tests.support.patience import in_time, patience, slowness


def test_a_bound_is_never_shorter_than_it_says_and_grows_with_the_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert slowness() >= 1.0
    assert patience(5.0) >= 5.0
    monkeypatch.setattr(os, "getloadavg", lambda: (4.0 * len(os.sched_getaffinity(0)), 0.0, 0.0))
    assert patience(5.0) >= 35.0
    assert in_time(34.0, 5.0)


def test_what_is_far_too_slow_is_not_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert in_time(4.9, 5.0)
    assert not in_time(1e6, 5.0)
