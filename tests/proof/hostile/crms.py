"""The connectors over their real libraries, against a hostile server whose good answers are the fakes'.

A deed is a conversation of several requests; any one of them may be answered by the hostile script.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from wsgiref.types import WSGIApplication

import pytest

from connectors.apollo import connector as apollo_connector
from connectors.apollo.connector import ApolloConnector
from connectors.hubspot import http as hubspot_http
from connectors.hubspot.connector import HubSpotConnector
from connectors.salesforce import http as salesforce_http
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.setup import CUSTOM_FIELDS, key_metadata
from connectors.webhook import connector as webhook_connector
from connectors.webhook.connector import WebhookConnector
from syncd.connector import Connector, Watched
from syncd.core.delivery import Delivered
from syncd.core.failure import Failure, Refused
from syncd.http import urllib3
from syncd.mapping import FieldMap
from syncd.simulator.crms import apollo, hubspot, salesforce, webhook
from syncd.testing import Bench, ManualClock
from tests.connectors.apollo import apollo_bench
from tests.connectors.salesforce import salesforce_bench
from tests.connectors.webhook import webhook_bench
from tests.proof.hostile.server import Hostile, hostile
from tests.proof.hostile.wire import BROKEN, EVERYTHING

CAP = 64 * 1024
"""Bytes of an answer; production's are hundreds of times that, and would take as much longer to fill."""
SHORT = (0.3, 0.3)
"""Seconds to connect and to read, where a library waits for silence to end."""


@dataclass
class Kind:
    """A connector: what it talks to, and how it is made for an address. Its keys are not for other hosts."""

    app: WSGIApplication
    open: Callable[[str, ManualClock], Bench]
    clock: ManualClock


def _hubspot() -> Kind:
    clock = ManualClock()
    fake = hubspot.HubSpotFake(clock.now, clock.monotonic, ready=True)

    def opened(url: str, clock: ManualClock) -> Bench:
        options = {"access_token": hubspot.TOKEN, "base_url": url, "requests_per_second": 1000}
        watched = Watched("hs_lead_status", frozenset({"NEW"}))
        return Bench.open(HubSpotConnector, options, fake, clock=clock, watched=watched)

    return Kind(fake.wsgi, opened, clock)


def _salesforce() -> Kind:
    clock = ManualClock()
    fake = salesforce.SalesforceFake(clock.now)
    fake.org.set_up(CUSTOM_FIELDS, key_metadata())

    def opened(url: str, clock: ManualClock) -> Bench:
        fake.url = url
        options = {
            "instance_url": url,
            "client_id": salesforce.CLIENT_ID,
            "client_secret": salesforce.CLIENT_SECRET,
        }
        remote, watched = salesforce_bench.Remote(fake), salesforce_bench.WATCHED
        return Bench.open(SalesforceConnector, options, remote, clock=clock, watched=watched)

    return Kind(fake.wsgi, opened, clock)


def _apollo() -> Kind:
    clock = ManualClock()
    fake = apollo.ApolloFake(clock.now)
    for name in apollo_bench.CUSTOM:
        fake.book.field(name, "number" if name == "ctgo_follower_count" else "string")
    fake.book.label("ctgo")

    def opened(url: str, clock: ManualClock) -> Bench:
        options = {"api_key": apollo.KEY, "base_url": f"{url}/api/v1", "without_email": "create"}
        return Bench.open(ApolloConnector, options, apollo_bench.Remote(fake), clock=clock)

    return Kind(fake.wsgi, opened, clock)


def _webhook() -> Kind:
    clock = ManualClock()
    fake = webhook.WebhookFake(clock.now, signed=True)

    def opened(url: str, clock: ManualClock) -> Bench:
        options = {
            "url": url + webhook.PREFIX,
            "headers": {"Authorization": f"Bearer {webhook.TOKEN}"},
            "signing_secret": webhook.SIGNING_SECRET,
        }
        return Bench.open(WebhookConnector, options, webhook_bench.Remote(fake), clock=clock)

    return Kind(fake.wsgi, opened, clock)


KINDS: Mapping[str, Callable[[], Kind]] = {
    "hubspot": _hubspot, "salesforce": _salesforce, "apollo": _apollo, "webhook": _webhook,
}  # fmt: skip


def _batch(it: Connector) -> int:
    return min(3, it.batch_size)


DEEDS: Mapping[str, Callable[[Bench], Any]] = {
    "write": lambda it: it.connector.deliver([it.delivery(5)]),
    "deliver": lambda it: it.connector.deliver(
        [it.delivery(1), it.delivery(2, emailed=False), it.delivery(3)][: _batch(it.connector)]
    ),
    "deliver again": lambda it: it.connector.deliver([it.delivery(4, emailed=False, maybe_sent=True)]),
    "update": lambda it: it.connector.deliver([it.delivery(1, remote_id="102")]),
    "check": lambda it: it.connector.check(),
    "setup": lambda it: it.connector.setup(apply=True),  # those that have one
    "hear": lambda it: it.connector.statuses_since(""),  # type: ignore[attr-defined]
}


