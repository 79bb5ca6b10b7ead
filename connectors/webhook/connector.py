"""Leads as signed POSTs to any address that takes webhooks: Zapier, Make, n8n, Clay, Slack, a program of one's own.

One lead is one request. A receiver cannot be asked what it has, so nothing can be looked up before a lead is sent
again; instead each lead has an id that stays the same on every re-send (`message`), by which a receiver
takes it once. One that does not look at it may get a lead twice after an answer that was lost.

So a receiver is best effort unless the configuration says otherwise: a 2xx means that a request was taken, and not
that anything came of it. And it has a flood gate, though its objects are leads: a message that was posted or a task
that was paid for cannot be taken back.
"""

import urllib.request
from collections.abc import Sequence
from urllib.parse import urlsplit

from connectors.webhook import message
from connectors.webhook.options import CODES, FAILURES, WebhookOptions
from syncd.connector import (
    Called,
    Clock,
    Connector,
    Context,
    Delivered,
    Delivery,
    Finding,
    Halt,
    Outcome,
    Pause,
    Reject,
    untold,
)
from syncd.http import addresses
from syncd.http.kit import LateClient

CONNECT_SECONDS = 5.0
"""For one address. A host may have several, and the next may answer."""
READ_SECONDS = 30.0
"""The most that Standard Webhooks recommends, for the whole exchange too."""
LARGEST_BODY = 64 * 1024
"""Bytes. Nothing in an answer's body is of use."""


def client(options: WebhookOptions, clock: Clock, called: Called = untold) -> LateClient:
    """Make the client of one receiver."""
    theirs = {name.lower(): value.get_secret_value() for name, value in options.headers.items()}
    headers = {"user-agent": "ctgo-syncd", **theirs, "content-type": "application/json"}
    return LateClient(
        FAILURES, options.url.get_secret_value(), clock, headers=headers, most=LARGEST_BODY,
        reach="private" if options.allow_private else "public", connect=CONNECT_SECONDS, read=READ_SECONDS,
        called=called,
    )  # fmt: skip


class WebhookConnector(Connector):
    """See the module. `resend_safe`: as far as the receiver makes it so, for the id is the same."""

    Options = WebhookOptions
    codes = CODES
    resend_safe = True
    ack = "best_effort"
    gate = 200

    def __init__(self, options: WebhookOptions, context: Context) -> None:
        """Open nothing yet."""
        super().__init__(options, context)
        self._url = options.url.get_secret_value()
        self._host = urlsplit(self._url).hostname or ""
        self._keys = message.secrets(options.signing_secret.get_secret_value())
        self._client = client(options, context.clock, context.called)

    def check(self) -> Sequence[Finding]:
        """Check that the address can be reached and its certificate is accepted. Send nothing: it would be a lead."""
        answer = self._client.client.probe()
        if answer.trouble:
            why = FAILURES.failure(answer, self.context.clock.now())
            return [Finding("error", why.code, f"{self._host}: {why.detail}")]
        detail = f"{self._host} can be reached; whether it takes leads, only a lead can show"
        found = [Finding("ok", "webhook_ready", detail)]
        if _proxied(self._url, self._host):
            detail = "the environment names a proxy, and webhooks do not use it"
            found.append(Finding("warning", "webhook_proxy_unused", detail))
        return found

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each; its remote id is its `webhook-id`. Raises Pause or Halt as `codes` lists."""
        return [self._send(delivery) for delivery in batch]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, delivery: Delivery) -> Outcome:
        try:
            body = message.body(delivery.fields)
        except ValueError:
            return Reject("webhook_refused", "a field holds a number that JSON does not have")
        if not delivery.fields:
            return Reject("webhook_nothing_to_send", "all of its fields are left out")
        clock = self.context.clock
        id_ = message.message_id(self.context.name, delivery.lead.key)
        signed = message.headers(id_, clock.now(), body, self._keys)
        answer = self._client.send("POST", content=body, headers=signed)
        if answer.ok:
            return Delivered(id_)
        why = FAILURES.failure(answer, clock.now())
        if isinstance(why, Pause | Halt):
            raise why
        return why


def _proxied(url: str, host: str) -> bool:
    """True if the environment names a proxy for this address."""
    if addresses.names_this_machine(host) or urllib.request.proxy_bypass(host):
        return False
    return bool({urlsplit(url).scheme, "all"} & urllib.request.getproxies().keys())
