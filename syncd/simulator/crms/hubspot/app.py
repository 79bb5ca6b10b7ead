"""HubSpot's contacts API as a WSGI program, for the real library over loopback: see `HubSpotFake`.

It follows the vendor's documents and field reports, and knows nothing of the connector: unique emails and
properties, batches of 100, multi-status only for rows with trace ids, answers out of order, two rate limits with
their headers, a search index that lags.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from zoneinfo import ZoneInfo

from syncd.simulator.crms.hubspot.batches import Batches
from syncd.simulator.crms.hubspot.portal import Portal, Refusal, definition
from syncd.simulator.wsgi import served

TOKEN = "pat-na1-0f0e0d0c-canary"
_SCOPES = {
    "upsert": "crm.objects.contacts.write",
    "update": "crm.objects.contacts.write",
    "create": "crm.objects.contacts.write",
    "read": "crm.objects.contacts.read",
    "search": "crm.objects.contacts.read",
    "define": "crm.schemas.contacts.write",
    "group": "crm.schemas.contacts.write",
}
ALL_SCOPES = frozenset(_SCOPES.values())
_WRITES = frozenset({"upsert", "update", "create"})

_ACCOUNT = {
    "portalId": 1,
    "accountType": "STANDARD",
    "companyCurrency": "USD",
    "additionalCurrencies": [],
    "utcOffset": "-04:00",
    "utcOffsetMilliseconds": -14_400_000,
    "uiDomain": "app.hubspot.com",
    "dataHostingLocation": "na1",
}

Reply = tuple[int, Any, dict[str, str]]


class HubSpotFake:
    """One portal. `requests` are (operation, body) of all that were let in; the other members are switches."""

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        ready: bool = True,
    ) -> None:
        """`ready`: with the properties that the connector's default mapping needs."""
        self.now, self.monotonic = now, monotonic
        self.portal = Portal(monotonic, now)
        self.batches = Batches(self.portal)
        self.scopes = set(ALL_SCOPES)
        self.token = TOKEN
        self.burst, self.interval = 100, 10.0
        self.daily, self.used = 250_000, 0
        self.zone = "US/Eastern"
        self.lag = 20.0
        self.plan_has_api = True
        self.firewall = b""
        """Bytes that a firewall before HubSpot lets through in no request: its 403 is a page of its own."""
        self.requests: list[tuple[str, Any]] = []
        self.refused = 0
        self._sent: deque[float] = deque()
        self._searches: deque[float] = deque(maxlen=5)
        self._day = ""
        self._canned: deque[Reply] = deque()
        self._losing = 0
        self._lock = threading.RLock()
        if ready:
            self.make_ready()

    # Control

    def make_ready(self) -> None:
        """Define the properties that the connector's default mapping needs."""
        self.portal.group({"name": "ctgo", "label": "CTGO"})
        names = "handle x_url email_unverified email_status bio first_campaign latest_campaign segment source_account"
        for name in f"{names} match source_type ref".split():
            self.portal.definitions[f"ctgo_{name}"] = definition(f"ctgo_{name}")
        self.portal.definitions["ctgo_x_user_id"] = definition("ctgo_x_user_id", hasUniqueValue=True)
        self.portal.definitions["ctgo_follower_count"] = definition("ctgo_follower_count", "number", "number")
        for name in ("ctgo_first_seen", "ctgo_synced_at"):
            self.portal.definitions[name] = definition(name, "datetime", "date")

    def objects(self) -> Sequence[Mapping[str, object]]:
        """List the contacts, each with its id."""
        with self._lock:
            return [{"id": id_, **properties} for id_, properties in sorted(self.portal.contacts.items())]

    def schema(self) -> object:
        """Copy the definitions and groups of properties."""
        with self._lock:
            return json.loads(json.dumps([self.portal.definitions, self.portal.groups]))

    def lose_next_answer(self) -> None:
        """Apply the next writing call, and break its answer off."""
        self._losing += 1

    def fail_next(self) -> None:
        """Answer the next call with a bare 500."""
        self.answer_next(500, "", {"Content-Type": "text/plain"})

    def poison(self, person: str) -> None:
        """Refuse this person's rows from now on."""
        self.portal.poisoned.add(person)

    def mark(self, person: str, value: str, name: str = "hs_lead_status") -> int:
        """A salesperson sets a property of everybody with our key of that person; of how many."""
        with self._lock:
            mine = [id_ for id_, it in self.portal.contacts.items() if it.get("ctgo_x_user_id") == person]
            for id_ in mine:
                self.portal.edit(id_, **{name: value})
        return len(mine)

    def people(self) -> list[dict[str, str]]:
        """List the people that `mark` knows."""
        names = ("ctgo_x_user_id", "twitterhandle", "firstname", "lastname", "hs_lead_status")
        with self._lock:
            return [
                {"person": it["ctgo_x_user_id"], **{name: it[name] for name in names[1:] if name in it}}
                for it in self.portal.contacts.values()
                if "ctgo_x_user_id" in it
            ]

    def slow_down(self, seconds: float) -> None:
        """Answer the next call with a 429."""
        self.answer_next(429, _too_many("TEN_SECONDLY_ROLLING"), {"Retry-After": str(round(seconds))})

    def revoke(self) -> None:
        """Make the token worthless."""
        self.token = "another"

    def answer_next(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """The next call gets this answer, and nothing is applied."""
        self._canned.append((status, body, dict(headers or {})))

    def calls(self, operation: str) -> list[Any]:
        """The bodies of the calls of one kind."""
        return [body for name, body in self.requests if name == operation]

    # Serving

    def wsgi(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request: the WSGI application."""
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with self._lock:
            before = self._losing
            status, body, headers = self._reply(environ, raw)
            lost = self._losing < before
            headers = {
                "Content-Type": "application/json;charset=utf-8",
                "Date": formatdate(self.now(), usegmt=True),
                **self._limits(),
                **headers,
            }
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if lost:  # fewer bytes than were promised, and the connection is gone
            start_response("200 OK", [("Content-Length", str(len(data) + 1000))])
            return [data[:10]]
        start_response(f"{status} X", [*headers.items(), ("Content-Length", str(len(data)))])
        return [data]

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its base URL on loopback, for the length of a `with`."""
        with served(self.wsgi) as url:
            yield url

    def _reply(self, environ: Mapping[str, Any], raw: bytes) -> Reply:
        operation = _operation(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        try:
            if self.firewall and self.firewall in raw:
                return 403, "<html><h1>Request blocked</h1></html>", {"Content-Type": "text/html"}
            self._admit(environ, operation)
            if self._canned:
                return self._canned.popleft()
            body = json.loads(raw) if raw else None
            self.requests.append((operation, body))
            status, answer = self._answer(operation, body)
            if self._losing and operation in _WRITES:
                self._losing -= 1
        except Refusal as why:
            self.refused += 1
            return why.status, why.body, {}
        return status, answer, {}

    def _admit(self, environ: Mapping[str, Any], operation: str) -> None:
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {self.token}":
            raise Refusal(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        self._count(operation)
        if not self.plan_has_api:
            raise Refusal(403, "FORBIDDEN", "Your plan has no access to this API.")
        scope = _SCOPES.get(operation)
        if scope and scope not in self.scopes:
            more = [{"message": "missing", "context": {"requiredGranularScopes": [scope]}}]
            raise Refusal(
                403, "MISSING_SCOPES", "This app hasn't been granted all required scopes", errors=more
            )

    def _count(self, operation: str) -> None:
        day = datetime.fromtimestamp(self.now(), UTC).astimezone(ZoneInfo(self.zone)).date().isoformat()
        if day != self._day:
            self._day, self.used = day, self.used if not self._day else 0
        while self._sent and self._sent[0] <= self.monotonic() - self.interval:
            self._sent.popleft()
        policy = "DAILY" if self.used >= self.daily else ""
        if operation == "search":
            recent = sum(at > self.monotonic() - 1 for at in self._searches)
            policy = policy or ("SECONDLY" if recent >= 5 else "")
        policy = policy or ("TEN_SECONDLY_ROLLING" if len(self._sent) >= self.burst else "")
        if policy:
            refusal = Refusal(429, "", "You have reached your limit.")
            refusal.body = _too_many(policy)
            raise refusal
        self.used += 1
        self._sent.append(self.monotonic())
        if operation == "search":
            self._searches.append(self.monotonic())

    def _limits(self) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Max": str(self.burst),
            "X-HubSpot-RateLimit-Remaining": str(max(0, self.burst - len(self._sent))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(self.interval * 1000)),
            "X-HubSpot-RateLimit-Daily": str(self.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily - self.used)),
        }

    def _answer(self, operation: str, body: Any) -> tuple[int, Any]:
        portal, batches = self.portal, self.batches
        known: dict[str, Callable[[], tuple[int, Any]]] = {
            "properties": lambda: (200, {"results": list(portal.definitions.values())}),
            "groups": lambda: (200, {"results": list(portal.groups.values())}),
            "define": lambda: (201, portal.define(body)),
            "group": lambda: (201, portal.group(body)),
            "account": lambda: (200, {**_ACCOUNT, "timeZone": self.zone}),
            "search": lambda: (200, batches.search(body, portal.snapshot(self.monotonic(), self.lag))),
            **{name: lambda: batches.run(operation, body) for name in (*_WRITES, "read")},
        }
        if operation not in known:
            raise Refusal(404, "", "no such address")
        return known[operation]()


def _operation(method: str, path: str) -> str:
    known = {
        ("GET", "/account-info/v3/details"): "account",
        ("GET", "/crm/v3/properties/contacts"): "properties",
        ("POST", "/crm/v3/properties/contacts"): "define",
        ("GET", "/crm/v3/properties/contacts/groups"): "groups",
        ("POST", "/crm/v3/properties/contacts/groups"): "group",
        ("POST", "/crm/v3/objects/contacts/search"): "search",
    }
    begin = "/crm/v3/objects/contacts/batch/"
    if method == "POST" and path.startswith(begin):
        return path.removeprefix(begin)
    return known.get((method, path), "nowhere")


def _too_many(policy: str) -> dict[str, str]:
    return {
        "status": "error",
        "message": "You have reached your limit.",
        "errorType": "RATE_LIMIT",
        "category": "RATE_LIMITS",
        "correlationId": "0-0",
        "policyName": policy,
    }
