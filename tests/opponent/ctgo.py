"""Serve a second, adversarial CTGO API, written from the documentation ("the page") alone.

    python -m tests.opponent.ctgo --port 8001 --seed 7 --set order=newest

The seed chooses a reading of each point on which the page is silent: see ctgo_readings.toml.
"""

import argparse
import json
import re
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.opponent.ctgo_routes import (
    HTML,
    Answer,
    BadQueryError,
    Request,
    Routes,
    as_json,
    error,
    page_of,
    phrase,
)
from tests.opponent.ctgo_world import READINGS, World

KEY = "ctgo_0123456789abcdefghijABCDEFGHIJ0123456789"  # the prefix and the 45 characters of the page
NO_KEY = "Missing or invalid Authorization header. Use: Bearer <api_key>"
LIMIT, MINUTE = 60, timedelta(seconds=60)  # requests in a window, for each key

# Faults of a proxy that never asks CTGO; nginx, Cloudflare and Vercel send such pages, some with 200.
UNHEARD = {
    "bad gateway": (502, "<html><h1>502 Bad Gateway</h1><hr>nginx</html>"),
    "unavailable": (503, "<html><h1>503 Service Temporarily Unavailable</h1></html>"),
    "timeout": (504, "<html><h1>504 Gateway Time-out</h1></html>"),
    "origin error": (520, "error code: 520"),
    "too many": (429, "<html><h1>429 Too Many Requests</h1></html>"),
    "challenge": (403, "<html><title>Just a moment...</title></html>"),
    "maintenance": (200, "<!doctype html><h1>We will be back soon</h1>"),
    "empty ok": (200, ""),
}
# Faults after CTGO did its work: a gateway gives up, a worker dies, a body breaks off, a search index is empty.
LOST = ("lost: 502", "lost: 504", "lost: 500", "lost: hang-up")
HEARD = (*LOST, "cut", "cut, length right", "slow", "empty list")


class HangUpError(ConnectionResetError):
    """Report that the connection ended without an answer."""


