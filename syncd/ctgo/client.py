"""The client of one CTGO API key.

It talks to httpx's transport, not to its `Client`: there are no redirects to follow, for they would carry the key along,
no cookies to keep, and nothing to log. Every call is one request and is tried once: whether and when it is tried again is the
engine's to say, and the request budget's.

Safe to use from several threads at once.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from syncd.clock import Clock
from syncd.core.failure import Failure
from syncd.core.lead import utc_text
from syncd.ctgo.errors import RATE_LIMITED, Scope, refusal, rule_of, said_of, unexpected
from syncd.ctgo.exchange import Call, Exchange, Reader, Reply, is_success
from syncd.ctgo.feedback import judgement, taken_of
from syncd.ctgo.labels import LISTS, Named, names_of
from syncd.ctgo.models import Enrichment, Me, Page, Stream
from syncd.ctgo.rate_headers import Signals, count, retry_after
from syncd.ctgo.shapes import Unfit, asked_page_of, enrichment_of, me_of, nothing_of, streams_of

T = TypeVar("T")


def _unobserved(_: Signals) -> None:
    """Nobody keeps a budget."""


class Upstream:
    """See the module. Every method raises one of the four failures, and nothing else but for a bug."""

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr,
        clock: Clock,
        *,
        observe: Callable[[Signals], None] = _unobserved,
        transport: httpx.BaseTransport | None = None,
        total_timeout: float = 30.0,
        max_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        """Open nothing yet.

        Args:
            base_url: up to and including `/api/v2`; plain http for loopback hosts only.
            api_key: goes into the `Authorization` header and nowhere else.
            clock: deadlines are measured on its monotonic time.
            observe: called once for every request, from the calling thread, also when it failed.
            transport: replaces the network; closed with the client.
            total_timeout: seconds from the first byte out to the last byte in.
            max_bytes: the largest body, before and after inflating.

        Raises:
            ValueError: the address or the key cannot be used; the message repeats neither.
        """
        self._exchange = Exchange(base_url, api_key, clock, transport, total=total_timeout, cap=max_bytes)
        self._key = api_key
        self._clock = clock
        self._observe = observe

    def me(self) -> Me:
        """Whose key this is, and its credits. `GET /me`."""
        call = Call("GET", "/me", Scope.COLLECTION, "whose key this is")
        return self._ask(call, lambda body, _: me_of(body))

    def streams(self) -> Sequence[Stream]:
        """The active campaigns. `GET /streams`."""
        call = Call("GET", "/streams", Scope.COLLECTION, "for its campaigns")
        return self._ask(call, lambda body, _: streams_of(body))

    def names(self, kind: Named) -> Mapping[int, str | None]:
        """What campaigns (`stream`), segments or tracked accounts are called, by id; None: it has no name.

        `GET /streams`, `GET /segments`, `GET /accounts`. Archived campaigns are not on the list.
        """
        wanted = LISTS[kind]
        call = Call("GET", wanted.path, Scope.COLLECTION, wanted.asked)
        return self._ask(call, lambda body, _: names_of(body, kind))

    def leads(
        self, *, since: float | None, lifecycle: str | None = None, limit: int = 500, offset: int = 0
    ) -> Page:
        """One page of all campaigns' leads. `GET /leads`.

        Args:
            since: seconds since the epoch; sent as the whole second before.
            lifecycle: `new` or `exported`; None for both.
            limit: rows wanted, 500 at most.
            offset: rows to skip.

        Raises:
            Halt: `wrong_address` when this listing does not exist there.
        """
        query = _query(since, lifecycle, limit, offset)
        call = Call("GET", f"/leads?{query}", Scope.COLLECTION, "for leads")
        return self._ask(call, asked_page_of)

    def stream_leads(
        self,
        stream_id: int,
        *,
        since: float | None,
        lifecycle: str | None = None,
        limit: int = 500,
        offset: int = 0,
    ) -> Page:
        """One page of one campaign's leads, as `leads`. Raises Reject `not_found` for a campaign that is not ours."""
        query = _query(since, lifecycle, limit, offset)
        path = f"/streams/{stream_id}/leads?{query}"
        return self._ask(Call("GET", path, Scope.CAMPAIGN, "for a campaign's leads"), asked_page_of)

    def export(self, lead_id: int) -> None:
        """Mark a lead exported. `POST /leads/{id}/export`; any 2xx is a yes, and a repeat is harmless.

        Raises:
            Reject: `not_found`: the lead is gone.
            Retry: `conflict`.
        """
        call = Call("POST", f"/leads/{lead_id}/export", Scope.LEAD, "to mark a lead exported")
        self._ask(call, lambda body, _: nothing_of(body))

    def enrich(self, lead_id: int, outputs: Sequence[str], email_mode: str) -> Enrichment:
        """Contact data of one lead; costs credits. `POST /leads/{id}/enrich`.

        Args:
            lead_id: the lead's `id`.
            outputs: `linkedin_url`, `email`, or both.
            email_mode: `verified` or `any`.

        Raises:
            Reject: `not_found`: the lead, or its profile, is gone.
            Pause: `credits_exhausted`.
        """
        content = json.dumps({"requested_outputs": list(outputs), "email_mode": email_mode}).encode()
        call = Call("POST", f"/leads/{lead_id}/enrich", Scope.LEAD, "to enrich a lead", content)
        return self._ask(call, lambda body, _: enrichment_of(body, lead_id))

    def ask(self, call: Call, read: Reader[T]) -> T:
        """One request of a family that has a module of its own, such as `webhooks`: as every method here."""
        return self._ask(call, read)

    def feedback(
        self, lead_id: int, segment_id: int, feedback: str, *, reason: str = "", text: str = ""
    ) -> None:
        """Judge a lead in one segment. `POST /leads/{id}/feedback`; a repeat overwrites the one before.

        Args:
            lead_id: the lead's `id`.
            segment_id: the segment whose classification is judged.
            feedback: `good` or `bad`.
            reason: why `bad`: one of the vendor's `badReason`; empty: none is sent, and CTGO takes `zapier`.
            text: in one's own words, 500 characters at most; empty: none.

        Raises:
            Reject: `not_found`: the lead or the segment is gone; `bad_request`.
            Retry: `conflict`.
        """
        call = Call(
            "POST",
            f"/leads/{lead_id}/feedback",
            Scope.LEAD,
            "to take feedback on a lead",
            judgement(segment_id, feedback, reason, text),
        )
        self._ask(call, lambda body, _: taken_of(body))

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def _ask(self, call: Call, read: Reader[T]) -> T:
        """Send one request, tell the observer, and return the answer or raise the failure.

        Failures are raised where no other error is being handled: they carry no context, whose frames would hold the key.
        """
        try:
            reply = self._exchange.send(call, read)
        except Exception:  # a bug, ours or an injected transport's; the budget was spent all the same
            self._observe(Signals(0, self._clock.monotonic()))
            raise
        if reply.status == 0 or is_success(reply.status):
            self._observe(_signals(reply, None))
            if reply.failure is not None:
                raise reply.failure
            if isinstance(reply.answer, Unfit):
                raise unexpected(reply.answer, call.asked)
            return reply.answer
        raise self._refused(call, reply)

    def _refused(self, call: Call, reply: Reply[T]) -> Failure:
        """The failure of an answer that is no 2xx."""
        said = said_of(reply.status, reply.body, self._key)
        rule = rule_of(reply.status, said.reason, call.scope)
        wait = retry_after(reply.headers, self._clock.now())
        if rule == RATE_LIMITED:
            wait = rule.after if wait is None else wait
        rests = rule == RATE_LIMITED or reply.status == httpx.codes.SERVICE_UNAVAILABLE
        self._observe(_signals(reply, wait if rests else None))
        return refusal(rule, reply.status, said, call.asked, call.scope, wait=wait)


def _signals(reply: Reply[T], wait: float | None) -> Signals:
    return Signals(
        reply.status,
        reply.answered_at,
        count(reply.headers, "x-ratelimit-limit"),
        count(reply.headers, "x-ratelimit-remaining"),
        wait,
    )


def _query(since: float | None, lifecycle: str | None, limit: int, offset: int) -> str:
    asked: dict[str, str | int] = {}
    if since is not None:
        asked["since"] = utc_text(math.floor(since))
    if lifecycle is not None:
        asked["lifecycle"] = lifecycle
    return urlencode({**asked, "limit": limit, "offset": offset})
