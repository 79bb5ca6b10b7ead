"""Four ways for a server to count requests, which know nothing of the limiter, and tests that they count so."""

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

import pytest

MINUTE = 60.0


class Server(Protocol):
    """Counts arrivals: what is left after this one, None for a 429."""

    def arrive(self, at: float) -> int | None: ...


class Sliding:
    """Counts both ends of its minute, the strictest reading."""

    def __init__(self, limit: int, _phase: float = 0.0) -> None:
        self._limit = limit
        self._seen: deque[float] = deque()

    def arrive(self, at: float) -> int | None:
        while self._seen and self._seen[0] < at - MINUTE:
            self._seen.popleft()
        if len(self._seen) >= self._limit:
            return None
        self._seen.append(at)
        return self._limit - len(self._seen)


class Aligned:
    """Minutes of its own clock, which is `phase` ahead and ticks every 10 ms."""

    def __init__(self, limit: int, phase: float = 0.0) -> None:
        self._limit = limit
        self._phase = phase
        self._minute = -math.inf
        self._used = 0

    def arrive(self, at: float) -> int | None:
        minute = math.floor((at + self._phase) * 100) // 6000
        if minute != self._minute:
            self._minute, self._used = minute, 0
        if self._used >= self._limit:
            return None
        self._used += 1
        return self._limit - self._used


class FromFirst:
    """A minute begins with the first request after the last one was over."""

    def __init__(self, limit: int, _phase: float = 0.0) -> None:
        self._limit = limit
        self._since = -math.inf
        self._used = 0

    def arrive(self, at: float) -> int | None:
        if at > self._since + MINUTE:
            self._since, self._used = at, 0
        if self._used >= self._limit:
            return None
        self._used += 1
        return self._limit - self._used


class Bucket:
    """Tokens that come back evenly."""

    def __init__(self, limit: int, _phase: float = 0.0) -> None:
        self._limit = limit
        self._tokens = float(limit)
        self._at = 0.0

    def arrive(self, at: float) -> int | None:
        self._tokens = min(self._limit, self._tokens + (at - self._at) * self._limit / MINUTE)
        self._at = at
        if self._tokens < 1.0 - 1e-9:
            return None
        self._tokens -= 1.0
        return int(self._tokens)


SERVERS: tuple[Callable[[int, float], Server], ...] = (Sliding, Aligned, FromFirst, Bucket)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_serves_its_limit_at_once_and_then_no_more(server: Callable[[int, float], Server]) -> None:
    counting = server(3, 17.0)

    assert [counting.arrive(100.0) for _ in range(4)] == [2, 1, 0, None]


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_serves_again_after_a_minute(server: Callable[[int, float], Server]) -> None:
    counting = server(1, 17.0)

    assert counting.arrive(100.0) == 0
    assert counting.arrive(160.1) == 0


def test_a_sliding_minute_counts_both_its_ends() -> None:
    counting = Sliding(1)

    assert [counting.arrive(at) for at in (5.0, 65.0, 65.5)] == [0, None, 0]


def test_an_aligned_minute_ends_with_the_servers_own() -> None:
    counting = Aligned(1, phase=10.0)

    assert [counting.arrive(at) for at in (49.98, 49.99, 50.0)] == [0, None, 0]


def test_a_minute_from_the_first_request_is_not_moved_by_the_second() -> None:
    counting = FromFirst(2)

    assert [counting.arrive(at) for at in (5.0, 64.0, 65.0, 65.1)] == [1, 0, None, 1]


def test_a_bucket_gives_back_evenly() -> None:
    counting = Bucket(60)
    for _ in range(60):
        counting.arrive(0.0)

    assert [counting.arrive(at) for at in (0.9, 1.0, 1.5)] == [None, 0, None]
