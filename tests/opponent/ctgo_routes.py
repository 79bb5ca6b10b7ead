"""Answer the routes of CTGO's API as the readings of one seed say."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from tests.opponent.ctgo_world import SAMPLES, SEGMENTS, STREAMS, Row, World

HTML = "text/html; charset=utf-8"
REASONS = ("bot", "wrong_gender", "wrong_job", "wrong_skill", "wrong_personality", "zapier", "other")


class BadQueryError(ValueError):
    """Report a parameter that this CTGO refuses."""


@dataclass(frozen=True)
class Request:
    """Hold what a handler needs of one request."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    nth: int  # of the requests with this method and path


@dataclass(frozen=True)
class Answer:
    """Hold one answer before it meets the wire."""

    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    rows: tuple[dict[str, Any], ...] = ()  # the leads of a listing


def phrase(status: int) -> str:
    """Name a status, also one that only a CDN sends."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"


def as_json(status: int, body: object, *, ascii_only: bool = True) -> Answer:
    """Answer with JSON."""
    text = json.dumps(body, ensure_ascii=ascii_only)
    return Answer(status, text.encode(errors="backslashreplace"))  # JSON.stringify escapes half emojis, too


def error(status: int, code: str, message: str) -> Answer:
    """Answer with the error envelope of the page."""
    return as_json(status, {"error": code, "message": message})


def page_of(status: int) -> Answer:
    """Answer with a page for browsers."""
    return Answer(status, f"<!doctype html><title>{status}</title><h1>{phrase(status)}</h1>".encode(), HTML)


class Routes:
    """Answer requests that have passed the door."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.readings = world.readings
        self.feedback: list[tuple[datetime, int, dict[str, Any]]] = []
        self._totals: dict[str, tuple[datetime, int]] = {}
        self._enriched: set[int] = set()
        self._credits: int = world.readings["credits"]

    def answer(self, request: Request) -> Answer:
        """Find the handler of a request and ask it."""
        known = False
        for method, pattern, handler in ROUTES:
            if match := re.fullmatch(f"/api/v2{pattern}", request.path):
                if method == request.method:
                    return handler(self, request, *map(int, match.groups()))
                known = True
        if known and self.readings["wrong_method"] == "405":
            return as_json(405, {"error": "Method not allowed"})
        return self._unknown("Not found")

    def _unknown(self, sentence: str) -> Answer:
        if self.readings["unknown_row"] == "html":
            return page_of(404)
        if self.readings["unknown_row"] == "code":
            return error(404, sentence.lower().replace(" ", "_"), f"{sentence}.")
        return as_json(404, {"error": sentence})

    # Listings

    def _leads(self, request: Request, stream: int | None = None) -> Answer:
        world, read = self.world, self.readings
        if stream is not None and stream not in STREAMS:
            return self._unknown("Stream not found")
        wanted = self._wanted(request.query | ({} if stream is None else {"streamId": str(stream)}))
        dice = world.dice("listing", request.path, request.nth)
        if wanted.get("offset") and not world.calmed and dice.random() < read["strangers"]:
            world.meddle(dice, world.clock())  # people work while a client turns pages
        behind = not world.calmed and (read["replicas_behind"] == "all" or dice.random() < 0.5)
        moment = world.clock() - timedelta(seconds=read["replica_lag"] if behind else 0)
        rows = [row for row in world.rows if row.inserted <= moment and self._matches(row, wanted, moment)]
        if not read["hides_after_limit"]:
            rows = [row for row in rows if not row.hidden(moment)]
        if request.query.get("summary") == "true":
            high = sum(row.facts["matchConfidence"] == "high" for row in rows)
            return as_json(200, {"highFitCount": high, "mediumFitCount": len(rows) - high})
        return self._cut(self._sorted(rows, dice), wanted, request, moment)

    def _wanted(self, query: dict[str, str]) -> dict[str, Any]:
        """Parse the parameters that the page knows; treat bad ones as this CTGO does."""
        read, wanted = self.readings, dict[str, Any]()
        for name in (name for name in QUERY if name in query):
            try:
                wanted[name] = QUERY[name](query[name])
            except (ValueError, KeyError):
                if read["bad_query"] == "400":
                    raise BadQueryError(name) from None
                if read["bad_query"] == "empty" and name not in {"limit", "offset"}:
                    wanted["id"] = None  # matches no row
        if wanted.get("limit", 1) > 500 and read["limit_over_500"] == "400":
            raise BadQueryError("limit")
        if (
            "since" in wanted
            and wanted["since"] > self.world.clock()
            and read["since_of_the_future"] == "400"
        ):
            raise BadQueryError("since")
        return wanted

    def _matches(self, row: Row, wanted: dict[str, Any], moment: datetime) -> bool:
        read, facts = self.readings, row.facts
        if since := wanted.get("since"):
            when = getattr(row, read["since_column"])  # a comparison with NULL is never true
            if when is None or when < since or (when == since and read["since"] == "exclusive"):
                return False
        if wanted.get("accountId", facts["trackedXAccountId"]) != facts["trackedXAccountId"]:
            return False
        return wanted.get("lifecycle", row.new(moment)) == row.new(moment) and all(
            wanted.get(name, value) == value for name, value in facts.items()
        )

    def _sorted(self, rows: list[Row], dice: random.Random) -> list[Row]:
        order = str(self.readings["order"])
        if order.startswith("id"):
            return sorted(rows, key=lambda row: row.lead, reverse=order == "id down")
        if order == "heap":
            return sorted(rows, key=lambda row: row.updated)
        if order.endswith("ties vary"):
            dice.shuffle(rows)
        return sorted(
            rows, key=lambda row: row.discovered or row.inserted, reverse=order.startswith("newest")
        )

    def _cut(self, rows: list[Row], wanted: dict[str, Any], request: Request, moment: datetime) -> Answer:
        """Cut one page out of the rows that match."""
        read, world = self.readings, self.world
        if read["fan_out"]:
            rows = [row for row in rows for _ in range(2 if row.lead % 11 == 0 else 1)]
        units: dict[int, list[Row]] = {}
        for nth, row in enumerate(rows):
            units.setdefault(row.lead if read["paged_by"] == "lead id" else nth, []).append(row)
        start, size = wanted.get("offset", 0), min(wanted.get("limit", 100), read["largest_page"])
        if read["paging"] != "offset":
            start, size = 0, len(units) if read["paging"] == "everything" else min(100, read["largest_page"])
        if start and start >= len(units) and read["beyond_the_end"] == "404":
            return as_json(404, {"error": "Invalid page."})
        chosen = list(units.values())[start : start + size]
        page = [row for unit in chosen for row in unit if not row.hidden(moment)]
        if read["poisoned_page"] and not world.calmed and any(row.lead % 37 == 5 for row in page):
            return as_json(500, {"error": "Internal Server Error"})
        shown = tuple(self._shown(row, moment) for row in page)
        reach, total = start + len(chosen), self._total(rows, page, request)
        more = {"full page": len(chosen) == size, "from total": reach < total}
        body: dict[str, Any] = {"leads": shown if shown or read["no_leads"] == "list" else None}
        body |= {"total": total, "hasMore": more.get(read["has_more"], reach < len(units))}
        if request.query.get("groupBy") == "stream":  # the page names the parameter and shows no answer
            streams = sorted({row.facts["streamId"] for row in page})
            body["streams"] = [
                {"id": one, "leads": [it for it in shown if it.get("streamId") == one]} for one in streams
            ]
        for name, reading in (("total", read["total"]), ("hasMore", read["has_more"])):
            body[name] = None if reading == "null" else body[name]
            if reading == "absent":
                del body[name]
        return replace(as_json(200, body, ascii_only=read["ascii_json"]), rows=shown)

    def _total(self, rows: list[Row], page: list[Row], request: Request) -> int:
        style, moment = self.readings["total"], self.world.clock()
        filters = {name: value for name, value in request.query.items() if name not in {"limit", "offset"}}
        address = f"{request.path} {sorted(filters.items())}"
        known = self._totals.get(address)
        if not known or moment - known[0] > timedelta(seconds=90):
            self._totals[address] = known = (moment, len(rows))
        totals = {"page": len(page), "estimate": len(rows) * 21 // 20 + 1, "stale": known[1]}
        return len({row.lead for row in rows}) if style == "lead ids" else totals.get(str(style), len(rows))

    def _shown(self, row: Row, moment: datetime) -> dict[str, Any]:
        lead = row.facts | {"discoveredAt": self.world.stamp(row.discovered), "profile": dict(row.profile)}
        lead["exportedAt"] = None if row.new(moment) else self.world.stamp(row.exported)
        for name, gap in row.gaps.items():
            part = lead if name in lead else lead["profile"]
            part[name] = None
            if gap == "absent":
                del part[name]
        new = {"score": 0.87, "labels": [{"id": 1}], "createdAt": "", "email": None, "_v": {"profile": []}}
        return lead | new if self.readings["unknown_fields"] else lead

    # Acts on one lead

    def _export(self, request: Request, lead: int) -> Answer:
        world, moment = self.world, self.world.clock()
        rows = [row for row in world.of(lead) if row.inserted <= moment]
        later = moment + timedelta(seconds=0 if world.calmed else world.readings["export_takes"])
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
            world.mark(lead, later)
        status, _, form = str(self.readings["export_answer"]).partition(" ")
        if form == "empty":
            return Answer(int(status))
        return as_json(int(status), {"ok": True} if form == "ok" else {"lead": self._shown(rows[0], later)})

    def _refused(self, rows: list[Row], moment: datetime) -> Answer | None:
        """Refuse to export archived or exported rows, where this CTGO does."""
        read = self.readings
        if all(row.hidden(moment) for row in rows) and read["export_of_archived"] != "same":
            return as_json(int(read["export_of_archived"]), {"error": "Lead not found"})
        if any(row.exported is None for row in rows):
            return None
        if read["export_again"] != "same":
            return error(int(read["export_again"]), "already_exported", "This lead is exported.")
        for row in rows if read["export_again_stamp"] == "moved" else ():
            row.exported = min(moment, row.exported or moment) if row.new(moment) else moment
        return None

    def _poisoned(self, act: str, lead: int, request: Request) -> Answer:
        status = self.world.poisons[act, lead]
        if 300 <= status < 400:  # a misguided canonical address, or a cache that takes part
            return Answer(status, headers=(("Location", request.path + "/"),) if status != 304 else ())
        html = self.world.dice("poison form", lead).random() < 0.3
        return page_of(status) if html else error(status, f"code_{status}", phrase(status))

    def _enrich(self, request: Request, lead: int) -> Answer:
        read, rows, outputs = self.readings, self.world.of(lead), request.body.get("requested_outputs")
        if (
            not isinstance(outputs, list)
            or not outputs
            or not set(map(str, outputs)) <= {"linkedin_url", "email"}
        ):
            return error(400, "invalid_body", "requested_outputs is required.")
        if not rows:
            return error(404, "lead_not_found", "Lead not found.")
        if rows[0].gaps.get("profile"):
            return error(404, "profile_missing", "The X profile does not exist.")
        if self.world.poisons.get(("enrich", lead), 200) != 200:
            return self._poisoned("enrich", lead, request)
        url = f"https://linkedin.com/in/x-{lead}"
        email = {"address": f"x{lead}@mail.example", "status": "verified", "provider": "prospeo"}
        found: dict[str, Any] = {"linkedin": {"url": url, "confidence": "high"} if lead % 3 else None}
        found |= {"email": email if lead % 2 else None}
        asked = {
            part: value for part, value in found.items() if any(part in str(output) for output in outputs)
        }
        charge = {"each output": len(asked), "each call": 1}.get(
            read["enrich_charge"], sum(map(bool, asked.values()))
        )
        charge = 0 if lead in self._enriched and read["enrich_again"] == "cached" else charge
        if charge > self._credits:
            return error(429, "credits_exhausted", "The team has no credits left.")
        self._credits -= charge
        self._enriched.add(lead)
        result = {"ok": True, "kind": "resolved", **asked}
        if read["enrich_nothing"] == "not ok" and not any(asked.values()):
            result = {"ok": False, "kind": "not_found"}
        elif read["enrich_nothing"] == "absent":
            result = {name: value for name, value in result.items() if value is not None}
        routes = (
            [{"routeType": "linkedin_url", "value": url, "confidence": "high"}]
            if asked.get("linkedin")
            else []
        )
        answer = {"leadId": lead, "x_profile_id": rows[0].profile["xUserId"], "result": result}
        return as_json(200, answer | {"credits_remaining": self._credits, "contact_routes": routes})

    def _feedback(self, request: Request, lead: int) -> Answer:
        body = request.body
        if body.get("feedback") not in {"good", "bad"} or body.get("badReason", "zapier") not in REASONS:
            return error(400, "invalid_body", "feedback or badReason is not valid.")
        if len(str(body.get("badReasonFreeform") or "")) > 500:
            return error(400, "invalid_body", "badReasonFreeform is too long.")
        if not self.world.of(lead):
            return as_json(404, {"error": "Lead not found"})
        if body.get("segmentId") not in SEGMENTS:
            return as_json(404, {"error": "Saved search not found"})
        self.feedback.append((self.world.now(), lead, body))
        return as_json(200, {"ok": True})

    # Everything around the leads

    def _streams(self, _request: Request, only: int | None = None) -> Answer:
        streams = {one: SAMPLES["stream"] | {"id": one, "name": name} for one, name in STREAMS.items()}
        if only is None:
            return as_json(200, {"streams": list(streams.values())})
        return (
            as_json(200, {"stream": streams[only]}) if only in streams else self._unknown("Stream not found")
        )

    def _segments(self, _request: Request) -> Answer:
        own = [
            {"id": one, "userFacingId": f"seg_{one}", "description": text} for one, text in SEGMENTS.items()
        ]
        return as_json(200, {"segments": [SAMPLES["segment"] | one for one in own]})

    def _accounts(self, _request: Request) -> Answer:
        return as_json(200, {"active": [SAMPLES["account"] | {"id": one} for one in (3, 8)], "sleeping": []})

    def _me(self, _request: Request) -> Answer:
        credit = SAMPLES["me"]["credits"] | {"balance": self._credits, "isLow": self._credits < 10}
        return as_json(200, SAMPLES["me"] | {"credits": credit})


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


QUERY: dict[str, Callable[[str], Any]] = {
    "streamId": _count,
    "accountId": _count,
    "segmentId": _count,
    "limit": _count,
    "offset": _count,
    "since": _instant,
    "lifecycle": lambda text: {"new": True, "exported": False}[text],
    "matchConfidence": lambda text: {"high": "high", "medium": "medium"}[text],
}
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/leads", Routes._leads),
    ("POST", r"/leads/(\d+)/export", Routes._export),
    ("POST", r"/leads/(\d+)/enrich", Routes._enrich),
    ("POST", r"/leads/(\d+)/feedback", Routes._feedback),
    ("GET", r"/streams", Routes._streams),
    ("GET", r"/streams/(\d+)", Routes._streams),
    ("GET", r"/streams/(\d+)/leads", Routes._leads),
    ("GET", r"/segments", Routes._segments),
    ("GET", r"/accounts", Routes._accounts),
    ("GET", r"/me", Routes._me),
)
