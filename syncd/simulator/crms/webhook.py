"""A receiver of webhooks as a WSGI app, as Standard Webhooks asks it to be: it verifies, and takes each id once.

It knows nothing of the connector. Time is what its `now` says.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

TOKEN = "hook-Canary8-Canary8-Ca"
SIGNING_SECRET = "whsec_" + base64.b64encode(b"Canary8 of thirty-two bytes long").decode()
PREFIX = "/hooks/leads"
TOLERANCE = 300
"""Seconds by which a timestamp may be off."""

Reply = tuple[int, dict[str, str], bytes]


class WebhookFake:
    """One address. `taken`: the body of each lead by its webhook-id; `seen`: every request that was verified.

    `signed`: whether it asks for a signature besides the bearer token.
    """

    def __init__(self, now: Callable[[], float], *, signed: bool = True) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.requests = 0
        self.tokens = {TOKEN}
        self.poisoned: set[str] = set()
        self.firewall = b""
        """Bytes that a firewall before it lets through in no request."""
        self._signed, self._now = signed, now
        self._next: list[Reply] = []
        self._loses = False
        self._lock = threading.RLock()

    # What a test can do to it

    def answer_next(self, status: int, body: bytes = b"", **headers: str) -> None:
        """The next request is answered so, and nothing is taken. `headers`: _ for -."""
        self._next.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    def lose_next_answer(self) -> None:
        """The next lead is taken, and its answer breaks off."""
        self._loses = True

    def people(self) -> list[dict[str, str]]:
        """List the people of the leads that were taken."""
        with self._lock:
            return [{"person": str(lead.get("x_user_id"))} for lead in self.taken.values()]

    # The app

    def wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application."""
        with self._lock:
            self.requests += 1
            status, headers, body = self._handled(environ)
            length = headers.pop("x-promised-length", str(len(body)))
        start_response(f"{status} Whatever", [("content-length", length), *headers.items()])
        return [body]

    def _handled(self, environ: WSGIEnvironment) -> Reply:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        sent = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        }
        if (instead := self._before_it(raw)) is not None:
            return instead
        if sent.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {}, b"who is there?"
        if environ["PATH_INFO"] != PREFIX:
            return 404, {}, b"no such hook"
        if environ["REQUEST_METHOD"] != "POST":
            return 405, {"allow": "POST"}, b""
        if self._signed and not self._verified(sent, raw):
            return 401, {}, b"bad signature"
        self.seen.append((sent, raw))
        return self._take(sent, raw)

    def _before_it(self, raw: bytes) -> Reply | None:
        """Answer in the receiver's place, as a firewall or a planned answer does."""
        if self._next:
            return self._next.pop(0)
        if self.firewall and self.firewall in raw:
            return 403, {"content-type": "text/html"}, b"<html><h1>Request blocked</h1></html>"
        return None

    def _take(self, sent: dict[str, str], raw: bytes) -> Reply:
        if sent.get("content-type") != "application/json":
            return 415, {}, b"send JSON"
        lead = json.loads(raw)
        if {str(lead.get("x_user_id")), f"lead-{lead.get('id')}"} & self.poisoned:
            return 422, {}, b"not that one: " + raw
        self.taken.setdefault(sent["webhook-id"], lead)
        if self._loses:
            self._loses = False
            return 200, {"x-promised-length": "100"}, b"{"
        return 200, {"content-type": "application/json"}, b'{"status":"success"}'

    def _verified(self, sent: dict[str, str], raw: bytes) -> bool:
        stamp = sent.get("webhook-timestamp", "")
        if not stamp.isdigit() or abs(int(stamp) - self._now()) > TOLERANCE:
            return False
        signed = f"{sent.get('webhook-id', '')}.{stamp}.".encode() + raw
        key = base64.b64decode(SIGNING_SECRET.removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        given = sent.get("webhook-signature", "").split(" ")
        return any(hmac.compare_digest(wanted, each) for each in given)
