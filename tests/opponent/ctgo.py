"""Serve a second, adversarial CTGO API, written from the documentation alone.

    python -m tests.opponent.ctgo --port 8001 --seed 7 --set order=newest

The seed chooses a reading of each point on which the documentation is silent; `str(Ctgo(...))` prints them.
"""

import argparse
import json
import random
import re
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.opponent.ctgo_world import READINGS, SAMPLES, Row, World

KEY = "ctgo_0123456789abcdefghijABCDEFGHIJ0123456789"  # the prefix and the 45 characters of the page
LIMIT = 60  # requests a minute, for each key
HTML = "text/html; charset=utf-8"
NO_KEY = "Missing or invalid Authorization header. Use: Bearer <api_key>"

REASONS = ("bot", "wrong_gender", "wrong_job", "wrong_skill", "wrong_personality", "zapier", "other")

# Fault -> status and body, of a proxy that never asked CTGO. Each is a page that nginx, Cloudflare or Vercel sends.
UNHEARD = {
    "bad gateway": (502, "<html><h1>502 Bad Gateway</h1><hr>nginx</html>"),
    "unavailable": (503, "<html><h1>503 Service Temporarily Unavailable</h1></html>"),
    "timeout": (504, "<html><h1>504 Gateway Time-out</h1></html>"),
    "origin error": (520, "error code: 520"),
    "too many": (429, "<html><h1>429 Too Many Requests</h1></html>"),  # a CDN's own limit has no Retry-After
    "challenge": (403, "<html><title>Just a moment...</title></html>"),
    "maintenance": (200, "<!doctype html><h1>We will be back soon</h1>"),  # a page for browsers, with 200
    "empty ok": (200, ""),
}
# Faults after CTGO did its work: a gateway gives up, a worker dies, a body breaks off, a queue is long.
HEARD = (
    "lost: 502",
    "lost: 504",
    "lost: 500",
    "lost: hang-up",
    "cut",
    "cut, length right",
    "slow",
    "slow",
    "empty list",
)


class HangUpError(ConnectionResetError):
    """Report that the connection ended without an answer."""


@dataclass(frozen=True)
class Request:
    """What a handler needs of one request."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    nth: int  # how many requests of this method and path were heard


@dataclass(frozen=True)
class Answer:
    """One answer, before it meets the wire."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    rows: tuple[dict[str, Any], ...] = ()  # the leads of a listing


