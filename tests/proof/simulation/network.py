"""The network between syncd and its remotes, without one: a request is a call of a WSGI app, some time later.

It is a seam before the remote hears of it and after; between the two it takes its time, and meets the weather.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.proof.simulation.scheduler import Scheduler
from tests.proof.simulation.weather import FAULTS, Fault, Weather, body_of, headers_of

App = Callable[..., Iterable[bytes]]
LATE = 61.0
"""Seconds after which every client has given up."""
PATIENCE = 28.0
"""Seconds that every client waits for an answer."""


class Trouble(Exception):  # noqa: N818 - each library has an error of its own for it
    """No answer: `refused` (nothing was sent), `dropped` or `late`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `cut`: the connection breaks off in the middle of its body."""

    status: int
    headers: list[tuple[str, str]]
    data: bytes
    cut: bool = False


class Network:
    """Hosts by name. `met`: how often a request to a remote met which kind of trouble."""

    def __init__(
        self, scheduler: Scheduler, weather: Weather, wall: Callable[[], float], chance: random.Random
    ) -> None:
        self._scheduler, self._weather, self._wall, self._chance = scheduler, weather, wall, chance
        self._apps: dict[str, tuple[str, App]] = {}
        self.met: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.enriched: Counter[str] = Counter()
        """How often each lead was enriched, and charged for, whether or not the answer came back."""
        self.forged: set[tuple[str, str]] = set()
        """Remotes and paths of which a proxy said that all is done, and the remote never heard."""
        self.told: Callable[[str], None] = lambda _: None

    def add(self, host: str, far: str, app: App) -> None:
        self._apps[host] = (far, app)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises Trouble."""
        address = urlsplit(url)
        far, app = self._apps[address.hostname or ""]
        self._scheduler.give("request")
        kind = self._weather.kind(far, self._scheduler.passed)
        fault = FAULTS.get(kind, Fault(applied=True))
        if kind:
            self.met[f"{far} {kind}"] += 1
        self.requests[far] += 1
        if fault.trouble == "refused":
            self._scheduler.wait(None, 0.02)
            raise Trouble("refused")
        takes = self._chance.uniform(0.02, 0.6) if fault.spoilt != "slow" else self._chance.uniform(5, 28)
        self._scheduler.wait(None, takes)
        slept: list[float] = []
        reply = (
            carried_out(app, method, address, headers, body, sleep=slept.append) if fault.applied else None
        )
        if reply is None and 200 <= fault.status < 300:
            self.forged.add((far, address.path))
        digest = blake2b(reply.data if reply else b"", digest_size=8).hexdigest()
        if reply and reply.status == 200 and address.path.endswith("/enrich"):
            self.enriched[f"{far}{address.path}"] += 1
        self.told(
            f"{far} {method} {address.path}?{address.query} {kind} {reply.status if reply else 0} {digest}"
        )
        self._scheduler.seam("carried out")
        late = fault.trouble == "late" or sum(slept) > PATIENCE
        self._scheduler.wait(None, LATE if late else takes + sum(slept))
        if late:
            raise Trouble("late")
        return self._answer(fault, reply, far)

    def _answer(self, fault: Fault, reply: Reply | None, far: str) -> Reply:
        if fault.trouble:
            raise Trouble(fault.trouble)
        if fault.status:
            return Reply(fault.status, headers_of(fault, self._wall()), body_of(fault, far))
        assert reply is not None
        if not reply.status:
            raise Trouble("dropped")
        return spoilt(reply, fault.spoilt)


def carried_out(
    app: App,
    method: str,
    address: Any,
    headers: Mapping[str, str],
    body: bytes,
    *,
    sleep: Callable[[float], object] = float,
) -> Reply:
    """A request as a WSGI app carries it out.

    An app may break the connection off: status 0 is no answer at all. `sleep` hears the seconds that a slow one takes.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(address.path),
        "QUERY_STRING": address.query,
        "SERVER_NAME": address.hostname,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": None,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "ctgo.sleep": sleep,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    started: list[Any] = []
    data, broken = b"", False
    try:
        for part in app(environ, lambda *given: started.append(given)):
            data += part
    except ConnectionResetError:
        broken = True
    if not started:
        return Reply(0, [], b"")
    status, told = started[0][0], started[0][1]
    promised = next((int(value) for name, value in told if name.lower() == "content-length"), len(data))
    return Reply(int(status.split(" ", 1)[0]), list(told), data, cut=broken or len(data) < promised)


def spoilt(reply: Reply, how: str) -> Reply:
    """The remote did as it was told; what comes back is not what it said."""
    if how == "cut":
        return Reply(reply.status, reply.headers, reply.data[: len(reply.data) // 2], cut=True)
    if reply.cut:
        return reply
    if how == "truncated":  # whole, as HTTP has it, and half a JSON text
        return Reply(reply.status, _resized(reply.headers), reply.data[: len(reply.data) // 2])
    if how == "garbled":
        return Reply(reply.status, _resized(reply.headers), b"\xff\xfe" + reply.data[::-1])
    if how == "empty":
        return Reply(reply.status, _resized(reply.headers), b"")
    return reply


def _resized(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() != "content-length"]
