"""Shared parts of the three adversarial CRMs: dice, readings, faults, poison, strangers, and the WSGI door.

The three programs are written from the vendors' documentation and from field reports, without sight of the
program that they test. Each choice that the documentation leaves open is a reading, drawn from the seed.
A connection that is cut shows as a short body, or as a ConnectionResetError raised by the WSGI iterator.

A world sets the clock, calls `live` now and then, sends requests, calls `calm`, and reads `people` and `refused`.
`people` names the strangers' acts on each record, so that an oracle can tell their doubles from the program's.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qs, unquote
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 207: "Multi-Status", 300: "Multiple Choices",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 410: "Gone", 413: "Payload Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
    422: "Unprocessable Entity", 423: "Locked", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    477: "Migration In Progress", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 521: "Web Server Is Down", 523: "Origin Is Unreachable", 524: "A Timeout Occurred",
}  # fmt: skip

WAF_PAGE = (
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head>"
    "<body><h1>Sorry, you have been blocked</h1><p>Ray ID: 7f1e{n:012x}</p></body></html>"
)
GATEWAY_PAGE = "<html><head><title>{n}</title></head><body><center><h1>{n}</h1></center></body></html>"


HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


class Dice(random.Random):
    """A stream of chance for one purpose; the same words give the same stream."""

    def __init__(self, *words: object) -> None:
        super().__init__("/".join(map(str, words)))

    def once_in_1000(self, chance: object) -> bool:
        """Tell if an event with this chance in 1000 comes."""
        return self.randrange(1000) < int(str(chance))


class Refusal(NamedTuple):
    """One error about one record: when, for which identity, with which status and code."""

    at: datetime
    record: str
    status: int
    code: str


class RefuseError(Exception):
    """The CRM says no to one row; `whole` says no to the whole call because of that row."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        whole: bool = False,
        context: Mapping[str, Any] | None = None,
        page: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.whole, self.context, self.page = whole or page, dict(context or {}), page


@dataclass(frozen=True)
class Call:
    """One HTTP request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    raw: bytes

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> "Call":
        """Read a request from a WSGI environment."""
        headers = {
            k[5:].replace("_", "-").lower(): str(v) for k, v in environ.items() if k.startswith("HTTP_")
        }
        headers["content-type"] = str(environ.get("CONTENT_TYPE") or "")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        raw = environ["wsgi.input"].read(length) if length else b""
        query = parse_qs(str(environ.get("QUERY_STRING") or ""), keep_blank_values=True)
        path = str(environ.get("PATH_INFO") or "/").encode("latin-1").decode("utf-8", "replace")
        return cls(str(environ["REQUEST_METHOD"]).upper(), path, query, headers, raw)

    def json(self) -> Any:
        """Return the parsed body, or None where the body is no JSON."""
        try:
            return json.loads(self.raw or b"null")
        except ValueError:
            return None

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return self.query.get(name, [default])[0]


@dataclass
class Answer:
    """One HTTP answer; a text body is sent as HTML or plain text, any other as JSON."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        """Return the body's bytes and its content type."""
        if self.body is None:
            return b"", "text/plain"
        if isinstance(self.body, str):
            return self.body.encode(), "text/html" if self.body.startswith(
                "<"
            ) else "text/plain; charset=utf-8"
        return json.dumps(self.body, separators=(",", ":")).encode(), "application/json;charset=utf-8"


class Readings(dict[str, object]):
    """Every choice that the seed made, by name; `str` prints them in a few lines."""

    def __init__(self, dice: Dice) -> None:
        super().__init__()
        self._dice = dice

    def draw(self, name: str, options: Sequence[object]) -> Any:
        """Choose one option; an option that is named twice is twice as likely."""
        self[name] = self._dice.choice(list(options))
        return self[name]

    def draw_some(self, name: str, options: Iterable[str], chance: float) -> None:
        """Choose a part of the options, each with this chance."""
        self[name] = tuple(option for option in options if self._dice.random() < chance)

    def some(self, name: str) -> tuple[str, ...]:
        """Return a part drawn before."""
        value = self[name]
        return value if isinstance(value, tuple) else ()

    def __str__(self) -> str:
        """Return a few lines, each with several choices."""
        lines: list[str] = []
        line = ""
        for name, value in self.items():
            said = f"{name}={' '.join(map(str, value)) if isinstance(value, tuple) else value}"
            if line and len(line) + len(said) > 150:
                lines, line = [*lines, line], ""
            line = f"{line}; {said}" if line else said
        return "\n".join([*lines, line])


