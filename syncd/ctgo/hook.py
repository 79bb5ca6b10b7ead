"""One request to an address that the operator named: a webhook, or a dead man's switch.

The same transport, deadline and TLS as for CTGO, and as little trust: no redirects, for the address is a secret; nothing of
the answer is kept but its status. A connection is closed when its one request is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from syncd import __version__
from syncd.clock import Clock
from syncd.ctgo.errors import unreachable
from syncd.ctgo.exchange import is_success
from syncd.ctgo.rate_headers import retry_after
from syncd.ctgo.transport import DEADLINE, Deadline, DirectTransport

TOTAL_SECONDS = 10.0
ENOUGH = 64 * 1024
"""Bytes of an answer that are read, and thrown away, at the most."""


@dataclass(frozen=True, slots=True)
class Answered:
    """`status` is 0 without an answer; `why`: a sentence when it did not work; `after`: seconds it asked us to wait."""

    status: int
    why: str = ""
    after: float | None = None


class Hook:
    """Sends requests to one address. Tells whoever waits only what happened: the address is never in a sentence."""

    def __init__(self, url: SecretStr, clock: Clock, *, transport: httpx.BaseTransport | None = None) -> None:
        """`transport`: instead of the network. Raises ValueError for an address that is none."""
        try:
            self._url = httpx.URL(url.get_secret_value())
        except httpx.InvalidURL:
            raise ValueError("the address of a webhook cannot be used") from None
        self._clock, self._transport = clock, transport

    @property
    def host(self) -> str:
        """Where it is; the rest of the address is a secret."""
        return self._url.host

    def goes_to(self, url: SecretStr) -> bool:
        """Whether this is its address."""
        return str(self._url) == str(httpx.URL(url.get_secret_value()))

    def send(self, method: str, headers: Mapping[str, str] | None = None, content: bytes = b"") -> Answered:
        """One request. Raises nothing that a network or a server can cause."""
        request = httpx.Request(
            method,
            self._url,
            headers={**(headers or {}), "User-Agent": f"ctgo-syncd/{__version__}", "Connection": "close"},
            content=content,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), TOTAL_SECONDS)},
        )
        token = DEADLINE.set(Deadline(self._clock, self._clock.monotonic() + TOTAL_SECONDS))
        transport = self._transport or DirectTransport(self._url)
        try:
            return self._answered(transport.handle_request(request))
        except (httpx.RequestError, OSError, ValueError) as error:  # ValueError: a proxy that cannot be used
            return Answered(0, unreachable(error, self._url.host, TOTAL_SECONDS).detail)
        finally:
            DEADLINE.reset(token)
            if transport is not self._transport:
                transport.close()

    def _answered(self, response: httpx.Response) -> Answered:
        try:
            read = 0
            for chunk in response.iter_raw():
                read += len(chunk)
                if read > ENOUGH:
                    break
        finally:
            response.close()
        if is_success(response.status_code):
            return Answered(response.status_code)
        wait = retry_after(response.headers, self._clock.now())
        return Answered(response.status_code, f"{self._url.host} answered {response.status_code}.", wait)
