"""Leads as signed POSTs to any address that takes webhooks: Zapier, Make, n8n, Clay, Slack, a program of one's own.

One lead is one request. A receiver cannot be asked what it has, so nothing can be looked up before a lead is sent
again; instead each lead has an id that stays the same on every re-send (`message`), by which a receiver
takes it once. One that does not look at it may get a lead twice after an answer that was lost.

So a receiver is best effort unless the configuration says otherwise: a 2xx means that a request was taken, and not
that anything came of it. And it has a flood gate, though its objects are leads: a message that was posted or a task
that was paid for cannot be taken back.
"""

import re
import urllib.request
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field as Option
from pydantic import SecretStr, field_validator, model_validator

from connectors.webhook import errors, message
from syncd.connector import (
    Connector,
    ConnectorOptions,
    Context,
    Delivered,
    Delivery,
    Finding,
    Halt,
    Outcome,
    Pause,
    Reject,
)
from syncd.http import addresses

if TYPE_CHECKING:  # it imports httpx
    from syncd.http.client import Client

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = re.compile(r"host|content-.*|transfer-encoding|connection|expect|te|trailer|upgrade|webhook-.*")


class WebhookOptions(ConnectorOptions):
    """The table `[connectors.NAME]` of a webhook.

    Attributes:
        url: where to; a secret, for most such addresses admit whoever knows them. Plain http for this machine only.
        headers: what else each request carries, as `Authorization`; secrets.
        signing_secret: one or more `whsec_…` parted by blanks; empty: requests are not signed.
        allow_private: whether a name may lead to private addresses, or to this machine.
    """

    url: SecretStr
    headers: dict[str, SecretStr] = Option({})
    signing_secret: SecretStr = SecretStr("")
    allow_private: bool = False

    @field_validator("url")
    @classmethod
    def _safe(cls, url: SecretStr) -> SecretStr:
        _check_url(url.get_secret_value())
        return url

    @field_validator("headers")
    @classmethod
    def _fit(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name):
                raise ValueError("holds a name that no header can have")
            if _OURS.fullmatch(name.lower()):
                raise ValueError(f"{name.lower()} is set by syncd itself")
            if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value.get_secret_value()):
                raise ValueError(
                    f"{name.lower()} is empty, or holds characters that no header has: copy it again"
                )
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("names one header twice, in capitals and small letters")
        return headers

    @field_validator("signing_secret")
    @classmethod
    def _usable(cls, secret: SecretStr) -> SecretStr:
        message.secrets(secret.get_secret_value())
        return secret

    @model_validator(mode="after")
    def _public(self) -> "WebhookOptions":
        host = urlsplit(self.url.get_secret_value()).hostname or ""
        reach: addresses.Reach = "private" if self.allow_private else "public"
        if addresses.literal(host) and not addresses.allowed(host, [host], reach):
            raise ValueError(
                "url must be a public address, or one of your own network with allow_private = true"
            )
        return self


def _check_url(url: str) -> None:
    """Raises ValueError with what is accepted."""
    wanted = "must be an address such as https://hooks.example.com/path"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[^\x21-\x7e]|[#\\]", url):
        raise ValueError(wanted)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password: send them in headers, as Authorization")
    if not addresses.usable(url):
        raise ValueError("names a host that is neither a name nor an address: write it anew")
    if parts.scheme == "http" and not addresses.names_this_machine(parts.hostname):
        raise ValueError("must begin with https:// (plain http is for this machine's own addresses only)")


class WebhookConnector(Connector):
    """See the module. `resend_safe`: as far as the receiver makes it so, for the id is the same."""

    Options = WebhookOptions
    codes = errors.CODES
    resend_safe = True
    ack = "best_effort"
    gate = 200

    def __init__(self, options: WebhookOptions, context: Context) -> None:
        """Open nothing yet."""
        super().__init__(options, context)
        self._options, self._context = options, context
        self._url = options.url
        self._keys = message.secrets(options.signing_secret.get_secret_value())
        self._client: Client | None = None

    def check(self) -> Sequence[Finding]:
        """Check that the address can be reached and its certificate is accepted. Send nothing: it would be a lead."""
        if trouble := self._opened().probe().trouble:
            why = errors.network(trouble)
            return [Finding("error", why.code, f"{self._host}: {why.detail}")]
        detail = f"{self._host} can be reached; whether it takes leads, only a lead can show"
        found = [Finding("ok", "webhook_ready", detail)]
        if _proxied(self._url.get_secret_value(), self._host):
            detail = "the environment names a proxy, and webhooks do not use it"
            found.append(Finding("warning", "webhook_proxy_unused", detail))
        return found

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each; its remote id is its `webhook-id`. Raises Pause or Halt as `codes` tell."""
        return [self._send(delivery) for delivery in batch]

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send(self, delivery: Delivery) -> Outcome:
        try:
            body = message.body(delivery.fields)
        except ValueError:
            return Reject("webhook_refused", "a field holds a number that JSON does not have")
        if not delivery.fields:
            return Reject("webhook_nothing_to_send", "all of its fields are left out")
        clock = self._context.clock
        id_ = message.message_id(self._context.name, delivery.lead.key)
        signed = message.headers(id_, clock.now(), body, self._keys)
        answer = self._opened().send("POST", content=body, headers=signed)
        why = errors.failure(answer, clock.now())
        if isinstance(why, Pause | Halt):
            raise why
        return why or Delivered(id_)

    @property
    def _host(self) -> str:
        return urlsplit(self._url.get_secret_value()).hostname or ""

    @property
    def _headers(self) -> dict[str, str]:
        theirs = {name.lower(): value.get_secret_value() for name, value in self._options.headers.items()}
        return {"user-agent": "ctgo-syncd", **theirs, "content-type": "application/json"}

    def _opened(self) -> "Client":
        if self._client is None:
            # httpx costs 40 ms and 15 MB: only for those who have a webhook at work.
            from connectors.webhook.http import client  # noqa: PLC0415

            url, private = self._url.get_secret_value(), self._options.allow_private
            self._client = client(url, self._headers, self._context.clock, private=private)
        return self._client


def _proxied(url: str, host: str) -> bool:
    """True if the environment names a proxy for this address."""
    if addresses.names_this_machine(host) or urllib.request.proxy_bypass(host):
        return False
    return bool({urlsplit(url).scheme, "all"} & urllib.request.getproxies().keys())
