"""The guard before every page: which names are answered, which requests are ours, how many, and the headers of each answer.

Any web page can make a browser send requests to this machine, and every user of it can connect. So a request is judged before
anything of it is read: its name against DNS rebinding, its origin against forged requests.
"""

import hmac
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from syncd.clock import Clock
from syncd.connector import Logger

LARGEST_BODY = 256 << 10
MINUTE = 60.0
_MOST_KEYS = 1000

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types syncd"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000"


@dataclass(frozen=True, slots=True)
class Names:
    """The origins of the console, each by the `Host` header that leads there."""

    origins: Mapping[str, str]

    @classmethod
    def of(cls, port: int, public_url: str) -> "Names":
        """Return those of a port on loopback (0: none, behind a socket) and of the public address."""
        found = (
            {f"{host}:{port}": f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")}
            if port
            else {}
        )
        if public_url:
            found[urlsplit(public_url).netloc] = public_url
        return cls(found)

    def origin(self, host: str) -> str:
        """Return the origin that a `Host` header stands for; empty if it is none of ours."""
        return self.origins.get(host.lower(), "")


def refusal(environ: WSGIEnvironment, names: Names) -> tuple[str, str] | None:
    """Return status and sentence for a request that is not for us or not from us; None for one that may go on."""
    origin = names.origin(environ.get("HTTP_HOST", ""))
    if not origin:
        return (
            "421 Misdirected Request",
            "This name is not the console's: use the address that syncd console link prints.",
        )
    method = environ["REQUEST_METHOD"]
    if method not in {"GET", "HEAD", "POST"}:
        return "405 Method Not Allowed", "Only GET and POST are answered here."
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        return "413 Content Too Large", "The form is too large."
    if method == "POST" and not _is_from_us(environ, origin):
        return (
            "403 Forbidden",
            "Another site sent this form, so nothing was done. Open the console itself, and try again.",
        )
    return None


def _is_from_us(environ: WSGIEnvironment, ours: str) -> bool:
    """Tell if a page of ours sent a form. A browser that says neither is not believed."""
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    if site is None and origin is None:
        return False
    return site in {None, "same-origin"} and origin in {None, ours}


@dataclass(slots=True)
class Guard:
    """A WSGI application around the console's: it refuses what is not for us, and puts the headers on every answer."""

    app: WSGIApplication
    names: Names
    log: Logger
    on_request: Callable[[], None] = lambda: None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        self.on_request()
        secure = self.names.origin(environ.get("HTTP_HOST", "")).startswith("https:")

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            given = {name.lower() for name, _ in headers}
            more = [(name, value) for name, value in HEADERS.items() if name.lower() not in given]
            hsts = [("Strict-Transport-Security", HSTS)] if secure else []
            return start_response(status, [*headers, *more, *hsts], exc_info)

        refused = refusal(environ, self.names)
        if refused is None:
            return self.app(environ, start)
        status, sentence = refused
        self.log.warning("console_refused", status=int(status[:3]), sentence=sentence)
        body = f"{sentence}\n".encode()
        start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [body]


def form_token(secret: bytes) -> str:
    """Make a token for one form of somebody who entered."""
    nonce = secrets.token_urlsafe(12)
    return f"{nonce}.{_signed(secret, nonce)}"


def nonce_of(secret: bytes, token: str) -> str | None:
    """Return the nonce of a token that was made with this secret; None for any other text."""
    nonce, _, signature = token.partition(".")
    ours = hmac.compare_digest(_signed(secret, nonce).encode(), signature.encode(errors="replace"))
    return nonce if nonce and ours else None


def _signed(secret: bytes, nonce: str) -> str:
    return hmac.new(secret, nonce.encode(errors="replace"), sha256).hexdigest()


@dataclass(slots=True)
class Rates:
    """Counts of what happened lately, by key: at most `most` in `seconds`."""

    clock: Clock
    most: int
    seconds: float = MINUTE
    _counts: dict[str, tuple[float, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, key: str) -> float:
        """Return the seconds until one more is allowed; 0 if it is now."""
        with self._lock:
            began, n = self._counts.get(key, (0.0, 0))
            left = began + self.seconds - self.clock.monotonic()
            return max(0.0, left) if n >= self.most else 0.0

    def count(self, key: str) -> float:
        """Count one; return the seconds to wait if there were too many before it."""
        wait = self.wait(key)
        now = self.clock.monotonic()
        with self._lock:
            if len(self._counts) >= _MOST_KEYS:
                self._counts = {it: c for it, c in self._counts.items() if now - c[0] < self.seconds}
            if key not in self._counts and len(self._counts) >= _MOST_KEYS:
                return self.seconds
            began, n = self._counts.get(key, (now, 0))
            self._counts[key] = (now, 1) if now - began >= self.seconds else (began, n + 1)
        return wait