class Ctgo:
    """CTGO's API v2 as a WSGI program.

    A host that can wait puts `ctgo.sleep` (called with seconds) into the environ: slow answers call it.
    An answer that never comes raises HangUpError.
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
        self.listed: dict[int, dict[str, Any]] = {}
        self.exports: list[tuple[datetime, int, int]] = []  # instant, lead, status; 0 if no answer came
        self._keys = set(keys)
        self._heard: Counter[str] = Counter()
        self._asked: dict[str, list[datetime]] = {}  # key -> the requests of its window
        self._totals: dict[str, tuple[datetime, int]] = {}
        self.feedback: list[tuple[datetime, int, dict[str, Any]]] = []
        self._enriched: set[int] = set()
        self._credits = int(self.world.readings["credits"])

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value}" for name, value in self.readings.items())
        return textwrap.fill(f"CTGO of seed {self.world.seed}: {said}", 110)

    def live(self) -> None:
        """Let the world catch up with the clock."""
        self.world.live()

    def calm(self) -> None:
        """End faults, poison, lag and new leads; the readings stay."""
        self.world.calm()

    def add(self, number: int) -> list[int]:
        """Find leads now; return their ids."""
        return self.world.add(number)

    def new(self) -> set[int]:
        """Give the ids whose lifecycle is `new` at this moment."""
        return self.world.new()

    # The wire

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        raw = environ["wsgi.input"].read(length) if length else b""
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        self._heard[f"{method} {path}"] += 1
        request = Request(method, path, query, _json(raw), self._heard[f"{method} {path}"])
        fault = self._fault(request)
        answer, declared = self._spoil(fault, request, environ.get("HTTP_AUTHORIZATION", ""))
        if fault == "slow":
            environ.get("ctgo.sleep", lambda _seconds: None)(self.readings["slow"])
        self._record(request, answer)
        if answer is None:
            raise HangUpError(path)
        status = f"{answer.status} {_phrase(answer.status)}"
        headers = [("Content-Type", answer.kind), ("Content-Length", str(declared)), *answer.headers]
        start_response(status, [*headers, ("Date", format_datetime(self.world.clock(), usegmt=True))])
        return [answer.body]

    def _record(self, request: Request, answer: Answer | None) -> None:
        if export := re.fullmatch(r"/api/v2/leads/(\d+)/export", request.path):
            self.exports.append((self.world.now(), int(export[1]), answer.status if answer else 0))
        for row in answer.rows if answer else ():
            self.listed[row["id"]] = row

    # Trouble between the client and CTGO

    def _fault(self, request: Request) -> str | None:
        if self.world.calmed:
            return None
        dice = self.world.dice("fault", request.method, request.path, request.nth)
        if dice.random() >= float(self.world.readings["faults"]):
            return None
        return dice.choice((*UNHEARD, *HEARD, *HEARD, "hang-up"))

    def _spoil(self, fault: str | None, request: Request, authorization: str) -> tuple[Answer | None, int]:
        """Answer a request with what a fault leaves of the answer; return the answer and its declared length."""
        answer: Answer | None = None
        if fault in UNHEARD:
            status, body = UNHEARD[fault]
            answer = Answer(status, body.encode(), HTML)
        elif fault != "hang-up":
            answer = self._outage() or self._authorised(request, authorization)
        if fault is None or answer is None:
            return answer, len(answer.body) if answer else 0
        whole = len(answer.body)
        if fault.startswith("lost: "):
            lost = fault.removeprefix("lost: ")
            answer = (
                None
                if lost == "hang-up"
                else Answer(int(lost), f"<html><h1>{lost}</h1></html>".encode(), HTML)
            )
        elif fault.startswith("cut") and whole > 1:
            answer = replace(answer, body=answer.body[: whole * 2 // 3], rows=())
            if fault == "cut":
                return answer, whole
        elif fault == "empty list" and answer.rows:  # a search index that is being rebuilt finds nothing
            answer = _answer(200, {"leads": [], "total": 0, "hasMore": False})
        return answer, len(answer.body) if answer else 0

    def _outage(self) -> Answer | None:
        kind = str(self.readings["outages"])
        moment = self.world.clock()
        dice = self.world.dice("outage", int(moment.timestamp() // 1200))
        begin, end = sorted(dice.randrange(1200) for _ in range(2))
        out = dice.random() < 0.1 and begin <= moment.timestamp() % 1200 < min(end, begin + 600)
        if kind == "none" or self.world.calmed or not out:
            return None
        status, _, form = kind.partition(" ")
        if form == "html":
            return Answer(int(status), f"<!doctype html><h1>{status}</h1>".encode(), HTML)
        return _answer(int(status), {"error": _phrase(int(status))})

    # The door

    def _authorised(self, request: Request, authorization: str) -> Answer:
        if request.path.startswith("/api/v1/"):
            return _error(410, "gone", "API v1 is gone. See the migration guide v1 to v2.")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            return _answer(401, {"error": NO_KEY})
        if key not in self._keys:
            shaped = re.fullmatch(r"ctgo_.{40}", key)
            return _answer(
                401, {"error": "Invalid or revoked API key." if shaped else "Invalid API key format."}
            )
        refused, left = self._limit(key)
        answer = refused or self._route(request)
        limits = (("X-RateLimit-Limit", str(LIMIT)), ("X-RateLimit-Remaining", str(left)))
        return replace(answer, headers=answer.headers + limits)

    def _limit(self, key: str) -> tuple[Answer | None, int]:
        """Count a request; return a refusal if there is one, and the requests that are left."""
        moment, style = self.world.clock(), self.world.readings["rate_window"]
        asked = self._asked.setdefault(key, [])
        minute = timedelta(seconds=60)
        if style == "minute":
            begin = moment.replace(second=0, microsecond=0)
            asked[:] = [instant for instant in asked if instant >= begin]
        elif style == "first request":
            asked[:] = asked if asked and moment < asked[0] + minute else []
            begin = asked[0] if asked else moment
        else:
            asked[:] = [instant for instant in asked if instant > moment - minute]
            begin = asked[-LIMIT] if len(asked) >= LIMIT else moment
        refused = len(asked) >= LIMIT
        if not refused or "counts refused" in style:
            asked.append(moment)
        if not refused:
            return None, LIMIT - len(asked)
        if "counts refused" in style:
            begin = asked[-LIMIT]
        return self._too_many((begin + minute - moment).total_seconds()), 0

    def _too_many(self, seconds: float) -> Answer:
        exact = str(int(seconds) + 1)
        later = format_datetime(self.world.clock() + timedelta(seconds=seconds), usegmt=True)
        lies = {"zero": "0", "short": "1", "long": "900", "date": later, "junk": "soon"}
        style = "exact" if self.world.calmed else str(self.readings["retry_after"])
        headers = () if style == "absent" else (("Retry-After", lies.get(style, exact)),)
        match self.readings["rate_body"]:
            case "code":
                answer = _error(429, "rate_limited", "Too many requests.")
            case "sentence":
                answer = _answer(429, {"error": "Rate limit exceeded"})
            case "text":
                answer = Answer(429, b"Too many requests", "text/plain")
            case _:
                answer = Answer(429, b"<h1>Too many requests</h1>", HTML)
        return replace(answer, headers=headers)

    def _route(self, request: Request) -> Answer:
        path = request.path.removeprefix("/api/v2")
        known = False
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                return handler(self, request, *map(int, match.groups()))
            known = known or bool(match)
        if known and self.readings["wrong_method"] == "405":
            return replace(_answer(405, {"error": "Method not allowed"}), headers=(("Allow", "GET, POST"),))
        return self._unknown("Not found")

    def _unknown(self, sentence: str) -> Answer:
        match self.readings["unknown_row"]:
            case "sentence":
                return _answer(404, {"error": sentence})
            case "code":
                return _error(404, sentence.lower().replace(" ", "_"), f"{sentence}.")
            case _:
                return Answer(404, b"<!doctype html><title>404: This page could not be found.</title>", HTML)

    # Leads

    def _leads(self, request: Request, stream: int | None = None) -> Answer:
        world, read = self.world, self.world.readings
        if stream is not None and stream not in world.streams:
            return self._unknown("Stream not found")
        ask = request.query if stream is None else request.query | {"streamId": str(stream)}
        wanted: dict[str, Any] = {}
        for name, parse in QUERY.items():
            try:
                wanted |= {name: parse(ask[name])} if name in ask else {}
            except ValueError:
                if read["bad_query"] == "400":
                    return _error(400, "invalid_query", f"{name} is not valid.")
                wanted |= {"nothing": read["bad_query"] == "empty" and name not in {"limit", "offset"}}
        if wanted.get("limit", 1) > 500 and read["limit_over_500"] == "400":
            return _error(400, "invalid_query", "limit is at most 500.")
        dice = world.dice("listing", request.path, request.nth)
        if wanted.get("offset") and not world.calmed and dice.random() < float(read["strangers"]):
            world.meddle(dice, world.clock())  # people work while a client turns pages
        behind = not world.calmed and (read["replicas_behind"] == "all" or dice.random() < 0.5)
        moment = world.clock() - timedelta(seconds=read["replica_lag"] if behind else 0)
        rows = [row for row in world.rows if row.visible(moment) and self._matches(row, wanted, moment)]
        if not read["hides_after_limit"]:
            rows = [row for row in rows if not row.hidden(moment)]
        if ask.get("summary") == "true":
            high = sum(row.confidence == "high" for row in rows)
            return _answer(200, {"highFitCount": high, "mediumFitCount": len(rows) - high})
        return self._page(self._sorted(rows, dice), wanted, ask, moment)

    def _matches(self, row: Row, wanted: dict[str, Any], moment: datetime) -> bool:
        read = self.world.readings
        since, when = wanted.get("since"), getattr(row, read["since_column"])
        late_enough = since is None or (
            when and (when > since or (when == since and read["since"] == "inclusive"))
        )
        return bool(
            late_enough
            and not wanted.get("nothing")
            and wanted.get("lifecycle", row.new(moment)) == row.new(moment)
            and wanted.get("streamId", row.stream) == row.stream
            and wanted.get("segmentId", row.segment) == row.segment
            and wanted.get("accountId", row.account) == row.account
            and wanted.get("matchConfidence", row.confidence) == row.confidence
        )

    def _sorted(self, rows: list[Row], dice: random.Random) -> list[Row]:
        order = str(self.world.readings["order"])
        if order.startswith("id"):
            return sorted(rows, key=lambda row: row.lead, reverse=order == "id down")
        if order == "heap":
            return sorted(rows, key=lambda row: row.updated)
        if order.endswith("ties vary"):
            dice.shuffle(rows)
        return sorted(
            rows, key=lambda row: row.discovered or row.inserted, reverse=order.startswith("newest")
        )

    def _page(self, rows: list[Row], wanted: dict[str, Any], ask: dict[str, str], moment: datetime) -> Answer:
        """Cut one page out of the rows that match, as this CTGO does."""
        read = self.world.readings
        if read["fan_out"]:
            rows = [row for row in rows for _ in range(2 if row.lead % 11 == 0 else 1)]
        units: dict[Any, list[Row]] = {}
        for nth, row in enumerate(rows):
            units.setdefault(row.lead if read["paged_by"] == "lead id" else nth, []).append(row)
        size, start = min(wanted.get("limit", 100), read["largest_page"]), wanted.get("offset", 0)
        if read["paging"] != "offset":
            size, start = len(units) if read["paging"] == "everything" else min(100, read["largest_page"]), 0
        chosen = list(units.values())[start : start + size]
        page = [row for unit in chosen for row in unit if not row.hidden(moment)]
        if read["poisoned_page"] and not self.world.calmed and any(row.lead % 37 == 5 for row in page):
            return _answer(500, {"error": "Internal Server Error"})
        shown = tuple(self._shown(row, moment) for row in page)
        total = self._total(rows, page, ask)
        reach = start + len(chosen)
        more = {"exact": reach < len(units), "full page": len(chosen) == size, "from total": reach < total}
        body: dict[str, Any] = {"leads": shown, "total": total, "hasMore": more.get(read["has_more"])}
        if ask.get("groupBy") == "stream":  # the page knows the parameter, not the answer
            streams = sorted({row.stream for row in page})
            groups = [
                {"streamId": one, "leads": [it for it in shown if it.get("streamId") == one]}
                for one in streams
            ]
            body = {"streams": groups, **body}
        for name, reading in (("total", "total"), ("hasMore", "has_more")):
            if read[reading] == "absent":
                del body[name]
            elif read[reading] == "null":
                body[name] = None
        return replace(self._json(200, body), rows=shown)

    def _total(self, rows: list[Row], page: list[Row], ask: dict[str, str]) -> int:
        number = len({row.lead for row in rows}) if self.readings["total"] == "lead ids" else len(rows)
        match self.readings["total"]:
            case "page":
                return len(page)
            case "estimate":
                return round(number * 1.07) + 1
            case "stale":
                name = json.dumps(
                    {key: value for key, value in ask.items() if key not in {"limit", "offset"}}
                )
                known = self._totals.get(name)
                if not known or self.world.clock() - known[0] > timedelta(seconds=90):
                    self._totals[name] = known = (self.world.clock(), number)
                return known[1]
        return number

    def _shown(self, row: Row, moment: datetime) -> dict[str, Any]:
        lead: dict[str, Any] = {
            "id": row.lead,
            "streamId": row.stream,
            "trackedXAccountId": row.account,
            "segmentId": row.segment,
            "matchConfidence": row.confidence,
            "sourceType": row.source,
            "discoveredAt": self.world.stamp(row.discovered),
            "exportedAt": None if row.new(moment) else self.world.stamp(row.exported),
            "profile": dict(row.profile),
        }
        for name, gap in row.gaps.items():
            part = lead if name in lead else lead["profile"]
            if gap == "null":
                part[name] = None
            else:
                del part[name]
        if self.readings["unknown_fields"]:  # v2 changes in place
            lead |= {
                "score": 0.87,
                "labels": [{"id": 1}],
                "createdAt": "",
                "email": None,
                "_v": {"profile": []},
            }
        return lead

    def _export(self, request: Request, lead: int) -> Answer:
        world, moment = self.world, self.world.clock()
        rows = [row for row in world.of(lead) if row.visible(moment)]
        if not rows:
            return self._unknown("Lead not found")
        if poison := world.poisons.get(("export", lead)):
            if world.dice("poison works", lead).random() < 0.25:  # the error comes after the commit
                world.mark(lead, moment)
            if poison != 200:  # else the job behind a good answer is lost
                return self._poisoned("export", lead, request)
        elif refused := self._refused(rows, moment):
            return refused
        else:
            world.mark(lead, moment)
        status, _, form = str(self.readings["export_answer"]).partition(" ")
        if form == "empty":
            return Answer(int(status))
        return self._json(
            int(status), {"ok": True} if form == "ok" else {"lead": self._shown(rows[0], moment)}
        )

    def _refused(self, rows: list[Row], moment: datetime) -> Answer | None:
        """Refuse to export archived rows or exported ones, where this CTGO does."""
        read = self.world.readings
        if all(row.hidden(moment) for row in rows) and read["export_of_archived"] != "same":
            return _answer(int(read["export_of_archived"]), {"error": "Lead not found"})
        if any(row.exported is None for row in rows):
            return None
        if read["export_again"] != "same":
            return _error(int(read["export_again"]), "already_exported", "This lead is exported.")
        for row in rows if read["export_again_stamp"] == "moved" else ():
            row.exported = moment
        return None

    def _poisoned(self, act: str, lead: int, request: Request) -> Answer:
        status = self.world.poisons[act, lead]
        if status in {204, 304}:
            return Answer(status)
        if 300 <= status < 400:  # a misguided canonical address
            return Answer(status, headers=(("Location", request.path + "/"),))
        if self.world.dice("poison form", lead).random() < 0.3:
            return Answer(status, f"<html><h1>{status}</h1></html>".encode(), HTML)
        return _error(status, f"code_{status}", _phrase(status))

    def _enrich(self, request: Request, lead: int) -> Answer:
        read, rows = self.world.readings, self.world.of(lead)
        body = request.body if isinstance(request.body, dict) else {}
        outputs = body.get("requested_outputs")
        if (
            not isinstance(outputs, list)
            or not outputs
            or not set(map(str, outputs)) <= {"linkedin_url", "email"}
        ):
            return _error(400, "invalid_body", "requested_outputs is required.")
        if not rows:
            return _error(404, "lead_not_found", "Lead not found.")
        if "profile" in rows[0].gaps:
            return _error(404, "profile_missing", "The X profile does not exist.")
        if self.world.poisons.get(("enrich", lead), 200) != 200:
            return self._poisoned("enrich", lead, request)
        handle = str(rows[0].profile["handle"]).strip("_").lower()
        linkedin = (
            {"url": f"https://linkedin.com/in/{handle}-{lead}", "confidence": "high"} if lead % 3 else None
        )
        email = (
            {"address": f"{handle}@x{lead}.example", "status": "verified", "provider": "prospeo"}
            if lead % 2
            else None
        )
        found = {"linkedin": linkedin, "email": email}
        asked = {part: found[part] for part in found if any(part in output for output in outputs)}
        charge = {"each output": len(asked), "each call": 1}.get(
            read["enrich_charge"], sum(map(bool, asked.values()))
        )
        if lead in self._enriched and read["enrich_again"] == "cached":
            charge = 0
        if charge > self._credits:
            return _error(429, "credits_exhausted", "The team has no credits left.")
        self._credits -= charge
        self._enriched.add(lead)
        result: dict[str, Any] = {"ok": True, "kind": "resolved", **asked}
        if read["enrich_nothing"] == "absent":
            result = {name: value for name, value in result.items() if value is not None}
        elif read["enrich_nothing"] == "not ok" and not any(asked.values()):
            result = {"ok": False, "kind": "not_found"}
        route = {"routeType": "linkedin_url", "value": (linkedin or {}).get("url"), "confidence": "high"}
        answer = {"leadId": lead, "x_profile_id": rows[0].profile["xUserId"], "result": result}
        routes = [route] if asked.get("linkedin") else []
        return self._json(200, answer | {"credits_remaining": self._credits, "contact_routes": routes})

    def _feedback(self, request: Request, lead: int) -> Answer:
        body = request.body if isinstance(request.body, dict) else {}
        reason, text = body.get("badReason", "zapier"), str(body.get("badReasonFreeform") or "")
        if body.get("feedback") not in {"good", "bad"} or reason not in REASONS or len(text) > 500:
            return _error(400, "invalid_body", "feedback is good or bad.")
        if not self.world.of(lead):
            return _answer(404, {"error": "Lead not found"})
        if body.get("segmentId") not in self.world.segments:
            return _answer(404, {"error": "Saved search not found"})
        self.feedback.append((self.world.now(), lead, body))
        return _answer(200, {"ok": True})

    # Everything around the leads

    def _streams(self, _request: Request, only: int | None = None) -> Answer:
        if only is not None and only not in self.world.streams:
            return self._unknown("Stream not found")
        streams = [SAMPLES["stream"] | {"id": one, "name": name} for one, name in self.world.streams.items()]
        wanted = [stream for stream in streams if only in {None, stream["id"]}]
        return self._json(200, {"streams": wanted} if only is None else {"stream": wanted[0]})

    def _segments(self, _request: Request) -> Answer:
        segments = [
            SAMPLES["segment"] | {"id": one, "userFacingId": f"seg_{one}", "description": text}
            for one, text in self.world.segments.items()
        ]
        return self._json(200, {"segments": segments})

    def _accounts(self, _request: Request) -> Answer:
        return self._json(
            200, {"active": [SAMPLES["account"] | {"id": one} for one in (3, 8)], "sleeping": []}
        )

    def _me(self, _request: Request) -> Answer:
        credit = SAMPLES["me"]["credits"] | {"balance": self._credits, "isLow": self._credits < 10}
        return self._json(200, SAMPLES["me"] | {"credits": credit})

    def _json(self, status: int, body: object) -> Answer:
        text = json.dumps(body, ensure_ascii=bool(self.readings["ascii_json"]))
        return Answer(
            status, text.encode(errors="backslashreplace")
        )  # JSON.stringify escapes half emojis, too


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"


def _answer(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode())


def _error(status: int, code: str, message: str) -> Answer:
    return _answer(status, {"error": code, "message": message})


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ValueError(text)
        return int(text)

    return parse


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return parse


QUERY: dict[str, Callable[[str], Any]] = {
    "streamId": _whole(0),
    "accountId": _whole(0),
    "segmentId": _whole(0),
    "since": _instant,
    "lifecycle": lambda text: _one_of("new", "exported")(text) == "new",
    "matchConfidence": _one_of("high", "medium"),
    "limit": _whole(1),
    "offset": _whole(0),
}
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/leads", Ctgo._leads),
    ("POST", r"/leads/(\d+)/export", Ctgo._export),
    ("POST", r"/leads/(\d+)/enrich", Ctgo._enrich),
    ("POST", r"/leads/(\d+)/feedback", Ctgo._feedback),
    ("GET", r"/streams", Ctgo._streams),
    ("GET", r"/streams/(\d+)", Ctgo._streams),
    ("GET", r"/streams/(\d+)/leads", Ctgo._leads),
    ("GET", r"/segments", Ctgo._segments),
    ("GET", r"/accounts", Ctgo._accounts),
    ("GET", r"/me", Ctgo._me),
)


class Server(ThreadingMixIn, WSGIServer):
    """Serve each connection in a thread of its own."""

    daemon_threads = True


def serve(ctgo: Ctgo, port: int) -> None:
    """Serve the opponent over HTTP by the real clock; one request at a time reaches it."""
    turn = threading.Lock()

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        waits: list[float] = []
        with turn:
            ctgo.live()
            body = ctgo({**environ, "ctgo.sleep": waits.append}, start_response)
        time.sleep(sum(waits))
        return body

    with make_server("127.0.0.1", port, served, Server) as server:
        server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="An adversarial CTGO API.")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="READING=VALUE", help="fix one reading")
    given = parser.parse_args()
    fixed = dict(one.split("=", 1) for one in given.set)
    values = {name: next(v for v in READINGS[name] if str(v) == text) for name, text in fixed.items()}
    ctgo = Ctgo(given.seed, lambda: datetime.now(UTC), fixed=values)
    sys.stdout.write(f"{ctgo}\nKey: {KEY}\n")
    serve(ctgo, given.port)


if __name__ == "__main__":
    main()
