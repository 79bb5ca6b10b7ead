"""The network below HubSpot's library: bounded bodies, bounded time, and its defects worked round.

The library (12.0.0) sets no time-out, reads bodies without end, and follows redirects with the token. It fails with an
AttributeError when TLS does, and with a UnicodeDecodeError when an error's body is not UTF-8. So this stands where
its urllib3 pool stood, and hands it whole, small, clean answers or raises `Pause`. What urllib3 does not bound itself is
bounded by `syncd.http.urllib3`.
"""

from typing import Any
from urllib.parse import urlsplit

from urllib3 import exceptions

from syncd.connector import Called, Clock, Pause, untold
from syncd.http.urllib3 import Bounds, bound, reason, unsent

LARGEST = 16 * 1024 * 1024
"""Bytes of a decoded body. A full answer has about 150 kB."""
LONGEST = 120.0
"""Seconds for a whole answer. Time-outs are for each read, and never fire on a slow drip."""
TIMEOUT = (5.0, 30.0)
"""Seconds to connect and to read: a tuple, for the library ignores a list."""


class Response:
    """A whole answer, with the few members that the library reads."""

    def __init__(self, status: int, reason: str, data: bytes, headers: dict[str, str]) -> None:
        """`headers`: by name in lower case."""
        self.status, self.reason, self.data, self.headers = status, reason, data, headers

    def getheaders(self) -> dict[str, str]:
        """All of them."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """One; the body is UTF-8 whatever was said, for an unknown charset ends in a LookupError."""
        return (
            "application/json; charset=utf-8"
            if name.lower() == "content-type"
            else self.headers.get(name.lower(), default)
        )


class Wire:
    """A urllib3 pool as far as the library uses one."""

    def __init__(self, pool: Any, clock: Clock, called: Called = untold) -> None:
        """`pool`: the library's own `PoolManager`."""
        self._pool, self._called = pool, called
        self._bounds = Bounds(clock, seconds=LONGEST, most=LARGEST, late=_late, large=_large)
        bound(pool, self._bounds)

    def request(self, method: str, url: str, **given: Any) -> Response:
        """One request, never repeated and never redirected. Raises Pause."""
        self._bounds.start()
        # Without `redirect` it would read where one leads, and fail where that is no address
        given |= {"preload_content": False, "retries": False, "redirect": False}
        try:
            answer = self._pool.request(method, url, **given)
            try:
                data = self._bounds.body(answer)
            except BaseException:
                answer.close()
                raise
            answer.release_conn()
        except (exceptions.HTTPError, OSError) as error:
            raise Pause("hubspot_unreachable", reason(error, url), unexplained=not unsent(error)) from None
        finally:
            self._bounds.end()
        text = data.decode("utf-8", "replace").encode()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        path, sent = urlsplit(url).path, given.get("body")
        self._called(method, path, answer.status, request=sent, response=text, headers=headers)
        return Response(answer.status, answer.reason or "", text, headers)

    def clear(self) -> None:
        """Close every connection."""
        self._pool.clear()


def _late() -> Pause:
    return Pause("hubspot_unreachable", "an answer took more than 2 minutes", unexplained=True)


def _large() -> Pause:
    return Pause("hubspot_unreachable", "an answer had more than 16 MiB", unexplained=True)
