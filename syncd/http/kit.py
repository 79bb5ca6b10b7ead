"""The parts of a connector that speaks HTTP: option types, a client that opens late, and the failure that an answer means.

    FAILURES = FailureTable("acme", "Acme", {"409": (Retry, "conflict")})

    class AcmeOptions(ConnectorOptions):
        token: Token
        base_url: BaseUrl = "https://api.acme.example/v1"

    client = LateClient(FAILURES, options.base_url, context.clock, headers={"x-api-key": …})
    answer = client.send("POST", "/people", json=fields)
    if not answer.ok:
        raise FAILURES.failure(answer, context.clock.now())

This module imports no HTTP library.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from syncd.clock import Clock
from syncd.connector import Called, untold
from syncd.core.failure import Failure, Halt, Pause, Reject
from syncd.http.addresses import is_loopback, literal, usable
from syncd.http.answer import Answer, retry_after

if TYPE_CHECKING:  # it imports httpx
    from syncd.http.client import Client


def base_url(url: str) -> str:
    """Return an address without its last slash. Raises ValueError if no key may be sent there."""
    text, wanted = url.strip().rstrip("/"), "must be an address such as https://api.example.com"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[^\x21-\x7e]|[?#@\\]", text):
        raise ValueError(f"{wanted}, without a user, a ? or a #")
    if not literal(host) and not usable(text):
        raise ValueError(wanted)
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https:// (plain http is for this machine's own addresses only)")
    return text


def host_url(url: str) -> str:
    """Return an address as `base_url` does. Raises ValueError also if it has a path."""
    text = base_url(url)
    if urlsplit(text).path:
        raise ValueError("must be an address such as https://api.example.com, and nothing after the host")
    return text


def token(secret: SecretStr) -> SecretStr:
    """Return a token without blanks around it. Raises ValueError if it fits into no header."""
    text = secret.get_secret_value().strip()
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError("is empty, or holds blanks or characters that no key has: copy it again")
    return SecretStr(text)


BaseUrl = Annotated[str, AfterValidator(base_url)]
"""An option that holds an API's address: https, or plain http on this machine."""
HostUrl = Annotated[str, AfterValidator(host_url)]
"""An option that holds an address without a path."""
Token = Annotated[SecretStr, AfterValidator(token)]
"""An option that holds a key or token that travels in a header."""


def clean(text: str) -> str:
    """Return a text without NUL, which databases refuse, and with U+FFFD for half a character, which is no UTF-8."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


Meaning = tuple[type[Failure], str]
"""A kind of failure, and its code without the connector's prefix."""

TABLE: Mapping[str, Meaning] = MappingProxyType(
    {
        "unsent": (Pause, "unreachable"),
        "untrusted": (Pause, "unreachable"),
        "private": (Halt, "private_address"),
        "late": (Pause, "unavailable"),
        "broken": (Pause, "unavailable"),
        "unread": (Pause, "unavailable"),
        "401": (Halt, "key_refused"),
        "403": (Pause, "forbidden"),
        "404": (Halt, "wrong_address"),
        "408": (Pause, "unavailable"),
        "410": (Halt, "wrong_address"),
        "429": (Pause, "rate_limited"),
        "busy": (Pause, "rate_limited"),
        "3xx": (Halt, "redirected"),
        "4xx": (Reject, "refused"),
        "5xx": (Pause, "unavailable"),
        "other": (Pause, "unexpected_answer"),
    }
)
"""Meanings by trouble of the network, status, and hundred of the status. `busy` is a 503 with a `Retry-After`.

`other` is also a 2xx that does not show what it should. A bare 403 is a pause, for a firewall may refuse one lead.
"""
EXPLAINED = frozenset({"unreachable", "untrusted", "rate_limited"})
"""Pauses in which nothing of the call was carried out. After any other, nobody knows what became of it."""
_FIXES = {
    "unreachable": "Check the network, DNS, the proxy and base_url. syncd keeps trying.",
    "private_address": "The address leads to one that is not public: check it, and DNS. Then: syncd resume NAME",
    "unavailable": "Nothing to do: {0} did not answer, or with a server error. syncd keeps trying.",
    "key_refused": "{0} does not accept the key: check it, then: syncd resume NAME",
    "forbidden": "{0}, or a firewall before it, refuses: check the key's rights, and what stands between. syncd keeps trying.",
    "wrong_address": "Nothing answers there as {0} does: check base_url. Then: syncd resume NAME",
    "redirected": "syncd follows no redirects, for they would carry the key along: set base_url to the final address. Then: syncd resume NAME",
    "rate_limited": "Nothing to do: syncd waits as long as {0} asks.",
    "refused": "{0} refuses a value of this lead: look at it with syncd map NAME --lead ID, mend the fields, then: syncd rejected retry",
    "unexpected_answer": "Check that base_url is the API of {0} and that no login page stands between. syncd keeps trying.",
    "proxy_invalid": "Mend https_proxy (or no_proxy) in the environment of the service, and start it again.",
}
_SENTENCES = {
    "unsent": "no connection to {} could be made",
    "untrusted": "no TLS connection to {} could be made",
    "private": "{} leads to an address that is not public",
    "late": "the answer of {} took too long",
    "broken": "the answer of {} broke off",
    "unread": "the answer of {} was too large, or not readable",
}
_NO_CONNECTION = frozenset({"unsent", "untrusted"})


