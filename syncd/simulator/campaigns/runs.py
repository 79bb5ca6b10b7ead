"""The runs: permission, start, finds and end. The start of a run fixes its finds; the clock reveals them.

Nothing here is thread-safe: hold the world's lock.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Literal

from syncd.simulator import refusals
from syncd.simulator.campaigns.accounts import Accounts, Budget
from syncd.simulator.campaigns.models import Campaign, Pair
from syncd.simulator.campaigns.segments import Segments
from syncd.simulator.campaigns.streams import Streams
from syncd.simulator.instants import Precision, iso
from syncd.simulator.leads.people import draw
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options
from syncd.simulator.refusals import RefusedError

FIRST_RUN = 401
RECENTLY = 43_200.0  # seconds between the runs that found the first leads and the world's start
RETEST_SHARE = 3  # a re-test finds a third of what a run finds

# Shares of a run's length at which it starts, has fetched, finds the first and the last lead.
BEGINS, FETCHED, FIRST, LAST = 0.1, 0.3, 0.4, 0.9
FAILS = 0.5

Mode = Literal["sync-then-search", "search-only"]
Discover = Callable[[Pair, Sequence[float]], list[Row]]


@dataclass(slots=True)
class Run:
    """A run of one pair.

    Attributes:
        names: `streamName`, `xHandle` and `segmentName` at the start of the run.
        source: `manual`, or `cron` for a run before the world's start.
        mode: A re-test only searches. The vendor does not document the name of this mode.
        triggered: Epoch seconds.
        seconds: Length of the run.
        followers: Number of new followers that it fetches.
        rows: The rows that it finds, each with its own instant of listing.
        passed: Number of rows of a run before the world's start.
        medium: Number of `passed` rows of medium confidence.
        enriched: Number of leads enriched at its end.
        error: The reason if it fails half-way, or None.
    """

    id: int
    pair: Pair
    names: Mapping[str, str]
    source: str
    mode: Mode
    triggered: float
    seconds: float
    followers: int
    rows: list[Row] = field(default_factory=list)
    passed: int = 0
    medium: int = 0
    enriched: int = 0
    error: str | None = None

    @property
    def ends(self) -> float:
        """Epoch seconds at which it completes or fails."""
        return self.at(1.0 if self.error is None else FAILS)

    def at(self, share: float) -> float:
        """Return the instant at which this share of it is over."""
        return self.triggered + share * self.seconds

    def status(self, now: float) -> str:
        """Return `queued`, `running`, `succeeded` or `failed`."""
        if now >= self.ends:
            return "succeeded" if self.error is None else "failed"
        return "running" if now >= self.at(BEGINS) else "queued"

    def payload(self, now: float, times: Precision) -> dict[str, Any]:
        """Show the run as the API does at this instant."""
        listed = [row for row in self.rows if row.listed_from <= now]
        over = now >= self.ends
        return {
            "id": self.id,
            "streamId": self.pair.stream_id,
            "streamName": self.names["streamName"],
            "trackedXAccountId": self.pair.account_id,
            "xHandle": self.names["xHandle"],
            "segmentId": self.pair.segment_id,
            "segmentName": self.names["segmentName"],
            "source": self.source,
            "status": self.status(now),
            "mode": self.mode,
            "triggeredAt": iso(self.triggered, times),
            "completedAt": iso(self.ends, times) if over else None,
            "newFollowersCount": self.followers if now >= self.at(FETCHED) else 0,
            "candidatesPassedCount": self.passed + len(listed),
            "mediumFitCount": self.medium + sum(row.confidence == "medium" for row in listed),
            "enrichedCount": self.enriched,
            "errorMessage": self.error if over else None,
            "progressLog": [
                {"step": step, "message": message, "timestamp": iso(self.at(share), times)}
                for share, step, message in self._log()
                if now >= self.at(share)
            ],
        }

    def _log(self) -> list[tuple[float, str, str]]:
        log = [(BEGINS, "start", "Started")]
        if self.mode == "search-only":
            log.append((FETCHED, "load_followers", "Loaded the cached followers"))
        else:
            log.append((FETCHED, "fetch_followers", f"Fetched {self.followers} new followers"))
        if self.error is not None:
            return [*log, (FAILS, "failed", self.error)]
        log.append((LAST, "classify", f"{self.passed + len(self.rows)} candidates passed"))
        if self.enriched:
            log.append((1.0, "enrich", f"Enriched {self.enriched} leads"))
        return [*log, (1.0, "done", "Completed")]


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

        Raises RefusedError: the campaign is unknown, archived, or has a run under way.
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
        """Begin a re-test of the pairs of an account, a segment, both, or all, and return the answer. Raises as `run`."""
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
        """Return the runs of a campaign's (account, segment) pairs, newest first. Raises RefusedError: it is unknown."""
        tuples = {_tuple(pair) for pair in self._streams.get(stream_id).pairs}
        return [run for run in self.all() if _tuple(run.pair) in tuples]

    def one(self, stream_id: int, run_id: int) -> Run:
        """Return one run of a campaign's pairs. Raises RefusedError: the campaign is unknown, or has no such run."""
        run = next((run for run in self.of_stream(stream_id) if run.id == run_id), None)
        if run is None:
            raise RefusedError(refusals.RUN_NOT_FOUND)
        return run

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
            raise RefusedError(refusals.STREAM_ARCHIVED)
        if self._options.concurrent_runs == "conflict" and any(
            run.pair.stream_id == stream_id for _, _, run in self._under_way
        ):
            raise RefusedError(refusals.RUN_UNDER_WAY)
        return campaign

    def _refused(self, pair: Pair, budget: Budget, now: float) -> str | None:
        account = self._accounts.get(pair.account_id)
        if account.asleep:
            return "account_sleeping"
        taken = self._accounts.budgets.take(account, budget, now)
        return None if taken else "budget_exhausted"

    def _answer(self, queued: list[dict[str, Any]], skipped: Collection[dict[str, Any]]) -> dict[str, Any]:
        exhausted = skipped and all(one["reason"] == "budget_exhausted" for one in skipped)
        if not queued and exhausted and self._options.all_skipped == "refused":
            raise RefusedError(refusals.BUDGET_EXHAUSTED)
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
        syncs = run.mode == "sync-then-search"
        most = self._options.run_leads // (1 if syncs else RETEST_SHARE)
        chance = draw(self._options.seed, "run", run.id)
        count = chance.randint((most + 1) // 2, most)
        run.followers = count * chance.randint(3, 6) if syncs else 0
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
