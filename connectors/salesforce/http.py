"""HTTP under simple-salesforce: time-outs, bounded answers, and what a broken connection means.

The library sets no time-outs and reads whatever it is sent; both are the session's to mend (and what is below requests is
bounded by `syncd.http.urllib3`). Imports requests, so it is imported when a connector opens.
"""

import io
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from syncd.connector import Clock, Pause
from syncd.http.addresses import is_loopback
from syncd.http.urllib3 import Bounds, bound, reason, unsent

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two reads."""
DEADLINE = 120.0
"""Seconds for a whole answer, from the first byte out to the last byte in."""
LARGEST = 32 * 1024 * 1024
"""Bytes of an answer, decoded. The `describe` of a very wide Lead has two million."""


class _Adapter(HTTPAdapter):
    """Adds time-outs, and reads the answer itself: no more than `LARGEST`, in no more than `DEADLINE`."""

    def __init__(self, clock: Clock) -> None:
        self._bounds = Bounds(clock, seconds=DEADLINE, most=LARGEST, late=_endless, large=_endless)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As HTTPAdapter."""
        super().init_poolmanager(*args, **kwargs)
        bound(self.poolmanager, self._bounds)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """As HTTPAdapter."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            bound(manager, self._bounds)
        return manager

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """As HTTPAdapter. Raises Pause for an answer without end."""
        self._bounds.start()
        kwargs = {**kwargs, "stream": True, "timeout": kwargs.get("timeout") or TIMEOUT}
        try:
            return self._whole(super().send(request, *args, **kwargs))
        finally:
            self._bounds.end()

    def _whole(self, response: requests.Response) -> requests.Response:
        try:
            response.raw = io.BytesIO(self._bounds.body(response.raw))
        except HTTPError as error:
            response.close()
            raise requests.exceptions.ChunkedEncodingError(type(error).__name__) from None
        except Pause:
            response.close()
            raise
        return response


def _endless() -> Pause:
    return Pause("salesforce_unexpected_answer", "the answer has no end", unexplained=True)


class _Session(requests.Session):
    """Asks the environment for proxies and certificates once a host; requests reads all of it twice a request."""

    def __init__(self) -> None:
        super().__init__()
        self._chosen: dict[str, dict[str, Any]] = {}

    def merge_environment_settings(self, url: str, *given: Any) -> dict[str, Any]:
        """As Session, for `given` that are the same each time: none of our requests brings settings of its own."""
        home = "/".join(url.split("/", 3)[:3])
        if home not in self._chosen:
            chosen = super().merge_environment_settings(home, *given)
            # Never a proxy for this machine's own: it would read the secret
            self._chosen[home] = (
                {**chosen, "proxies": {}} if is_loopback(urlsplit(home).hostname or "") else chosen
            )
        return dict(self._chosen[home])

    def get_redirect_target(self, _: requests.Response) -> None:
        """Nowhere: it would be read, also when it is not followed, and what is no address would fail the call."""


def session(clock: Clock, noted: Callable[[requests.Response], None]) -> requests.Session:
    """A session with the adapter; `noted` is shown every answer."""
    made = _Session()
    made.auth = _as_it_is
    # A session would keep what it is given for as long as syncd runs, and send all of it with each call
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("https://", "http://"):
        made.mount(scheme, _Adapter(clock))
    made.hooks["response"].append(lambda response, **_: noted(response))
    return made


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Without an `auth`, requests would let a line of ~/.netrc replace our token."""
    return request


def broken(error: Exception, url: str) -> Pause:
    """A call to `url` that came to no answer of Salesforce's: `error` is requests' or a parser's.

    Whether the call may have been carried out is what matters: a connection that never stood sent nothing.
    """
    failures = requests.exceptions
    if not isinstance(error, failures.RequestException) or isinstance(error, ValueError):
        return Pause("salesforce_unexpected_answer", "the answer is not what was promised", unexplained=True)
    sent = not unsent(error)
    return Pause(f"salesforce_{'failed' if sent else 'unreachable'}", reason(error, url), unexplained=sent)
