"""One run for one pair. Its start fixes its finds; the clock reveals them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncd.simulator.campaigns.models import Pair
from syncd.simulator.instants import Precision, iso
from syncd.simulator.leads.row import Row

# Shares of a run's length at which it starts, has fetched, finds the first and the last lead.
BEGINS, FETCHED, FIRST, LAST = 0.1, 0.3, 0.4, 0.9
FAILS = 0.5

Mode = Literal["sync-then-search", "search-only"]


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