@dataclass
class Talk:
    """A connector's conversations with one hostile server."""

    name: str
    kind: Kind
    server: Hostile
    fields: FieldMap | None = None

    def come_to(self, deed: str, clock: ManualClock | None = None) -> Any:
        """What a deed comes to: its result, or the failure that it raised. What else is raised is a bug, and is raised."""
        self.kind.clock.advance(60.0)  # limits of the fake, which counts requests
        clock = clock or self.kind.clock
        bench = self.kind.open(self.server.url, clock)
        if self.fields is None:
            self.fields = bench.field_map
        bench.__dict__["field_map"] = self.fields  # it is the same for all, and takes longer than the rest
        try:
            return DEEDS[deed](bench)
        except (Failure, Refused) as why:
            return why
        finally:
            bench.connector.close()

    @cache  # noqa: B019 - one a test
    def requests(self, deed: str) -> int:
        """How many requests a deed has when all goes well; 0 for what this connector cannot do."""
        method = {"setup": "setup", "hear": "statuses_since"}.get(deed, "deliver")
        cls = {
            "hubspot": HubSpotConnector, "salesforce": SalesforceConnector, "apollo": ApolloConnector, "webhook": WebhookConnector
        }[self.name]  # fmt: skip
        if not hasattr(cls, method):
            return 0
        self.server.expect(None)
        self.come_to(deed)
        return len(self.server.requests)

    def __hash__(self) -> int:
        return id(self)


@contextmanager
def talking(name: str) -> Iterator[Talk]:
    """With a fake that is set up."""
    kind = KINDS[name]()
    with hostile(kind.app) as server:
        yield Talk(name, kind, server)


def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller ones than production's, so that what has no end ends soon."""
    monkeypatch.setattr(hubspot_http, "LARGEST", CAP)
    monkeypatch.setattr(salesforce_http, "LARGEST", CAP)
    monkeypatch.setattr(apollo_connector, "LARGEST_BODY", CAP)
    monkeypatch.setattr(urllib3, "HEADS", CAP)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs that a test can wait for."""
    monkeypatch.setattr(hubspot_http, "TIMEOUT", SHORT)
    monkeypatch.setattr(salesforce_http, "TIMEOUT", SHORT)
    monkeypatch.setattr(apollo_connector, "READ_SECONDS", SHORT[1])
    monkeypatch.setattr(webhook_connector, "READ_SECONDS", SHORT[1])


_LENGTHS = frozenset(
    name for name in EVERYTHING if name == "no length" or (name.startswith("a length ") and name not in {
        "a length that is too long", "a length that is too short", "a length of zero", "a length and chunks",
    })
)  # fmt: skip
_URLLIB3 = _LENGTHS | {"gzip that breaks off", "gzip without its sum"}
_NO_ANSWERS = frozenset(
    name for name, bad in BROKEN.items()
    if not bad.fair and name not in {
        "a length that is too short", "a length of zero", "chunks without end", "chunks of a byte without end", "a body without end",
        "a body of promised terabytes",
    }
)  # fmt: skip
BELIEVED: Mapping[str, Callable[[str], bool]] = {
    # A conflict is looked into, and the contact is there
    "hubspot": lambda name: name in _URLLIB3 or name.startswith("409 with"),
    # The session is renewed, and the call repeated
    "salesforce": lambda name: name in _URLLIB3 or name.startswith("401 with"),
    "apollo": lambda _: False,
    # A status is all that counts
    "webhook": lambda name: (
        not name.startswith(("1", "3", "4", "5", "6", "7", "9")) and name not in _NO_ANSWERS
    ),
}
"""Answers to a write, besides those that are fair, after which a lead is delivered all the same. `http.client` takes a length
that is none for no length, and urllib3 does not look whether gzip came to its end: what is whole JSON then is believed."""


def is_in_order(found: Any) -> bool:
    """Whether it is what the contract allows a call to `deliver` to come to."""
    if isinstance(found, Failure | Refused):
        return True
    return all(isinstance(one, Delivered | Failure) for one in found)


_PROBLEMS = json.dumps([{"isValid": False, "error": "INVALID_EMAIL", "name": "email"}])
REFUSALS: Mapping[str, tuple[Mapping[str, Any] | list[Any], ...]] = {
    "hubspot": (
        {"status": "error", "message": f"not valid: {_PROBLEMS}", "correlationId": "x", "category": "VALIDATION_ERROR"},
        {
            "category": "VALIDATION_ERROR", "message": "no",
            "errors": [{"message": "x", "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["ctgo_bio"]}}],
        },
        {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}]},
        {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 102", "error": "CONTACT_EXISTS"},
        {"category": "RATE_LIMITS", "policyName": "DAILY", "message": "too many"},
        {
            "status": "COMPLETE", "results": [{"id": "102", "properties": {"ctgo_x_user_id": "x"}, "new": True, "objectWriteTraceId": "0"}],
            "numErrors": 1, "errors": [
                {"category": "OBJECT_NOT_FOUND", "message": "x", "context": {"ids": ["1"], "objectWriteTraceId": ["1"]}},
            ],
        },
    ),
    "salesforce": (
        [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests", "fields": ["Email"]}],
        [{"errorCode": "INVALID_SESSION_ID", "message": "x"}],
        {"error": "invalid_client", "error_description": "x"},
        [
            {"success": False, "id": None, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x", "fields": ["Email"]}]},
            {"success": False, "errors": [{
                "statusCode": "DUPLICATES_DETECTED", "message": "x", "fields": [], "duplicateResult": {
                    "matchResults": [{"matchRecords": [{"record": {"Id": "00Q000000000001AAA"}}]}],
                },
            }]},
            {"success": True, "id": "00Q000000000002AAA", "created": True, "errors": []},
        ],
        {"compositeResponse": [{"httpStatusCode": 400, "referenceId": "q0", "body": [{"errorCode": "INVALID_FIELD"}]}]},
    ),
    "apollo": (
        {"error": "x", "error_code": "API_INACCESSIBLE", "message": "600 times per hour", "error_message": "bad"},
        {"error": "abc is not a valid ID", "error_details": {"field": "title", "message": "deleted"}},
    ),
    "webhook": ({"error": "x"},),
}  # fmt: skip
"""What the vendors' refusals look like."""
STATUSES = (200, 207, 300, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503)
