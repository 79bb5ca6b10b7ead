"""Runs: one pass each over a pair of a tracked account and a segment.

Sources: the v2 pages of `POST /streams/{id}/run`, `/re-test`, `GET /streams/{id}/runs` and `/runs/{runId}`; that of `GET /runs` was
never seen, and is read as the list of one campaign. A run goes on after its answer: look at it until `is_over`.
"""

from typing import Literal

from pydantic import AliasChoices, Field

from syncd.core.failure import Failure, Pause, Reject
from syncd.ctgo.campaigns.requests import (
    Moment,
    Resource,
    act,
    at,
    listing,
    many,
    once,
    one,
    question,
    with_query,
    within,
)
from syncd.ctgo.models import Answer, Maybe

MOST_RUNS = 100
_ACCOUNT = AliasChoices("trackedAccountId", "accountId", "trackedXAccountId")
_RUN = AliasChoices("syncRunId", "runId")


class Step(Answer):
    """A line of a run's log. Earlier versions sent a plain text, which is not kept."""

    step: Maybe[str] = None
    message: Maybe[str] = None
    timestamp: Moment = None


class Run(Answer):
    """A run. `status`: `queued`, `running`, `succeeded` (earlier: `completed`), `failed`; `source`: `cron`, `manual`.

    `completed_at` and `error` are null while it runs, or went well.
    """

    id: Maybe[int] = None
    stream_id: Maybe[int] = Field(None, alias="streamId")
    stream_name: Maybe[str] = Field(None, alias="streamName")
    account_id: Maybe[int] = Field(None, validation_alias=_ACCOUNT, serialization_alias="trackedXAccountId")
    handle: Maybe[str] = Field(None, alias="xHandle")
    segment_id: Maybe[int] = Field(None, alias="segmentId")
    segment_name: Maybe[str] = Field(None, alias="segmentName")
    source: Maybe[str] = None
    status: Maybe[str] = None
    mode: Maybe[str] = None
    triggered_at: Moment = Field(None, alias="triggeredAt")
    completed_at: Moment = Field(None, alias="completedAt")
    new_followers: Maybe[int] = Field(None, alias="newFollowersCount")
    passed: Maybe[int] = Field(None, alias="candidatesPassedCount")
    medium_fit: Maybe[int] = Field(None, alias="mediumFitCount")
    enriched: Maybe[int] = Field(None, alias="enrichedCount")
    error: Maybe[str] = Field(None, alias="errorMessage")
    log: Maybe[tuple[Maybe[Step], ...]] = Field(None, alias="progressLog")

    @property
    def outcome(self) -> Literal["succeeded", "failed"] | None:
        """The end of the run; None while it goes on. A status that nobody knows is over once it has an end."""
        if self.status in ("succeeded", "completed"):
            return "succeeded"
        if self.status == "failed":
            return "failed"
        over = self.completed_at is not None and self.status not in ("queued", "running")
        return ("failed" if self.error else "succeeded") if over else None

    @property
    def is_over(self) -> bool:
        """True if nothing more will come of the run."""
        return self.outcome is not None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The readable lines of its log."""
        return tuple(step for step in self.log or () if step is not None)


class Queued(Answer):
    """A run that was started. `pair_id` and `segment_id` come with a re-test."""

    account_id: Maybe[int] = Field(None, validation_alias=_ACCOUNT, serialization_alias="trackedAccountId")
    run_id: Maybe[int] = Field(None, validation_alias=_RUN, serialization_alias="syncRunId")
    pair_id: Maybe[int] = Field(None, alias="pairId")
    segment_id: Maybe[int] = Field(None, alias="segmentId")


class Skipped(Answer):
    """An account or pair that was not run. `reason`: `budget_exhausted`, `account_sleeping`, `free_tier` (of a re-test)."""

    account_id: Maybe[int] = Field(None, validation_alias=_ACCOUNT, serialization_alias="trackedAccountId")
    pair_id: Maybe[int] = Field(None, alias="pairId")
    reason: Maybe[str] = None

    @property
    def failure(self) -> Failure:
        """The reason with advice: a sentence of ours for each reason that is documented."""
        who = "An account" if self.account_id is None else f"Account {self.account_id}"
        reason = self.reason or ""
        if reason == "budget_exhausted":
            return Pause(reason, f"{who} was left out: its budget of runs is used up for now.")
        if reason == "account_sleeping":
            return Reject(reason, f"{who} was left out: it sleeps.")
        if reason == "free_tier":
            return Reject(reason, f"{who} was left out: it is on the free tier.")
        return Reject("account_skipped", f"{who} was left out.")


class Started(Answer):
    """The result of starting, account by account. All may be skipped: that is no error."""

    queued: Maybe[tuple[Queued, ...]] = None
    skipped: Maybe[tuple[Skipped, ...]] = None


class RunsApi(Resource):
    """The runs."""

    def start(self, stream_id: int) -> Started:
        """Fetch and classify for every active pair. `POST /streams/{id}/run`; takes a daily sync of each account.

        Raises:
            Reject: `not_found`; `stream_archived`.
            Pause: `budget_exhausted`, where that is a refusal and no `skipped`.
            Halt: `outcome_unknown`: look at the campaign's runs.
        """
        call = act("POST", at("/streams/{}/run", stream_id), "to run a campaign")
        return once(self._ask, call, one(Started))

    def retest(
        self, stream_id: int, *, account_id: int | None = None, segment_id: int | None = None
    ) -> Started:
        """Classify known followers of all pairs, or of those of an account or a segment, again. `POST /streams/{id}/re-test`.

        It takes of each account's monthly re-tests. Raises Reject, Pause, Halt: as `start`.
        """
        given = {"accountId": account_id, "segmentId": segment_id}
        body = {name: number for name, number in given.items() if number is not None}
        at("", *body.values())
        call = act("POST", at("/streams/{}/re-test", stream_id), "to re-test a campaign", body)
        return once(self._ask, call, one(Started))

    def of_stream(self, stream_id: int, *, limit: int = 30) -> tuple[Run, ...]:
        """Runs of a campaign's present pairs. `GET /streams/{id}/runs`; `limit`: 1 to 100, there is no paging.

        Raises Reject `not_found`; DraftError: a limit that is none.
        """
        path = with_query(at("/streams/{}/runs", stream_id), {"limit": within("limit", limit, 1, MOST_RUNS)})
        return self._ask(question(path, "for a campaign's runs"), many(Run, "runs"))

    def show(self, stream_id: int, run_id: int) -> Run:
        """One run with its log. `GET /streams/{id}/runs/{runId}`. Raises Reject `not_found`, also for another campaign's."""
        path = at("/streams/{}/runs/{}", stream_id, run_id)
        return self._ask(question(path, "for a run"), one(Run, "run"))

    def list(self, *, limit: int = 30) -> tuple[Run, ...]:
        """Runs of all campaigns. `GET /runs`; `limit` is documented for one campaign's list only: 1 to 100."""
        path = with_query("/runs", {"limit": within("limit", limit, 1, MOST_RUNS)})
        return self._ask(listing(path, "for its runs"), many(Run, "runs"))
