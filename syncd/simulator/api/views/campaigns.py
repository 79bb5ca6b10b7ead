"""The routes of campaigns, runs and segments; a method has the name of its route."""

from collections import Counter

from flask import Response

from syncd.simulator.api.request_data import body_of, query_of
from syncd.simulator.api.responses import reply
from syncd.simulator.campaigns.segments import segment_payload
from syncd.simulator.world import World


class CampaignViews:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options

    def streams(self) -> Response:
        """`GET /streams`: active campaigns."""
        with self._world.moment():
            streams = self._world.streams
            shown = [streams.payload(campaign) for campaign in streams.listed()]
        return reply({"streams": shown} if self._options.stream_envelope == "named" else shown)

    def stream(self, stream_id: int) -> Response:
        """`GET /streams/{id}`."""
        with self._world.moment():
            streams = self._world.streams
            shown = streams.payload(streams.get(stream_id))
        return reply({"stream": shown} if self._options.stream_envelope == "named" else shown)

    def create_stream(self) -> Response:
        """`POST /streams`."""
        body = body_of("StreamRequest")
        with self._world.moment() as now:
            answer = self._world.streams.create(body, now)
            self._world.refresh_pairs()
        return reply(answer, self._options.created_status)

    def update_stream(self, stream_id: int) -> Response:
        """`PATCH /streams/{id}`."""
        body = body_of("StreamChange")
        with self._world.moment() as now:
            answer = self._world.streams.update(stream_id, body, now)
            self._world.refresh_pairs()
        return reply(answer)

    def archive_stream(self, stream_id: int) -> Response:
        """`DELETE /streams/{id}`."""
        with self._world.moment():
            self._world.streams.archive(stream_id)
            self._world.refresh_pairs()
        return reply({"archived": True})

    def run_stream(self, stream_id: int) -> Response:
        """`POST /streams/{id}/run`; a body is ignored."""
        with self._world.moment() as now:
            return reply(self._world.runs.run(stream_id, now))

    def retest_stream(self, stream_id: int) -> Response:
        """`POST /streams/{id}/re-test`."""
        body = body_of("RetestRequest", optional=True)
        with self._world.moment() as now:
            runs = self._world.runs
            return reply(runs.retest(stream_id, body.get("accountId"), body.get("segmentId"), now))

    def stream_runs(self, stream_id: int) -> Response:
        """`GET /streams/{id}/runs`, newest first."""
        limit = query_of("GET /streams/{streamId}/runs", self._options)["limit"]
        with self._world.moment() as now:
            runs = self._world.runs.of_stream(stream_id)[:limit]
            return reply({"runs": [run.payload(now, self._options.times) for run in runs]})

    def stream_run(self, stream_id: int, run_id: int) -> Response:
        """`GET /streams/{id}/runs/{runId}`."""
        with self._world.moment() as now:
            run = self._world.runs.one(stream_id, run_id)
            return reply({"run": run.payload(now, self._options.times)})

    def runs(self) -> Response:
        """`GET /runs`, newest first."""
        limit = query_of("GET /runs", self._options)["limit"]
        with self._world.moment() as now:
            runs = self._world.runs.all()[:limit]
            return reply({"runs": [run.payload(now, self._options.times) for run in runs]})

    def segments(self) -> Response:
        """`GET /segments`."""
        without = query_of("GET /segments", self._options)["excludeArchived"]
        with self._world.moment():
            linked = Counter(
                segment_id
                for _, segment_id in {
                    (pair.stream_id, pair.segment_id) for pair in self._world.streams.linked()
                }
            )
            shown = [one for one in self._world.segments.all if not (one.archived and without)]
            return reply({"segments": [segment_payload(one, linked[one.id], self._options) for one in shown]})

    def create_segment(self) -> Response:
        """`POST /segments`."""
        body = body_of("SegmentRequest")
        with self._world.moment() as now:
            segments = self._world.segments
            segment = segments.keep(segments.draft(body, now))
        answer = {"id": segment.id, "userFacingId": f"seg_{segment.id}"}
        return reply(answer, self._options.created_status)
