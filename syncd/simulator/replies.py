"""Replies: JSON, and the errors, whose names are partly documented and partly a switch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response

from syncd.simulator.options import Options
from syncd.simulator.row import dumps

MIGRATION_GUIDE = "https://docs.catchthegoodones.com/api-reference/migration-v1-to-v2"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error: its status, its code, and its sentence for people.

    Attributes:
        documented: `code` or `sentence` where the vendor's pages show which one `error` holds; None leaves it to
            the options.
    """

    status: int
    code: str
    sentence: str
    documented: str | None = None


NO_HEADER = Refusal(
    401, "unauthorized", "Missing or invalid Authorization header. Use: Bearer <api_key>", "sentence"
)
BAD_KEY_SHAPE = Refusal(401, "unauthorized", "Invalid API key format.", "sentence")
UNKNOWN_KEY = Refusal(401, "unauthorized", "Invalid or revoked API key.", "sentence")
RATE_LIMITED = Refusal(429, "rate_limited", "Rate limit exceeded. Try again later.")
STREAM_NOT_FOUND = Refusal(404, "stream_not_found", "Stream not found")
LEAD_NOT_FOUND = Refusal(404, "lead_not_found", "Lead not found")
ALREADY_EXPORTED = Refusal(409, "already_exported", "Lead already exported")
ENRICH_LEAD_NOT_FOUND = Refusal(404, "lead_not_found", "Lead not found", "code")
PROFILE_MISSING = Refusal(404, "profile_missing", "The X profile does not exist.", "code")
CREDITS_EXHAUSTED = Refusal(429, "credits_exhausted", "Not enough enrichment credits.", "code")
NO_TEAM = Refusal(400, "no_team", "You do not belong to a team.", "code")
BAD_BODY = Refusal(400, "invalid_body", "requested_outputs must name linkedin_url, email, or both.", "code")
NOT_FOUND = Refusal(404, "not_found", "Not found")
METHOD_NOT_ALLOWED = Refusal(405, "method_not_allowed", "Method not allowed")
NOT_SIMULATED = Refusal(
    501, "not_simulated", "groupBy is not simulated: its shape is not documented.", "code"
)
GONE = Refusal(410, "gone", f"API v1 was removed. Migration guide: {MIGRATION_GUIDE}", "code")


def reply(body: Any, status: int = 200) -> Response:
    """JSON of a value."""
    return json_text(dumps(body), status)


def json_text(text: str, status: int = 200) -> Response:
    """JSON that is text already."""
    return Response(text, status, content_type="application/json; charset=utf-8")


def refuse(refusal: Refusal, options: Options, **members: Any) -> Response:
    """An error. A code comes with a `message`; a sentence stands alone, as in the vendor's samples of a 401."""
    return reply({**_named(refusal, options), **members}, refusal.status)


def bad_parameter(name: str, options: Options) -> Response:
    """The 400 for a query parameter."""
    return refuse(Refusal(400, "invalid_parameter", f"Invalid value for {name}"), options)


def _named(refusal: Refusal, options: Options) -> Mapping[str, str]:
    form = refusal.documented or options.errors.removesuffix("s")
    return (
        {"error": refusal.code, "message": refusal.sentence}
        if form == "code"
        else {"error": refusal.sentence}
    )
