"""One small HTTP client, for CTGO, for alerts, and for every connector that speaks HTTP itself.

It raises nothing that a network or a server can cause: the outcome of a request is an `Answer`, which shows whether the
request may have been carried out. Each request is tried once; the engine decides about another try. A connector uses it
through `syncd.http.kit`, which imports it late.

The bounds of every request:

* one deadline for the whole exchange, from the look-up of the name to the last byte of the answer;
* a cap on the body, before and after it is inflated; a refusal's is 64 KiB, for what matters in it is short;
* no redirect is followed, for it would carry the key along; no cookie is kept; nothing is logged;
* where a name may lead: `reach` judges the address that is about to be connected to;
* TLS 1.2 or later, with `SSL_CERT_FILE` and `SSL_CERT_DIR` honoured; the proxy that the environment names, but never for this
  machine's own addresses, and none where `reach` is limited.

This module imports httpx, and its package is the only home of it. `syncd.http.answer`, `kit` and `addresses` import
no HTTP library, and may be imported at the top of a module.
"""

import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from json import dumps
from types import MappingProxyType
from urllib.parse import urlencode

import httpcore
import httpx

from syncd import __version__
from syncd.clock import Clock
from syncd.http.addresses import Reach
from syncd.http.answer import Answer, Trouble, Unread, is_success
from syncd.http.network import Backend, Deadline, NetworkTransport, PrivateAddressError, deadline, tls_context

Transport = httpx.BaseTransport
"""Stands in for the network, in tests and simulations."""

LARGEST = 16 * 1024 * 1024
"""Bytes of a body, unless a client has a limit of its own."""
LARGEST_REFUSAL = 64 * 1024
"""Bytes of a body whose status is no 2xx."""

GZIP = 16 + zlib.MAX_WBITS
"""The name that `zlib` has for the gzip format, headers checked."""
_NONE: Mapping[str, str] = MappingProxyType({})


class Client:
    """Requests to one base address. Safe to use from several threads at once; connections stay open between requests."""

    def __init__(
        self,
        base_url: str,
        clock: Clock,
        *,
        headers: Mapping[str, str] = _NONE,
        seconds: float = 30.0,
        connect: float = 10.0,
        read: float = 30.0,
        most: int = LARGEST,
        gzip: bool = False,
        connections: int = 1,
        reach: Reach = "anywhere",
        transport: Transport | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            base_url: `http://` or `https://`; what `send` is given as `path` is appended to it.
            clock: deadlines are measured on its monotonic time.
            headers: of every request, such as a key. `User-Agent` is `ctgo-syncd/VERSION` unless it is among them.
            seconds: for a whole exchange.
            connect: seconds to connect to one address; a name may have several.
            read: seconds between two pieces of an answer.
            most: bytes of a body, before and after it is inflated.
            gzip: ask for compressed answers. Without it, a compressed answer is `unread`.
            connections: open at once; more threads than that wait for their turn.
            reach: where the name may lead; see `syncd.http.addresses`.
            transport: replaces the network; closed with the client.

        Raises:
            ValueError: the address, or the proxy that the environment names, cannot be used. The message repeats neither.
        """
        try:
            self._url = httpx.URL(base_url)
        except httpx.InvalidURL:
            raise ValueError("the address cannot be used") from None
        self.host = self._url.host if self._url.port is None else f"{self._url.host}:{self._url.port}"
        """The host and its port, as sentences name it: the rest of an address may be a secret."""
        self._base = base_url.rstrip("/")
        self._named = {
            "user-agent": f"ctgo-syncd/{__version__}",
            "accept-encoding": "gzip" if gzip else "identity",
            **{name.lower(): value for name, value in headers.items()},
        }
        self._headers = httpx.Headers(self._named)
        self._clock, self._seconds, self._most, self._reach = clock, seconds, most, reach
        self._encodings = {"", "identity", "gzip", "x-gzip"} if gzip else {"", "identity"}
        connect, read = min(connect, seconds), min(read, seconds)
        self._timeouts = {"connect": connect, "read": read, "write": read, "pool": seconds}
        self._transport = transport or NetworkTransport(self._url, connections, reach)

    def send(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] = _NONE,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] = _NONE,
        fits: Callable[[Answer], bool] | None = None,
    ) -> Answer:
        """Send one request; return its outcome.

        Args:
            method: of HTTP.
            path: appended to the base address; empty: the base address itself, to the letter.
            query: appended to the path.
            json: sent as the body, with its content type.
            content: sent as the body instead.
            headers: of this request; they replace the client's of the same name.
            fits: looks at a whole answer while its connection is held. False: the connection is cut, because what is left in
                it could pass for the next answer.
        """
        if json is not None:
            content, headers = dumps(json).encode(), {"content-type": "application/json", **headers}
        url = self._base + path + (f"?{urlencode(query)}" if query else "") if path else self._url
        named = {**self._named, **{n.lower(): v for n, v in headers.items()}} if headers else self._headers
        request = httpx.Request(
            method, url, headers=named, content=content, extensions={"timeout": self._timeouts}
        )
        response: httpx.Response | None = None
        with deadline(self._clock, self._seconds) as limit:
            try:
                response = self._transport.handle_request(request)
                return self._read(response, limit, fits)
            except _CAUGHT as error:
                return self._failed(error, response)
            finally:
                if response is not None:
                    response.close()

    def probe(self) -> Answer:
        """Resolve the host, connect and agree on TLS, and send nothing; an `Answer` without a status. No proxy is asked."""
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        with deadline(self._clock, self._seconds):
            try:
                stream = Backend(self._reach).connect_tcp(self._url.host, port, self._timeouts["connect"])
                try:
                    if self._url.scheme == "https":
                        stream = stream.start_tls(tls_context(), self._url.host, self._timeouts["connect"])
                finally:
                    stream.close()
            except _CAUGHT as error:
                return self._failed(error, None)
        return Answer(at=self._clock.monotonic())

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _read(
        self, response: httpx.Response, limit: Deadline, fits: Callable[[Answer], bool] | None
    ) -> Answer:
        most = self._most if is_success(response.status_code) else min(self._most, LARGEST_REFUSAL)
        body, unread = _body(response, limit, most, self._encodings)
        answer = Answer(
            response.status_code, _by_name(response), body, unread=unread, at=self._clock.monotonic()
        )
        if unread or (fits is not None and not fits(answer)):
            connection = response.extensions.get("network_stream")
            if connection is not None:
                connection.close()
        return answer

    def _failed(self, error: Exception, response: httpx.Response | None) -> Answer:
        errors = list(_chain(error))
        return Answer(
            0 if response is None else response.status_code,
            _NONE if response is None else _by_name(response),
            trouble=_trouble(error, errors),
            why=_sentence(errors, self.host, self._seconds),
            at=self._clock.monotonic(),
        )


def _by_name(response: httpx.Response) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for raw, value in response.headers.raw:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _body(response: httpx.Response, limit: Deadline, most: int, encodings: set[str]) -> tuple[bytes, Unread]:
    """Read a body to its end, within bounds; return it decoded, or nothing and the reason.

    Bodies are hostile: an endless one, one that drips, a kilobyte that inflates to gigabytes. So raw bytes are read piece by
    piece and inflated only as far as there is room, and the deadline is looked at after each piece.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    unread: Unread = "" if encoding in encodings else "encoded"
    inflating = zlib.decompressobj(GZIP) if "gzip" in encoding and not unread else None
    # The stream itself, not iter_raw(): a transport may answer with a body that it has read already.
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise TypeError("an asynchronous transport cannot be used here")
    whole, taken = bytearray(), 0
    for piece in stream:
        taken += len(piece)
        if taken <= most and not unread:
            try:
                whole += inflating.decompress(piece, most + 1 - len(whole)) if inflating else piece
            except zlib.error:
                return b"", "garbled"
        if max(taken, len(whole)) > most:
            return b"", unread or "too_large"
        if limit.left() <= 0:
            raise httpx.ReadTimeout("the deadline has passed")
    if inflating and taken and (not inflating.eof or inflating.unused_data):
        unread = "garbled"
    return b"" if unread else bytes(whole), unread


_UNSENT = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
    httpcore.ConnectError, httpcore.ConnectTimeout,
)  # fmt: skip
"""Errors without a connection: the server got nothing of the request. httpcore's are a probe's."""
_CAUGHT = (httpx.RequestError, OSError, PrivateAddressError, *_UNSENT)


