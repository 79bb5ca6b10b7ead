"""The refusals of the API. The vendor documents some names; a switch decides the others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncd.simulator.options import Options

MIGRATION_GUIDE = "https://docs.catchthegoodones.com/api-reference/migration-v1-to-v2"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error: status, code, and sentence.

    Attributes:
        documented: `code` or `sentence`, as the vendor's pages show in `error`; None leaves it to the options.
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
BAD_BODY = Refusal(400, "invalid_body", "The body cannot be read.", "code")
BAD_PARAMETER = Refusal(400, "invalid_parameter", "A parameter cannot be read.")
NOT_FOUND = Refusal(404, "not_found", "Not found")
METHOD_NOT_ALLOWED = Refusal(405, "method_not_allowed", "Method not allowed")
STREAM_ARCHIVED = Refusal(400, "stream_archived", "Stream is archived", "sentence")
RUN_NOT_FOUND = Refusal(404, "run_not_found", "Run not found")
RUN_UNDER_WAY = Refusal(409, "run_in_progress", "A run of this stream is still under way.", "code")
BUDGET_EXHAUSTED = Refusal(403, "budget_exhausted", "The budget of every account is exhausted.", "code")
ACCOUNT_NOT_FOUND = Refusal(404, "account_not_found", "Account not found", "sentence")
ACCOUNT_SLEEPS = Refusal(400, "account_sleeping", "Wake this account first to change its tier.", "sentence")
TIER_UNCHANGED = Refusal(400, "tier_unchanged", "The account has this tier already.", "code")
SEGMENT_NOT_FOUND = Refusal(404, "segment_not_found", "Saved search not found", "sentence")
ORPHAN_LABEL = Refusal(400, "orphan_label", "Some labels have no canonical match.", "code")
SUBSCRIPTION_REQUIRED = Refusal(403, "subscription_required", "An active subscription is required.", "code")
FREE_ACCOUNT_LIMIT = Refusal(403, "free_account_limit", "The free plan tracks one account.", "code")
STREAM_CAP_EXCEEDED = Refusal(
    400, "stream_cap_exceeded", "The tier of an account allows no more automated streams.", "code"
)
HANDLE_NOT_FOUND = Refusal(404, "handle_not_found", "The handle does not exist on X.", "code")
HANDLE_PROTECTED = Refusal(422, "handle_protected", "The account is private.", "code")
HANDLE_LOOKUP_FAILED = Refusal(503, "handle_lookup_failed", "X cannot be asked right now.", "code")
TEMPLATE_NOT_FOUND = Refusal(404, "template_not_found", "Template not found")
TEMPLATE_EXISTS = Refusal(409, "template_exists", "A template with this name already exists.", "code")
FEEDBACK_LEAD_NOT_FOUND = Refusal(404, "lead_not_found", "Lead not found", "sentence")
SUBSCRIPTION_NOT_FOUND = Refusal(404, "subscription_not_found", "Subscription not found")
API_KEY_NOT_FOUND = Refusal(404, "api_key_not_found", "API key not found")
STRIPE = Refusal(502, "stripe", "Your card was declined.", "sentence")
GROUPING_UNKNOWN = Refusal(
    501, "not_simulated", "groupBy is switched off: its shape is not documented.", "code"
)
GONE = Refusal(410, "gone", f"API v1 was removed. Migration guide: {MIGRATION_GUIDE}", "code")


class RefusedError(Exception):
    """A refusal that ends the request.

    Args:
        refusal: The refusal.
        sentence: Another sentence for it.
        members: Further members of the body, such as `orphans`.
    """

    def __init__(self, refusal: Refusal, sentence: str | None = None, **members: Any) -> None:
        super().__init__(sentence or refusal.sentence)
        self.refusal = replace(refusal, sentence=sentence) if sentence else refusal
        self.members = members


def named(refusal: Refusal, options: Options) -> Mapping[str, str]:
    """Return the members of an error's body."""
    form = refusal.documented or options.errors.removesuffix("s")
    return (
        {"error": refusal.code, "message": refusal.sentence}
        if form == "code"
        else {"error": refusal.sentence}
    )
