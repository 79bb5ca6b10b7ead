"""The client of one CTGO API key.

Every call is one request and is tried once: whether and when it is tried again is for the engine to say, and for the request
budget. See `syncd.http.client` for how a request is held to its bounds.

Safe to use from several threads at once.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import SecretStr

from syncd.clock import Clock
from syncd.core.failure import Failure
from syncd.core.lead import utc_text
from syncd.ctgo.errors import RATE_LIMITED, Scope, refusal, rule_of, said_of, unexpected, unreachable
from syncd.ctgo.exchange import Call, Reader, http_client
from syncd.ctgo.feedback import judgement, taken_of
from syncd.ctgo.labels import LISTS, Named, names_of
from syncd.ctgo.models import Enrichment, Me, Page, Stream
from syncd.ctgo.rate_headers import Signals, count
from syncd.ctgo.shapes import Unfit, asked_page_of, enrichment_of, me_of, nothing_of, streams_of
from syncd.http.answer import Answer, http_date, is_success, retry_after
from syncd.http.client import Transport

T = TypeVar("T")

UNREAD = {
    "too_large": "is larger than may be",
    "encoded": "came in an encoding that was not asked for",
    "garbled": "is not the gzip that it says it is",
}
_HEADERS: tuple[Mapping[str, str], ...] = ({}, {"content-type": "application/json"})


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
        transport: Transport | None = None,
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
        self._http = http_client(base_url, api_key, clock, transport, total=total_timeout, most=max_bytes)
        self._key = api_key
        self._clock = clock
        self._observe = observe

    def me(self) -> Me:
        """Return the key's owner and credits. `GET /me`."""
        call = Call("GET", "/me", Scope.COLLECTION, "whose key this is")
        return self._ask(call, lambda body, _: me_of(body))

    def streams(self) -> Sequence[Stream]:
        """The active campaigns. `GET /streams`."""
        call = Call("GET", "/streams", Scope.COLLECTION, "for its campaigns")
        return self._ask(call, lambda body, _: streams_of(body))

    def names(self, kind: Named) -> Mapping[int, str | None]:
        """Return the names of campaigns (`stream`), segments or tracked accounts, by id; None: it has no name.

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
        self._http.close()

    def _ask(self, call: Call, read: Reader[T]) -> T:
        """Send one request, tell the observer, and return the answer or raise the failure.

        A body is read while its connection is held, so that one with a broken answer can be cut before another request gets it.
        Failures are raised where no other error is being handled: they carry no context, whose frames would hold the key.
        """
        found: T | Unfit = Unfit("is missing")

        def fits(answer: Answer) -> bool:
            nonlocal found
            if not is_success(answer.status):
                return True
            found = read(answer.body, http_date(answer.headers))
            return not isinstance(found, Unfit)

        try:
            answer = self._http.send(
                call.method, call.path, content=call.content, headers=_HEADERS[bool(call.content)], fits=fits
            )
        except Exception:  # a bug, ours or an injected transport's; the budget was spent all the same
            self._observe(Signals(0, self._clock.monotonic()))
            raise
        if answer.status and not is_success(answer.status):
            raise self._refused(call, answer)
        self._observe(_signals(answer, None))
        if answer.trouble:
            raise unreachable(answer)
        if answer.unread:
            found = Unfit(UNREAD[answer.unread])
        if isinstance(found, Unfit):
            raise unexpected(found, call.asked)
        return found

    def _refused(self, call: Call, answer: Answer) -> Failure:
        """The failure of an answer that is no 2xx."""
        body = None if answer.trouble or answer.unread else answer.body
        said = said_of(answer.status, body, self._key)
        rule = rule_of(answer.status, said.reason, call.scope)
        wait = retry_after(answer.headers, self._clock.now())
        if rule == RATE_LIMITED:
            wait = rule.after if wait is None else wait
        rests = rule == RATE_LIMITED or answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        self._observe(_signals(answer, wait if rests else None))
        return refusal(rule, answer.status, said, call.asked, call.scope, wait=wait)


def _signals(answer: Answer, wait: float | None) -> Signals:
    return Signals(
        answer.status,
        answer.at,
        count(answer.headers, "x-ratelimit-limit"),
        count(answer.headers, "x-ratelimit-remaining"),
        wait,
    )


def _query(since: float | None, lifecycle: str | None, limit: int, offset: int) -> str:
    asked: dict[str, str | int] = {}
    if since is not None:
        asked["since"] = utc_text(math.floor(since))
    if lifecycle is not None:
        asked["lifecycle"] = lifecycle
    return urlencode({**asked, "limit": limit, "offset": offset})