class FailureTable:
    """The failures that the answers of one API mean: `TABLE`, and over it what is different there."""

    def __init__(
        self,
        prefix: str,
        title: str,
        own: Mapping[str, Meaning] = MappingProxyType({}),
        *,
        names_host: bool = True,
    ) -> None:
        """Make the table.

        Args:
            prefix: begins every code.
            title: the API's name in sentences.
            own: what differs from `TABLE`, and meanings of the API's own error codes.
            names_host: a detail may name the host; false where an address is a secret.
        """
        self.prefix, self.title, self._names_host = prefix, title, names_host
        self.table = {**TABLE, **own}

    @property
    def codes(self) -> dict[str, str]:
        """The fixes of the common codes, for the connector's `codes`. A code of its own needs its own fix."""
        used = {name for _, name in self.table.values()} | {"proxy_invalid"}
        fixes = {name: fix.format(self.title) for name, fix in _FIXES.items() if name in used}
        return {f"{self.prefix}_{name}": fix[0].upper() + fix[1:] for name, fix in fixes.items()}

    def failure(self, answer: Answer, now: float, *codes: object, who: str = "") -> Failure:
        """Return the failure that an answer means.

        Args:
            answer: one that is no success, or does not show what it should.
            now: seconds since the epoch.
            codes: the API's own error codes; the first that is in the table counts.
            who: the subject of the detail, in place of the API.
        """
        who, after, status = who or self.title, retry_after(answer.headers, now), str(answer.status)
        trouble = answer.trouble or ("unread" if answer.unread and answer.ok else "")
        busy = "busy" if status == "503" and after is not None else ""
        own = [each for each in codes if isinstance(each, str) and each not in TABLE]
        signs = [trouble] if trouble else [*own, busy, status, f"{status[:-2]}xx", "other"]
        kind, name = next(self.table[sign] for sign in signs if sign in self.table)
        code = f"{self.prefix}_{name}"
        subject = who if answer.maybe_sent else self.title
        detail = _SENTENCES[trouble].format(subject) if trouble else f"{who} answered {status}"
        if self._names_host and trouble in _NO_CONNECTION and answer.why:
            detail = answer.why[0].lower() + answer.why[1:].rstrip(".")
        if issubclass(kind, Pause):
            return kind(code, detail, after=after, unexplained=name not in EXPLAINED)
        return kind(code, detail)


class LateClient:
    """A `syncd.http.client.Client` that is made with its first request, for httpx costs 40 ms and 15 MB."""

    def __init__(
        self, failures: FailureTable, base_url: str, clock: Clock, *, called: Called = untold, **options: Any
    ) -> None:
        """`called`: the context's, told of each request; `options`: as `Client` takes them."""
        self._called = called
        self._failures, self._base_url, self._clock, self._options = failures, base_url, clock, options
        self._client: Client | None = None

    @property
    def client(self) -> "Client":
        """The client. Raises Halt if the proxy that the environment names cannot be used."""
        if self._client is None:
            from syncd.http.client import Client  # noqa: PLC0415 - see the class

            try:
                self._client = Client(self._base_url, self._clock, **self._options)
            except ValueError as error:
                raise Halt(f"{self._failures.prefix}_proxy_invalid", str(error)) from None
        return self._client

    def send(self, method: str, path: str = "", **request: Any) -> Answer:
        """Send one request, as `Client.send` does. Raises Halt as `client` does."""
        answer = self.client.send(method, path, **request)
        sent, got = request.get("content", request.get("json")), answer.body or answer.why
        self._called(method, path, answer.status, request=sent, response=got, headers=answer.headers)
        return answer

    def close(self) -> None:
        """Close the connections; they open again when needed."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
