"""The client of one CTGO API key.

Every call is one request and is tried once: the engine and the request budget decide if and when it is tried again.
`syncd.http.client` holds a request to its bounds. Several threads may use a client at once.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import SecretStr

from syncd.clock import Clock
from syncd.core.failure import Failure, Reject
from syncd.core.lead import utc_text
from syncd.ctgo.errors import RATE_LIMITED, Scope, failure_of, read_refusal, rule_of, unexpected, unreachable
from syncd.ctgo.exchange import Call, Reader, Signals, count, http_client
from syncd.ctgo.models import Enrichment, Me, Page, Stream
from syncd.ctgo.shapes import (
    LISTS,
    Named,
    Unfit,
    asked_page_of,
    enrichment_of,
    feedback_of,
    me_of,
    names_of,
    nothing_of,
    streams_of,
    subscription_of,
)
from syncd.http.answer import Answer, http_date, is_success, retry_after
from syncd.http.client import Transport

T = TypeVar("T")

UNREAD = {
    "too_large": "is larger than may be",
    "encoded": "came in an encoding that was not asked for",
    "garbled": "is not the gzip that its headers promise",
}
_HEADERS: tuple[Mapping[str, str], ...] = ({}, {"content-type": "application/json"})


def _unobserved(_: Signals) -> None:
    """Nobody keeps a budget."""


class Upstream:
    """The client. Every method raises one of the four failures, and nothing else but for a bug."""

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
            clock: its monotonic time measures deadlines.
            observe: called once for every request, from the calling thread, also when it failed.
            transport: replaces the network; closed with the client.
            total_timeout: seconds from the first byte out to the last byte in.
            max_bytes: the largest body, before and after inflating.

        Raises ValueError: the address or the key cannot be used; the message repeats neither.
        """
        self._http = http_client(base_url, api_key, clock, transport, total=total_timeout, most=max_bytes)
        self._key = api_key
        self._clock = clock
        self._observe = observe

    def me(self) -> Me:
        """Return the key's owner and credits. `GET /me`."""
        call = Call("GET", "/me", Scope.COLLECTION, "whose key this is")
        return self.ask(call, lambda body, _: me_of(body))

    def streams(self) -> Sequence[Stream]:
        """The active campaigns. `GET /streams`."""
        call = Call("GET", "/streams", Scope.COLLECTION, "for its campaigns")
        return self.ask(call, lambda body, _: streams_of(body))

    def names(self, kind: Named) -> Mapping[int, str | None]:
        """Return the names of campaigns (`stream`), segments or tracked accounts, by id; None: it has no name.

        `GET /streams`, `GET /segments`, `GET /accounts`. Archived campaigns are not on the list.
        """
        wanted = LISTS[kind]
        call = Call("GET", wanted.path, Scope.COLLECTION, wanted.asked)
        return self.ask(call, lambda body, _: names_of(body, kind))

    def leads(
        self, *, since: float | None, lifecycle: str | None = None, limit: int = 500, offset: int = 0
    ) -> Page:
        """One page of all campaigns' leads, of 500 rows at most. `GET /leads`.

        `since`: seconds since the epoch, sent as the whole second before; `lifecycle`: `new`, `exported`, or None for both.
        Raises Halt `wrong_address` when this listing does not exist there.
        """
        query = _query(since, lifecycle, limit, offset)
        call = Call("GET", f"/leads?{query}", Scope.COLLECTION, "for leads")
        return self.ask(call, asked_page_of)

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
        return self.ask(Call("GET", path, Scope.CAMPAIGN, "for a campaign's leads"), asked_page_of)

    def export(self, lead_id: int) -> None:
        """Mark a lead exported. `POST /leads/{id}/export`; any 2xx is a yes, and a repeat is harmless.

        Raises Reject `not_found` for a lead that is gone, and Retry `conflict`.
        """
        call = Call("POST", f"/leads/{lead_id}/export", Scope.LEAD, "to mark a lead exported")
        self.ask(call, lambda body, _: nothing_of(body))

    def enrich(self, lead_id: int, outputs: Sequence[str], email_mode: str) -> Enrichment:
        """Contact data of one lead; costs credits. `POST /leads/{id}/enrich`.

        `outputs`: `linkedin_url`, `email`, or both; `email_mode`: `verified` or `any`. Raises Reject `not_found` for a lead or a
        profile that is gone, and Pause `credits_exhausted`.
        """
        content = json.dumps({"requested_outputs": list(outputs), "email_mode": email_mode}).encode()
        call = Call("POST", f"/leads/{lead_id}/enrich", Scope.LEAD, "to enrich a lead", content)
        return self.ask(call, lambda body, _: enrichment_of(body, lead_id))

    def feedback(
        self, lead_id: int, segment_id: int, feedback: str, *, reason: str = "", text: str = ""
    ) -> None:
        """Judge a lead in one segment. `POST /leads/{id}/feedback`; a repeat overwrites the one before.

        `feedback`: `good` or `bad`; `reason`: one of the vendor's `badReason`, or none, for which CTGO takes `zapier`; `text`: free,
        500 characters at most, or none. Source: https://docs.catchthegoodones.com/api-reference/submit-feedback

        Raises Reject `not_found`: the lead or the segment is gone; `bad_request`; Retry `conflict`.
        """
        judgement = {"segmentId": segment_id, "feedback": feedback}
        judgement |= {"badReason": reason} if reason else {}
        judgement |= {"badReasonFreeform": text} if text else {}
        content = json.dumps(judgement).encode()
        call = Call("POST", f"/leads/{lead_id}/feedback", Scope.LEAD, "to take feedback on a lead", content)
        self.ask(call, lambda body, _: feedback_of(body))

    def subscribe(self, target_url: str, filters: Mapping[str, int | str] | None = None) -> int:
        """Have new leads announced at an address; the subscription's id. `POST /webhooks/subscribe`.

        There is no listing of subscriptions: whoever loses an id cannot unsubscribe it. The same address subscribed again
        replaces the filter and is documented as idempotent; that the id is the same is inferred. What a delivery looks
        like, its repetition and its order are not documented, and nothing is signed.

        Args:
            target_url: where POSTs go. The address holds the only secret by which a receiver recognises CTGO.
            filters: `streamId`, `accountId`, `sourceType` (`follower`, `liker`), `feedbackStatus` (`good`, `bad`),
                `matchConfidence` (`high`, `medium`); none of them: everything. `feedbackStatus` is of no use for new
                leads, and a `segmentId`, which existed once, matches nothing.

        Raises:
            Halt: `wrong_address` when there are no webhooks there; `forbidden`; `key_refused`; `bad_request`.
            Pause: the answer has no id, among others. What was asked may be there: ask again.
        """
        wanted = {"targetUrl": target_url} | ({"filterConfig": dict(filters)} if filters else {})
        content = json.dumps(wanted).encode()
        call = Call("POST", "/webhooks/subscribe", Scope.COLLECTION, "to announce new leads", content)
        return self.ask(call, lambda body, _: subscription_of(body))

    def unsubscribe(self, number: int) -> bool:
        """End a subscription; False when there was none of that id. `DELETE /webhooks/subscribe`, with a JSON body."""
        content = json.dumps({"id": number}).encode()
        # As of a campaign: a 404 is about this one subscription
        call = Call("DELETE", "/webhooks/subscribe", Scope.CAMPAIGN, "to announce no more leads", content)
        try:
            self.ask(call, lambda body, _: nothing_of(body))
        except Reject:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, call: Call, read: Reader[T]) -> T:
        """Send one request, report to the observer, and return the answer or raise the failure.

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
        text = read_refusal(answer.status, body, self._key)
        rule = rule_of(answer.status, text.reason, call.scope)
        wait = retry_after(answer.headers, self._clock.now())
        if rule == RATE_LIMITED:
            wait = rule.after if wait is None else wait
        rests = rule == RATE_LIMITED or answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        self._observe(_signals(answer, wait if rests else None))
        return failure_of(rule, answer.status, text, call.asked, call.scope, wait=wait)


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
