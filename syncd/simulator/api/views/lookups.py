"""The routes of look-ups and of the key that asks; a method has the name of its route."""

from collections.abc import Collection
from typing import Any

from flask import Response, g

from syncd.simulator.api.request_data import body_of, query_of
from syncd.simulator.api.responses import refuse, reply
from syncd.simulator.api.views.leads import spent
from syncd.simulator.campaigns.segments import described
from syncd.simulator.leads.enrichment import OUTPUTS
from syncd.simulator.leads.lookups import Kind, enriched_payload
from syncd.simulator.refusals import API_KEY_NOT_FOUND, NO_TEAM, Refusal, RefusedError
from syncd.simulator.world import World


class LookupViews:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options

    def lookup(self) -> Response:
        """`POST /lookups/enrich`."""
        return self._look("LookupRequest", OUTPUTS, "linkedin")

    def lookup_email(self) -> Response:
        """`POST /lookups/enrich-email`."""
        return self._look("EmailLookupRequest", ("email",), "email")

    def lookup_history(self) -> Response:
        """`GET /lookups/enrich/history`, newest first."""
        return self._history("linkedin", "GET /lookups/enrich/history")

    def lookup_email_history(self) -> Response:
        """`GET /lookups/enrich-email/history`, newest first."""
        return self._history("email", "GET /lookups/enrich-email/history")

    def lookup_segment(self) -> Response:
        """`POST /lookups/segments/from-description`."""
        proposed: dict[str, Any] = described(body_of("DescriptionRequest")["description"])
        if self._options.segment_from_text == "created":
            with self._world.moment() as now:
                segments = self._world.segments
                segment = segments.keep(segments.draft(proposed, now))
            proposed = {"id": segment.id, "userFacingId": f"seg_{segment.id}", **proposed}
        return reply({"segment": proposed})

    def revoke_key(self, key_id: int) -> Response:
        """`DELETE /lookups/api-keys/{id}`: a key can revoke only itself, by its id."""
        key = g.noted.key
        if self._world.door.key_id(key) != key_id:
            raise RefusedError(API_KEY_NOT_FOUND)
        self._world.revoke(key)
        return reply({"revoked": True})

    def _look(self, schema: str, outputs: Collection[str], kind: Kind) -> Response:
        if not self._options.team:
            return refuse(NO_TEAM, self._options)
        body = body_of(schema)
        outputs = body.get("requested_outputs", outputs) if kind == "linkedin" else outputs
        with self._world.moment() as now:
            handle = self._world.handles.resolve(body["handle"])
            somebody = self._world.person_of(handle)
            lookups = self._world.lookups
            answer = lookups.enrich(somebody, outputs, body.get("email_mode", "any"), handle.lower())
            if isinstance(answer, Refusal):
                return spent(answer, self._options)
            found, remaining = answer
            lookups.note(kind, handle, found, now)
        return reply(enriched_payload(somebody, found, remaining, self._options))

    def _history(self, kind: Kind, operation: str) -> Response:
        limit = query_of(operation, self._options)["limit"]
        with self._world.moment():
            return reply({"history": self._world.lookups.history(kind, limit)})