class Ctgo:
    """Answer CTGO's API v2 as a WSGI program.

    A host that can wait puts `ctgo.sleep` into the environ: a slow answer calls it with seconds.
    A host that gives up meanwhile raises from it. An answer that never comes raises HangUpError.
    """

    def __init__(
        self,
        seed: int,
        now: Callable[[], datetime],
        *,
        keys: Sequence[str] = (KEY,),
        fixed: Mapping[str, object] | None = None,  # readings that the seed does not choose
    ) -> None:
        self.world = World(seed, now, fixed or {})
        self.readings: dict[str, object] = self.world.readings
        self.listed: dict[int, dict[str, Any]] = {}  # id -> row, as a whole answer last listed it
        self.exports: list[tuple[datetime, int, int]] = []  # instant, lead, status; 0 if no answer came
        self._routes = Routes(self.world)
        self.feedback = self._routes.feedback  # instant, lead, body
        self.live, self.calm, self.new = self.world.live, self.world.calm, self.world.new
        self._keys = set(keys)
        self._heard: Counter[str] = Counter()
        self._asked: dict[str, list[datetime]] = {}  # key -> the requests of its window
        self._cache: dict[str, tuple[datetime, Answer]] = {}

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value}" for name, value in self.readings.items())
        return textwrap.fill(f"CTGO of seed {self.world.seed}: {said}", 110)

    def add(self, number: int) -> list[int]:
        """Let one run find new people at this moment; return their ids."""
        return self.world.find(
            self.world.dice("add", len(self.world.rows)), number, self.world.clock(), twins=0
        )

    # The wire

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        body = _object(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        self._heard[f"{method} {path}"] += 1
        request = Request(method, path, query, body, self._heard[f"{method} {path}"])
        fault = self._fault(request)
        answer, length = self._spoiled(fault, request, environ.get("HTTP_AUTHORIZATION", ""))
        try:
            if fault == "slow":
                environ.get("ctgo.sleep", _no_sleep)(self.readings["slow"])
        except BaseException:
            answer = None
            raise
        finally:
            self._record(request, answer)
        if answer is None:
            raise HangUpError(path)
        headers = [("Content-Type", answer.kind), ("Content-Length", str(length)), *answer.headers]
        date = format_datetime(self.world.clock(), usegmt=True)
        start_response(f"{answer.status} {phrase(answer.status)}", [*headers, ("Date", date)])
        return [answer.body]

    def _record(self, request: Request, answer: Answer | None) -> None:
        if export := re.fullmatch(r"/api/v2/leads/(\d+)/export", request.path):
            self.exports.append((self.world.now(), int(export[1]), answer.status if answer else 0))
        for row in answer.rows if answer else ():
            self.listed[row["id"]] = row

    def _fault(self, request: Request) -> str | None:
        dice = self.world.dice("fault", request.method, request.path, request.nth)
        if self.world.calmed or dice.random() >= self.world.readings["faults"]:
            return None
        return dice.choice((*UNHEARD, *HEARD, *HEARD, "hang-up"))

    def _spoiled(self, fault: str | None, request: Request, authorization: str) -> tuple[Answer | None, int]:
        """Return what a fault leaves of the answer, and the length that its header declares."""
        if fault == "hang-up":
            return None, 0
        if fault in UNHEARD:
            status, text = UNHEARD[fault]
            retry = (("Retry-After", "86400"),) if status == 503 and request.nth % 2 else ()
            answer = Answer(status, text.encode(), HTML, retry)
        else:
            answer = self._outage() or self._cached(request, authorization)
        length, lost = len(answer.body), (fault or "").partition("lost: ")[2]
        if lost == "hang-up":
            return None, 0
        if lost:
            answer = page_of(int(lost))
        elif fault in {"cut", "cut, length right"} and length > 1:
            answer = replace(answer, body=answer.body[: length * 2 // 3], rows=())
        elif fault == "empty list" and answer.rows:
            answer = as_json(200, {"leads": [], "total": 0, "hasMore": False})
        return answer, length if fault == "cut" else len(answer.body)

    def _outage(self) -> Answer | None:
        kind, moment = str(self.readings["outages"]), self.world.clock().timestamp()
        dice = self.world.dice("outage", moment // 1200)
        begin = dice.randrange(600)
        if self.world.calmed or kind == "none" or dice.random() > 0.1:
            return None
        if not begin <= moment % 1200 < begin + dice.randrange(30, 600):
            return None
        status = int(kind[:3])
        return page_of(status) if kind.endswith("html") else as_json(status, {"error": phrase(status)})

    def _cached(self, request: Request, authorization: str) -> Answer:
        """Answer a GET as a CDN keeps it, which looks at the address only."""
        moment, keeps = self.world.clock(), timedelta(seconds=self.world.readings["cdn_keeps"])
        address = f"{request.path} {sorted(request.query.items())}"
        kept = self._cache.get(address)
        if kept and moment - kept[0] < keeps and request.method == "GET" and not self.world.calmed:
            return kept[1]
        answer = self._authorised(request, authorization)
        if keeps and request.method == "GET" and answer.status == 200:
            self._cache[address] = (moment, answer)
        return answer

    # The door

    def _authorised(self, request: Request, authorization: str) -> Answer:
        if request.path.startswith("/api/v1/"):
            return error(410, "gone", "API v1 is gone. See the migration guide v1 to v2.")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            return as_json(401, {"error": NO_KEY})
        if key not in self._keys:
            shaped = re.fullmatch(r"ctgo_.{40}", key)
            return as_json(
                401, {"error": "Invalid or revoked API key." if shaped else "Invalid API key format."}
            )
        wait, left = self._limit(key)
        try:
            answer = self._too_many(wait) if wait else self._routes.answer(request)
        except BadQueryError as refused:
            answer = error(400, "invalid_query", f"{refused} is not valid.")
        limits = (("X-RateLimit-Limit", str(LIMIT)), ("X-RateLimit-Remaining", str(left)))
        return replace(answer, headers=answer.headers + limits)

    def _limit(self, key: str) -> tuple[float, int]:
        """Count a request; return the seconds to wait if it is one too many, and the requests that are left."""
        moment, style = self.world.clock(), str(self.readings["rate_window"])
        asked = self._asked.setdefault(key, [])
        begin = moment.replace(second=0, microsecond=0)
        if style == "first request":
            begin = asked[0] if asked and moment < asked[0] + MINUTE else moment
        elif style != "minute":
            begin = moment - MINUTE + timedelta(microseconds=1)
        asked[:] = [instant for instant in asked if instant >= begin]
        refused = len(asked) >= LIMIT
        if not refused or style.endswith("counts refused"):
            asked.append(moment)
        if not refused:
            return 0, LIMIT - len(asked)
        end = (asked[-LIMIT] if style.startswith("sliding") else begin) + MINUTE
        return max((end - moment).total_seconds(), 0.001), 0

    def _too_many(self, seconds: float) -> Answer:
        later = format_datetime(self.world.clock() + timedelta(seconds=seconds), usegmt=True)
        lies = {"zero": "0", "short": "1", "long": "900", "date": later, "junk": "soon"}
        style, form = (
            "exact" if self.world.calmed else str(self.readings["retry_after"]),
            self.readings["rate_body"],
        )
        headers = () if style == "absent" else (("Retry-After", lies.get(style, str(int(seconds) + 1))),)
        if form == "text":
            return Answer(429, b"Too many requests", "text/plain", headers)
        code = error(429, "rate_limited", "Too many requests.")
        answer = {"code": code, "html": page_of(429)}.get(
            str(form), as_json(429, {"error": "Rate limit exceeded"})
        )
        return replace(answer, headers=headers)


def _no_sleep(_seconds: float) -> None:
    """Answer at once, for a host that cannot wait."""


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


class Server(ThreadingMixIn, WSGIServer):
    """Serve each connection in a thread of its own."""

    daemon_threads = True


def main() -> None:
    """Serve the opponent over HTTP by the real clock; one request at a time reaches it."""
    parser = argparse.ArgumentParser(description="An adversarial CTGO API.")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="READING=VALUE", help="fix one reading")
    given = parser.parse_args()
    values: dict[str, object] = {}
    for one in given.set:
        name, _, text = one.partition("=")
        found = [value for value in READINGS.get(name, ()) if str(value) == text]
        if not found:
            parser.error(f"{one} is no reading of ctgo_readings.toml")
        values[name] = found[0]
    ctgo, turn = Ctgo(given.seed, lambda: datetime.now(UTC), fixed=values), threading.Lock()

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        waits: list[float] = []
        with turn:
            ctgo.live()
            body = ctgo({**environ, "ctgo.sleep": waits.append}, start_response)
        time.sleep(sum(waits))
        return body

    sys.stdout.write(f"{ctgo}\nKey: {KEY}\n")
    with make_server("127.0.0.1", given.port, served, Server) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