def _trouble(error: Exception, errors: list[BaseException]) -> Trouble:
    """Classify a request without a whole answer: may it have been sent?"""
    if isinstance(error, PrivateAddressError):
        return "private"
    if isinstance(error, _UNSENT):
        return "untrusted" if any(isinstance(one, ssl.SSLError) for one in errors) else "unsent"
    return "late" if isinstance(error, httpx.TimeoutException | TimeoutError) else "broken"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes: httpx wraps what httpcore wrapped, and drops the cause on the way."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _sentence(errors: list[BaseException], host: str, seconds: float) -> str:
    """Say in one sentence why no whole answer came; the first line that matches any of the errors wins."""
    sentences: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
        (PrivateAddressError, f"{host} leads to no address that may be connected to."),
        (httpx.ProxyError, f"The proxy did not let a connection to {host} through."),
        ((socket.gaierror, UnicodeError), f"The name of {host} could not be resolved."),
        (ssl.SSLCertVerificationError, f"The TLS certificate of {host} could not be verified."),
        (ssl.SSLError, f"A TLS connection to {host} could not be made."),
        (httpx.PoolTimeout, f"All connections to {host} were busy for too long."),
        ((httpx.ConnectTimeout, httpcore.ConnectTimeout), f"A connection to {host} was not made in time."),
        ((httpx.TimeoutException, TimeoutError), f"{host} did not finish its answer within {seconds:g} s."),
        (ConnectionRefusedError, f"{host} refused the connection."),
        ((httpx.ConnectError, httpcore.ConnectError), f"No connection to {host} could be made."),
        (httpx.RemoteProtocolError, f"{host} broke off its answer, or does not speak HTTP."),
        ((httpx.NetworkError, OSError), f"The connection to {host} broke."),
    )
    return next(
        (sentence for kinds, sentence in sentences if any(isinstance(error, kinds) for error in errors)),
        f"The call to {host} failed.",
    )
