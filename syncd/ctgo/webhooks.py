"""CTGO's webhook subscriptions: subscribe and unsubscribe. Source: the v2 page "Webhooks".

There is no listing of subscriptions: whoever loses an id cannot unsubscribe it. The same `targetUrl` subscribed again
replaces the filter and is documented as idempotent; that it has the same id is inferred. What a delivery looks like, whether
it is repeated and in which order is not documented, and nothing is signed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from syncd.core.failure import Reject
from syncd.core.lead import LARGEST_ID
from syncd.ctgo.client import Upstream
from syncd.ctgo.errors import Scope
from syncd.ctgo.exchange import Call
from syncd.ctgo.shapes import Unfit, json_of, nothing_of

PATH = "/webhooks/subscribe"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The family over one key's client. Every method is one request, and raises one of the four failures."""

    upstream: Upstream

    def subscribe(self, target_url: str, filters: Mapping[str, int | str] | None = None) -> int:
        """Have new leads announced at an address; the subscription's id. `POST /webhooks/subscribe`.

        Args:
            target_url: where POSTs go. It holds the only secret that tells CTGO's from anybody's.
            filters: `streamId`, `accountId`, `sourceType` (`follower`, `liker`), `feedbackStatus` (`good`, `bad`),
                `matchConfidence` (`high`, `medium`); none of them: everything. `feedbackStatus` is of no use for new
                leads, and a `segmentId`, which existed once, matches nothing.

        Raises:
            Halt: `wrong_address` when there are no webhooks there; `forbidden`; `key_refused`; `bad_request`.
            Pause: the answer has no id, among others. What was asked may be there: ask again.
        """
        wanted = {"targetUrl": target_url} | ({"filterConfig": dict(filters)} if filters else {})
        call = Call("POST", PATH, Scope.COLLECTION, "to announce new leads", json.dumps(wanted).encode())
        return self.upstream.ask(call, lambda body, _: id_of(body))

    def unsubscribe(self, number: int) -> bool:
        """End a subscription; False when there was none of that id. `DELETE /webhooks/subscribe`, with a JSON body."""
        content = json.dumps({"id": number}).encode()
        # As of a campaign: a 404 is about this one subscription
        call = Call("DELETE", PATH, Scope.CAMPAIGN, "to announce no more leads", content)
        try:
            self.upstream.ask(call, lambda body, _: nothing_of(body))
        except Reject:
            return False
        return True


def id_of(body: bytes) -> int | Unfit:
    """The id in `{"id": 1}`."""
    value = json_of(body)
    if isinstance(value, Unfit):
        return value
    number = value.get("id") if isinstance(value, dict) else None
    if type(number) is not int or not 1 <= number <= LARGEST_ID:
        return Unfit("has no id of a subscription")
    return number
