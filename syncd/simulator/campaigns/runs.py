"""The runs: permission, start, finds and end.

Nothing here is thread-safe: hold the world's lock.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from heapq import heappop, heappush
from typing import Any

from syncd.simulator.campaigns.accounts import Accounts
from syncd.simulator.campaigns.models import Account, Campaign, Pair
from syncd.simulator.campaigns.run import FIRST, LAST, Mode, Run
from syncd.simulator.campaigns.segments import Segments
from syncd.simulator.campaigns.store import Streams
from syncd.simulator.campaigns.tiers import Budget
from syncd.simulator.leads.people import draw
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options
from syncd.simulator.refusals import (
    BUDGET_EXHAUSTED,
    RUN_NOT_FOUND,
    RUN_UNDER_WAY,
    STREAM_ARCHIVED,
    RefusedError,
)

FIRST_RUN = 401
RECENTLY = 43_200.0  # seconds between the runs that found the first leads and the world's start
RETEST_SHARE = 3  # a re-test finds a third of what a run finds

Discover = Callable[[Pair, Sequence[float]], list[Row]]


class Runs:
    """The runs of the user.

    Args:
        discover: Finds one lead of a pair for each instant, and lists it from then on.
    """

    def __init__(
        self, options: Options, accounts: Accounts, streams: Streams, segments: Segments, discover: Discover
    ) -> None:
        self._options = options
        self._accounts = accounts
        self._streams = streams
        self._segments = segments
        self._discover = discover
        self._runs: dict[int, Run] = {}
        self._under_way: list[tuple[float, int, Run]] = []
        self._failing: list[str] = []

    def remember(self, start: float, found: Sequence[Row]) -> None:
        """Add the runs that found the first leads, one for each pair."""
        passed = Counter((row.stream_id, row.account_id) for row in found)
        medium = Counter((row.stream_id, row.account_id) for row in found if row.confidence == "medium")
        for campaign in self._streams.campaigns:
            for pair in campaign.pairs:
                run = self._new(campaign, pair, "cron", "sync-then-search", start - RECENTLY)
                run.passed = passed[pair.stream_id, pair.account_id]
                run.medium = medium[pair.stream_id, pair.account_id]
                run.followers = 3 * run.passed

    def fail_next(self, sentence: str) -> None:
        """Let the next run fail half-way with this `errorMessage`."""
        self._failing.append(sentence)

    def run(self, stream_id: int, now: float) -> dict[str, Any]:
        """Begin a run of every permitted pair, and return the answer.

        Raises:
            RefusedError: The campaign is unknown, archived, or has a run under way.
        """
        campaign = self._startable(stream_id)
        queued, skipped, allowed = [], [], dict[int, str | None]()
        name = self._options.run_id_name
        for pair in campaign.pairs:
            if pair.account_id not in allowed:
                allowed[pair.account_id] = self._refused(pair, "sync", now)
                if reason := allowed[pair.account_id]:
                    skipped.append({name: pair.account_id, "reason": reason})
            if allowed[pair.account_id] is None:
                run = self._begin(campaign, pair, "sync-then-search", now)
                queued.append({name: pair.account_id, "syncRunId": run.id})
        return self._answer(queued, skipped)

    def retest(
        self, stream_id: int, account_id: int | None, segment_id: int | None, now: float
    ) -> dict[str, Any]:
        """Begin a re-test of the pairs of an account, a segment, both, or all, and return the answer.

        Raises:
            RefusedError: The campaign is unknown, archived, or has a run under way.
        """
        campaign = self._startable(stream_id)
        queued, skipped = [], []
        as_run = self._options.retest_answer == "as_run"
        name = self._options.run_id_name
        for pair in campaign.pairs:
            if account_id not in (None, pair.account_id) or segment_id not in (None, pair.segment_id):
                continue
            pair_entry = {} if as_run else {"pairId": pair.id}
            reason = "free_tier" if self._accounts.free else self._refused(pair, "retest", now)
            if reason:
                skipped.append({**pair_entry, name: pair.account_id, "reason": reason})
                continue
            run = self._begin(campaign, pair, "search-only", now)
            ids = {"syncRunId": run.id} if as_run else {"segmentId": pair.segment_id, "runId": run.id}
            queued.append({**pair_entry, name: pair.account_id, **ids})
        return self._answer(queued, skipped)

    def of_stream(self, stream_id: int) -> list[Run]:
        """Return the runs of a campaign's pairs, newest first. A pair is an (account, segment).

        Raises:
            RefusedError: The campaign is unknown.
        """
        tuples = {_tuple(pair) for pair in self._streams.get(stream_id).pairs}
        return [run for run in self.all() if _tuple(run.pair) in tuples]

    def one(self, stream_id: int, run_id: int) -> Run:
        """Return one run of a campaign's pairs.

        Raises:
            RefusedError: The campaign is unknown, or has no such run.
        """
        for run in self.of_stream(stream_id):
            if run.id == run_id:
                return run
        raise RefusedError(RUN_NOT_FOUND)

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        return list(reversed(self._runs.values()))

    def next_end(self) -> float | None:
        """Return the end of the next run under way, or None."""
        return self._under_way[0][0] if self._under_way else None

    def ended(self, now: float) -> list[Run]:
        """Remove and return the runs under way that are over, in the order of their ends."""
        over = []
        while self._under_way and self._under_way[0][0] <= now:
            over.append(heappop(self._under_way)[2])
        return over

    def _startable(self, stream_id: int) -> Campaign:
        campaign = self._streams.get(stream_id)
        if campaign.archived:
            raise RefusedError(STREAM_ARCHIVED)
        if self._options.concurrent_runs == "conflict" and any(
            run.pair.stream_id == stream_id for _, _, run in self._under_way
        ):
            raise RefusedError(RUN_UNDER_WAY)
        return campaign

    def _refused(self, pair: Pair, budget: Budget, now: float) -> str | None:
        account: Account = self._accounts.get(pair.account_id)
        if account.asleep:
            return "account_sleeping"
        taken = self._accounts.budgets.take(account.id, account.tier, budget, now)
        return None if taken else "budget_exhausted"

    def _answer(self, queued: list[dict[str, Any]], skipped: Collection[dict[str, Any]]) -> dict[str, Any]:
        exhausted = skipped and all(one["reason"] == "budget_exhausted" for one in skipped)
        if not queued and exhausted and self._options.all_skipped == "refused":
            raise RefusedError(BUDGET_EXHAUSTED)
        return {"queued": queued, "skipped": list(skipped)}

    def _begin(self, campaign: Campaign, pair: Pair, mode: Mode, now: float) -> Run:
        run = self._new(campaign, pair, "manual", mode, now)
        if self._failing:
            run.error = self._failing.pop(0)
        else:
            run.rows = self._discover(pair, self._instants(run))
        heappush(self._under_way, (run.ends, run.id, run))
        return run

    def _instants(self, run: Run) -> list[float]:
        most = (
            self._options.run_leads
            if run.mode == "sync-then-search"
            else self._options.run_leads // RETEST_SHARE
        )
        chance = draw(self._options.seed, "run", run.id)
        count = chance.randint((most + 1) // 2, most)
        run.followers = count * chance.randint(3, 6) if run.mode == "sync-then-search" else 0
        return [run.at(FIRST + (LAST - FIRST) * (at + 1) / count) for at in range(count)]

    def _new(self, campaign: Campaign, pair: Pair, source: str, mode: Mode, triggered: float) -> Run:
        segment = self._segments.get(pair.segment_id)
        names = {
            "streamName": campaign.name,
            "xHandle": self._accounts.get(pair.account_id).handle,
            "segmentName": segment.name or segment.description,
        }
        run_id = FIRST_RUN + len(self._runs)
        run = Run(run_id, pair, names, source, mode, triggered, self._options.run_seconds, 0)
        self._runs[run_id] = run
        return run


def _tuple(pair: Pair) -> tuple[int, int]:
    return pair.account_id, pair.segment_id
