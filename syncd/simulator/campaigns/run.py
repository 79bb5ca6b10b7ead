"""One run: one pass for one (account, segment). What it will find is settled when it begins; the clock shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncd.simulator.campaigns.models import Pair
from syncd.simulator.instants import Precision, iso
from syncd.simulator.leads.row import Row

# Shares of a run's length: when it leaves the queue, has fetched, has found its first and its last lead.
BEGINS, FETCHED, FIRST, LAST = 0.1, 0.3, 0.4, 0.9
FAILS = 0.5

Mode = Literal["sync-then-search", "search-only"]


@dataclass(slots=True)
class Run:
    """A run.

    Attributes:
        names: `streamName`, `xHandle` and `segmentName` as they were.
        source: `manual`, or `cron` for one of the time before the world began.
        mode: A re-test searches only; what the vendor calls that is not documented.
        triggered: Epoch seconds.
        seconds: How long it takes.
        followers: How many new ones it fetches.
        rows: What it finds, each listed from its own instant.
        passed: How many rows that were, for a run whose rows are not known one by one.
        medium: How many of them are of medium confidence.
        enriched: Leads enriched when it completed.
        error: Why it fails half-way; None if it does not.
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
        """When it completes or fails."""
        return self.at(1.0 if self.error is None else FAILS)

    def at(self, share: float) -> float:
        """The instant at which that share of it is over."""
        return self.triggered + share * self.seconds

    def status(self, now: float) -> str:
        """`queued`, `running`, `succeeded` or `failed`."""
        if now >= self.ends:
            return "succeeded" if self.error is None else "failed"
        return "running" if now >= self.at(BEGINS) else "queued"

    def payload(self, now: float, times: Precision) -> dict[str, Any]:
        """The run as the API shows it now."""
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
        fetched = [(FETCHED, "fetch_followers", f"Fetched {self.followers} new followers")]
        if self.mode == "search-only":
            fetched = [(FETCHED, "load_followers", "Loaded the cached followers")]
        begun = [(BEGINS, "start", "Started"), *fetched]
        if self.error is not None:
            return [*begun, (FAILS, "failed", self.error)]
        enriched = [(1.0, "enrich", f"Enriched {self.enriched} leads")] if self.enriched else []
        found = self.passed + len(self.rows)
        return [
            *begun,
            (LAST, "classify", f"{found} candidates passed"),
            *enriched,
            (1.0, "done", "Completed"),
        ]