@dataclass
class Record:
    """One record of a CRM, alive or dead, with what the search index knows of it and from when on."""

    id: str
    fields: dict[str, Any]
    created: datetime
    updated: datetime
    identity: str = ""
    merged_into: str | None = None
    deleted: datetime | None = None
    acts: list[str] = field(default_factory=list)
    index: list[tuple[datetime, dict[str, Any] | None]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Tell if the record is neither merged away nor deleted."""
        return self.merged_into is None and self.deleted is None

    def indexed(self, at: datetime) -> dict[str, Any] | None:
        """Return the fields as the search index has them by now, or None."""
        known = [(when, n) for n, (when, _) in enumerate(self.index) if when <= at]
        if not known:
            return None
        _, newest = max(known, key=lambda pair: pair[1])
        self.index = self.index[newest:]
        return self.index[0][1]

    def told(self) -> dict[str, Any]:
        """Describe the record for a test's oracle."""
        said: dict[str, Any] = {"id": self.id, "fields": dict(self.fields), "created": self.created}
        said |= {"acts": list(self.acts), "identity": self.identity}
        if self.merged_into:
            said["merged_into"] = self.merged_into
        if self.deleted:
            said["deleted"] = self.deleted
        return said


class Windows:
    """Fixed windows that count calls: the name, the length in seconds and the limit of each."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._open: dict[str, tuple[datetime, int]] = {}

    def use(self, name: str, seconds: float, limit: int) -> tuple[int, float]:
        """Count one call; return how many are left (-1 when refused) and the seconds until the window ends."""
        now = self._now()
        start, used = self._open.get(name, (now, 0))
        if (now - start).total_seconds() >= seconds or now < start:
            start, used = now, 0
        refused = used >= limit
        self._open[name] = (start, used if refused else used + 1)
        return -1 if refused else limit - used - 1, seconds - (now - start).total_seconds()

    def left(self, name: str, seconds: float, limit: int) -> int:
        """Return how many calls are left, without counting one."""
        start, used = self._open.get(name, (self._now(), 0))
        return limit if (self._now() - start).total_seconds() >= seconds else max(0, limit - used)

    def forget(self) -> None:
        """Open all windows anew."""
        self._open.clear()


class Crm:
    """A CRM that means ill: the door, the faults of the way there, the poison, and the strangers' clock."""

    # name of the act -> method name; the subclass fills the table
    ACTS: Mapping[str, str] = {}
    # statuses with which a poisoned record can be answered -> True where it is the record's own fault
    POISON: Mapping[str, bool] = {}
    # the way a call can go wrong, whatever it asks
    FAULTS: tuple[str, ...] = ()

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        self._seed, self._now = seed, now
        name = type(self).__name__
        self.dice = Dice(seed, name, "calls")
        self._acting = Dice(seed, name, "acts")
        self.readings = Readings(Dice(seed, name, "readings"))
        self.refused: list[Refusal] = []
        self.records: dict[str, Record] = {}
        self.windows = Windows(now)
        self._calm = False
        self._serial = 0
        self._down: tuple[datetime, int] | None = None
        self._locks: dict[str, datetime] = {}
        self._late: list[tuple[datetime, Call]] = []
        draw = self.readings.draw
        draw("faults_in_1000", (0, 10, 30, 30, 80, 150))
        self.readings.draw_some("faults", self.FAULTS, 0.6)
        draw("poison_in_1000", (0, 10, 30, 60))
        self.readings.draw_some("poison", self.POISON, 0.5)
        draw("stranger_every_s", (15, 60, 300, 1800))
        self.readings.draw_some("strangers", self.ACTS, 0.6)
        draw("lock_s", (2, 5, 60, 1800))
        draw("race_in_1000", (0, 0, 5, 30))
        # A gateway gives up before the program behind it does: the write comes after the 504
        draw("late_s", (2, 15, 45))
        # RFC 9110: Retry-After is seconds or a date; gateways send both, none, or nonsense
        draw("gateway_retry_after", ("absent", "absent", "seconds", "date", "nonsense"))
        # HTTP/2 front ends write header names in lower case
        draw("header_names", ("as documented", "lower case"))
        self._next_act = now() + timedelta(seconds=self._acting.expovariate(1 / self._every()))

    # -- what tests and worlds call

    def live(self) -> None:
        """Let time pass: strangers act for each moment of theirs that has come."""
        now = self._now()
        self._catch_up(now)
        for _ in range(25):
            if self._calm or self._next_act > now:
                return
            self._next_act += timedelta(seconds=self._acting.expovariate(1 / self._every()))
            acts = self.readings.some("strangers")
            if acts:
                getattr(self, self.ACTS[self._acting.choice(acts)])(self._acting)
        self._next_act = now + timedelta(seconds=self._acting.expovariate(1 / self._every()))

    def calm(self) -> None:
        """End all faults, locks and strangers' acts; a record's own fault stays."""
        self._calm = True
        self._catch_up(datetime.max.replace(tzinfo=UTC))
        self._down = None
        self._locks.clear()
        self.windows.forget()

    def people(self) -> list[dict[str, Any]]:
        """Describe all records, the dead ones with `merged_into` or `deleted`."""
        return [record.told() for record in self.records.values()]

    def poison_of(self, identity: str) -> str | None:
        """Name the poison of a record, or None; after `calm` only its own fault counts."""
        dice = Dice(self._seed, type(self).__name__, "poison", identity)
        kinds = self.readings.some("poison")
        if not identity or not kinds or not dice.once_in_1000(self.readings["poison_in_1000"]):
            return None
        kind = dice.choice(kinds)
        return kind if self.POISON[kind] or not self._calm else None

    # -- what subclasses use

    def _every(self) -> float:
        return float(str(self.readings["stranger_every_s"]))

    def number(self) -> int:
        """Return the next number of a series that never repeats."""
        self._serial += 1
        return self._serial

    def note(self, identity: str, status: int, code: str) -> None:
        """Remember that a record was answered with an error."""
        self.refused.append(Refusal(self._now(), identity, status, code))

    def alive(self) -> list[Record]:
        """Return the living records, oldest first."""
        return [record for record in self.records.values() if record.alive]

    def pick(self, dice: Dice) -> Record | None:
        """Choose a living record; the newest are the likeliest, for those are what a test is about."""
        living = self.alive()
        if not living:
            return None
        return dice.choice(living[-20:] if dice.random() < 0.7 else living)

    def follow(self, record_id: str) -> Record | None:
        """Return the record that an id leads to now, through all merges, or None."""
        record = self.records.get(record_id)
        while record is not None and record.merged_into is not None:
            record = self.records.get(record.merged_into)
        return record if record is not None and record.deleted is None else None

    def lock(self, record: Record, seconds: float) -> None:
        """Lock a record for a while."""
        self._locks[record.id] = self._now() + timedelta(seconds=seconds)

    def locked(self, record: Record | None) -> bool:
        """Tell if a record is locked now."""
        return (
            record is not None and self._locks.get(record.id, datetime.min.replace(tzinfo=UTC)) > self._now()
        )

    def go_down(self, dice: Dice) -> None:
        """Begin an outage of some minutes, one time in six."""
        if dice.randrange(6):
            return
        self._down = (
            self._now() + timedelta(seconds=dice.choice((5, 40, 200, 900))),
            dice.choice((502, 503, 504)),
        )

    def answer(self, call: Call) -> Answer:
        """Answer one call that arrived; the subclass does it."""
        raise NotImplementedError

    def fault(self, name: str, _: Call) -> Answer:
        """Build the answer of a named fault; the subclass does it."""
        raise NotImplementedError

    # -- the door

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one WSGI request."""
        call = Call.read(environ)
        self._catch_up(self._now())
        fault = self._fault()
        if fault == "late 504":
            self._late.append((self._now() + timedelta(seconds=float(str(self.readings["late_s"]))), call))
            return self._send(self._patient(gateway(504)), start_response)
        if fault and not fault.startswith("after"):
            if fault.startswith("cut"):
                return _CutBefore()
            return self._send(self._patient(self.fault(fault, call)), start_response)
        try:
            answer = self.answer(call)
        except RefuseError as no:
            answer = self._refused_call(no)
        if fault == "after silence" and answer.status < 400:
            return _CutBefore()
        if fault in {"after cut", "after short"} and answer.status < 400:
            return _send_part(answer, start_response, raising=fault == "after cut")
        if fault and answer.status < 400:
            answer = self._patient(self.fault(fault, call))
        return self._send(answer, start_response)

    def _send(self, answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
        body, kind = answer.encoded()
        status, headers = _head(answer, len(body), kind, self._now())
        if self.readings["header_names"] == "lower case":
            headers = [(name.lower(), value) for name, value in headers]
        start_response(status, headers)
        return [body] if answer.status != 204 else []

    def _patient(self, answer: Answer) -> Answer:
        """Let a gateway say when to come back, in its own way."""
        how = str(self.readings["gateway_retry_after"])
        later = self._now() + timedelta(seconds=20)
        says = {"seconds": "20", "date": later.astimezone(UTC).strftime(HTTP_DATE), "nonsense": "soon"}
        if answer.status in {502, 503, 504} and how in says:
            answer.headers["Retry-After"] = says[how]
        return answer

    def _refused_call(self, no: RefuseError) -> Answer:
        return Answer(no.status, no.message)

    def _catch_up(self, until: datetime) -> None:
        """Do the calls that were answered with a 504 before they were done."""
        due, self._late = [x for x in self._late if x[0] <= until], [x for x in self._late if x[0] > until]
        for _, call in due:
            with suppress(RefuseError):
                self.answer(call)

    def _fault(self) -> str | None:
        """Draw the fault of this call. An outage is a fault that lasts."""
        if self._calm:
            return None
        if self._down:
            until, status = self._down
            if self._now() < until:
                return str(status)
            self._down = None
        faults = self.readings.some("faults")
        if faults and self.dice.once_in_1000(self.readings["faults_in_1000"]):
            return self.dice.choice(faults)
        return None


def gateway(status: int) -> Answer:
    """Build the page of a gateway that fails."""
    return Answer(status, GATEWAY_PAGE.format(n=f"{status} {REASONS.get(status, 'Error')}"))


def _head(answer: Answer, length: int, kind: str, at: datetime | None) -> tuple[str, list[tuple[str, str]]]:
    headers = {"Content-Type": kind, "Content-Length": str(length), **answer.headers}
    if at is not None:
        headers["Date"] = at.astimezone(UTC).strftime(HTTP_DATE)
    return f"{answer.status} {REASONS.get(answer.status, 'Unknown')}", list(headers.items())


class _CutBefore:
    """A body that ends before it begins, without even a status."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise ConnectionResetError("The opponent cuts the connection before the answer")


def _send_part(answer: Answer, start_response: StartResponse, *, raising: bool) -> Iterator[bytes]:
    body, kind = answer.encoded()
    start_response(*_head(answer, len(body) + (not body), kind, None))
    yield body[: len(body) // 2]
    if raising:
        raise ConnectionResetError("The opponent cuts the connection within the answer")


def stamp(at: datetime) -> str:
    """Write a moment as the vendors do: ISO 8601 in UTC with milliseconds and a Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


# -- in process


class Reply(NamedTuple):
    """The answer to `ask`; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.raw)


def ask(
    crm: Crm, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send one request to a CRM in process; a body of text is sent as it is, any other as JSON.

    Raises ConnectionResetError where the CRM cuts the connection.
    """
    path, _, query = target.partition("?")
    raw = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    path = unquote(path).encode().decode("latin-1")
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    environ |= {
        "CONTENT_LENGTH": str(len(raw)),
        "CONTENT_TYPE": "application/json",
        "wsgi.input": BytesIO(raw),
    }
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in (headers or {}).items()}
    head: list[Any] = []

    def start(status: str, fields: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], object]:
        head[:] = [int(status.split(maxsplit=1)[0]), {name.lower(): value for name, value in fields}]
        return head.append

    raw = b"".join(crm(environ, start))
    if len(raw) < int(head[1].get("content-length", 0)) and head[0] != 204:
        raise ConnectionResetError("The body is shorter than its Content-Length")
    return Reply(head[0], head[1], raw)


# -- over real HTTP


class _Handler(WSGIRequestHandler):
    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if len(self.raw_requestline) > 65536 or not self.parse_request():
            return
        # As the standard library's own handle(), with a handler that cuts
        rfile, wfile, server = cast("Any", self.rfile), cast("Any", self.wfile), cast("Any", self.server)
        handler = _Cutting(rfile, wfile, self.get_stderr(), self.get_environ(), multithread=False)
        handler.request_handler = self  # type: ignore[attr-defined]
        handler.run(server.get_app())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the standard library's word
        """Print nothing for a request."""


class _Cutting(ServerHandler):
    def handle_error(self) -> None:
        """Close the connection as it is: the opponent meant it."""
        self.close()


class _Server(WSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client that goes away is no news."""


def listen(crm: Crm, port: int) -> WSGIServer:
    """Return a server of a CRM on loopback that is ready for `serve_forever`; port 0 takes any free one."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        crm.live()
        return crm(environ, start_response)

    server = _Server(("127.0.0.1", port), _Handler)
    server.set_app(app)
    return server


def main(make: Callable[[int, Callable[[], datetime], int], Crm], port: int) -> None:
    """Serve one of the three from the command line, on the real clock."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    crm = make(given.seed, lambda: datetime.now(UTC), given.port)
    print(crm.readings, flush=True)  # noqa: T201  # a program's output
    with listen(crm, given.port) as server:
        server.serve_forever()
