"""What may go wrong between syncd and a remote, and when: spells of one kind of trouble each."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate

HTML = b"<!doctype html><html><body><h1>Checking your browser</h1></body></html>"
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    `applied`: whether the remote does what it was asked to; `status`: of the answer that comes back instead of its own,
    0 if none does; `spoilt`: how its own answer is spoilt.
    """

    applied: bool = False
    status: int = 0
    body: bytes = b""
    type: str = JSON
    retry_after: str = ""
    trouble: str = ""
    spoilt: str = ""


FAULTS = {
    "refused": Fault(trouble="refused"),
    "dropped": Fault(trouble="dropped"),
    "late": Fault(trouble="late"),
    "lost": Fault(applied=True, trouble="dropped"),
    "late_after": Fault(applied=True, trouble="late"),
    "cut": Fault(applied=True, spoilt="cut"),
    "truncated": Fault(applied=True, spoilt="truncated"),
    "garbled": Fault(applied=True, spoilt="garbled"),
    "empty": Fault(applied=True, spoilt="empty"),
    "slow": Fault(applied=True, spoilt="slow"),
    "500": Fault(status=500, body=b'{"error":"internal_error"}'),
    "500_after": Fault(applied=True, status=500, body=b'{"error":"internal_error"}'),
    "502_after": Fault(applied=True, status=502, body=HTML, type="text/html"),
    "503": Fault(status=503, body=b"", retry_after="120"),
    "504_after": Fault(applied=True, status=504, body=HTML, type="text/html"),
    "html_200": Fault(status=200, body=HTML, type="text/html"),
    "empty_200": Fault(status=200),
    "204": Fault(status=204),
    "403": Fault(status=403, body=b'{"error":"forbidden","message":"no"}'),
    "429": Fault(status=429),
    "429_seconds": Fault(status=429, retry_after="17"),
    "429_date": Fault(status=429, retry_after="date"),
    "429_negative": Fault(status=429, retry_after="-5"),
    "429_huge": Fault(status=429, retry_after="999999999"),
    "429_garbage": Fault(status=429, retry_after="soon"),
}
"""By name. Where the remote's own words matter (a revoked token, a poisoned lead, rows left out), its fake is told instead."""

TOO_MANY = {
    "ctgo": {"error": "rate_limited", "message": "slow down"},
    "two": {"error": "rate_limited", "message": "slow down"},
    "crm": {"status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY", "message": "limit"},
    "org": [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}],
    "outreach": {"message": "The maximum number of api calls allowed is 600 times per hour."},
    "hook": {"error": "slow down"},
}
"""Each remote's body of a 429."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A kind of trouble with one remote, for a while. Instants are of the scheduler; `share`: of the requests."""

    far: str
    kind: str
    begin: float
    end: float
    share: float


class Weather:
    """All spells of a world."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._spells: list[Spell] = []

    def add(self, spells: Iterable[Spell]) -> None:
        self._spells += spells

    def clear(self) -> None:
        self._spells.clear()

    def kind(self, far: str, now: float) -> str:
        """What a request meets now; empty: nothing."""
        if not self._spells:
            return ""
        self._spells = [spell for spell in self._spells if spell.end > now]
        for spell in self._spells:
            if spell.far == far and spell.begin <= now and self._chance.random() < spell.share:
                return spell.kind
        return ""


def body_of(fault: Fault, far: str) -> bytes:
    """The body of the answer that comes back instead of the remote's own."""
    return json.dumps(TOO_MANY[far]).encode() if fault.status == 429 else fault.body


def headers_of(fault: Fault, wall: float) -> list[tuple[str, str]]:
    """Its headers."""
    told = [("Content-Type", fault.type)]
    if fault.retry_after:
        date = fault.retry_after == "date"
        told.append(("Retry-After", formatdate(wall + 90, usegmt=True) if date else fault.retry_after))
    return told
