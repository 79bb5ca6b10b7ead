"""Where production's threads and its four HTTP libraries are led into the simulation; all else of them is what it is.

CTGO's client, Apollo's and a webhook's are `syncd.http.client` over a transport of ours, HubSpot's library gets a pool in place of urllib3's, and
Salesforce's an adapter below the connector's own. Threads are the scheduler's where lanes, chores and exports make some.
"""

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import exceptions

import connectors.csv.file
import connectors.hubspot.http
import connectors.salesforce.http
import syncd.cli.run.once
import syncd.daemon.calendar
import syncd.engine.export
import syncd.http.client
import syncd.workers
from tests.proof.simulation.books import SimulatedLedger
from tests.proof.simulation.network import Network, Trouble
from tests.proof.simulation.process import SimulatedLog
from tests.proof.simulation.scheduler import Pool, Scheduler, Task


class _Broken(httpx.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class Transport(httpx.BaseTransport):
    """httpx's way into the network."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            reply = self._network.request(
                request.method, str(request.url), dict(request.headers), request.read()
            )
        except Trouble as trouble:
            raise {
                "refused": httpx.ConnectError("connection refused"),
                "dropped": httpx.RemoteProtocolError("server disconnected without sending a response"),
                "late": httpx.ReadTimeout("the read operation timed out"),
            }[trouble.kind] from None
        stream = _Broken(reply.data) if reply.cut else httpx.ByteStream(reply.data)
        return httpx.Response(reply.status, headers=reply.headers, stream=stream)


class UrllibPool:
    """urllib3's way into the network, as far as HubSpot's library goes it."""

    pool_classes_by_scheme: ClassVar[dict[str, type]] = {}
    """Nothing reads from a socket."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Any = None, **_: object
    ) -> urllib3.HTTPResponse:
        data = body.encode() if isinstance(body, str) else body or b""
        pool: Any = None
        try:
            reply = self._network.request(method, url, headers, data)
        except Trouble as trouble:
            raise {
                "refused": exceptions.NewConnectionError(pool, "connection refused"),
                "dropped": exceptions.ProtocolError("connection aborted"),
                "late": exceptions.ReadTimeoutError(pool, url, "read timed out"),
            }[trouble.kind] from None
        return _answer(method, reply.status, reply.headers, reply.data, cut=reply.cut)

    def clear(self) -> None:
        """Nothing is open."""


def _answer(
    method: str, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: bool
) -> urllib3.HTTPResponse:
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    length = str(len(data) + (1000 if cut else 0))
    return urllib3.HTTPResponse(
        body=io.BytesIO(data),
        headers=urllib3.HTTPHeaderDict([*kept, ("Content-Length", length)]),
        status=status,
        preload_content=False,
        enforce_content_length=True,
        request_method=method,
    )


class _Adapter(HTTPAdapter):
    """requests' way into the network."""

    network: Network

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else bytes(body)  # type: ignore[arg-type]  # no stream is sent
        headers = {n: v if isinstance(v, str) else v.decode() for n, v in request.headers.items()}
        try:
            reply = self.network.request(str(request.method), str(request.url), headers, data)
        except Trouble as trouble:
            pool: Any = None
            refused = exceptions.MaxRetryError(pool, "/", exceptions.NewConnectionError(pool, "refused"))
            raise {
                "refused": requests.exceptions.ConnectionError(refused),
                "dropped": requests.exceptions.ConnectionError(exceptions.ProtocolError("aborted")),
                "late": requests.exceptions.ReadTimeout("read timed out"),
            }[trouble.kind] from None
        answer = _answer(str(request.method), reply.status, reply.headers, reply.data, cut=reply.cut)
        return self.build_response(request, answer)


@contextmanager
def led_into(
    scheduler: Scheduler, network: Network, ledgers: type[SimulatedLedger], log: SimulatedLog
) -> Iterator[None]:
    """For the length of a `with`, what production starts and sends goes through these two."""
    adapter = type("Adapter", (connectors.salesforce.http._Adapter, _Adapter), {"network": network})
    wire = connectors.hubspot.http.Wire
    threads = SimpleNamespace(
        **{name: getattr(threading, name) for name in ("Event", "RLock", "Lock", "current_thread")},
        Thread=partial(Task, scheduler),
    )

    plain_write = connectors.csv.file.write

    def write(fd: int, data: bytes) -> None:
        """A process may die before, in the middle of, and after a write."""
        scheduler.seam("file write")
        half = len(data) // 2
        plain_write(fd, data[:half])
        scheduler.seam("file half written")
        plain_write(fd, data[half:])
        scheduler.seam("file written")

    changes: list[tuple[ModuleType, str, object]] = [
        (syncd.workers, "threading", threads),
        (syncd.daemon.calendar, "threading", threads),
        (syncd.engine.export, "ThreadPoolExecutor", partial(Pool, scheduler)),
        (syncd.http.client, "NetworkTransport", lambda *_: Transport(network)),
        (connectors.hubspot.http, "Wire", lambda _pool, *rest: wire(UrllibPool(network), *rest)),
        (connectors.salesforce.http, "_Adapter", adapter),
        (connectors.csv.file, "write", write),
        (syncd.cli.run.once, "Ledger", ledgers),
        (syncd.cli.run.once, "logger", lambda: log),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, ours in changes:
        setattr(module, name, ours)
    try:
        yield
    finally:
        for module, name, theirs in before:
            setattr(module, name, theirs)
