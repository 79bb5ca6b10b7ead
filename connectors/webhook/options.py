"""The options of a webhook, and the failures that a receiver's answers mean.

Of an answer only the status and `Retry-After` are believed. Its body is never shown: it may repeat what was sent.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import Field as Option
from pydantic import SecretStr, field_validator, model_validator

from connectors.webhook import message
from syncd.connector import ConnectorOptions, Halt, Pause
from syncd.http import addresses
from syncd.http.kit import FailureTable

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


FAILURES = FailureTable(
    "webhook",
    "the receiver",
    {
        "untrusted": (Pause, "untrusted"),
        "401": (Halt, "refused_access"),
        "404": (Halt, "gone"),
        "410": (Halt, "gone"),
    },
    names_host=False,
)

CODES: Mapping[str, str] = MappingProxyType(
    {
        **FAILURES.codes,
        "webhook_refused_access": "The receiver wants other credentials: check url, headers and signing_secret against what it shows. Then: syncd resume NAME",
        "webhook_forbidden": "The receiver, or a firewall before it, refuses. If it refuses every lead, check url, headers and signing_secret against what it shows; if one, what that lead holds. syncd keeps trying.",
        "webhook_gone": "Nothing takes leads at that address: check url, and that the workflow behind it is switched on. Then: syncd resume NAME",
        "webhook_redirected": "syncd follows no redirects, for they could lead anywhere: set url to the final address. Then: syncd resume NAME",
        "webhook_refused": "The receiver refuses this lead: compare what it expects with syncd map NAME --lead ID, mend the fields, then: syncd rejected retry",
        "webhook_rate_limited": "Nothing to do: syncd waits as long as the receiver asks. If it happens often, take fewer leads with a `where`.",
        "webhook_unavailable": "Nothing to do: the receiver did not answer, or with a server error. syncd keeps trying, under the same webhook-id.",
        "webhook_unexpected_answer": "What answers there is no receiver of webhooks: check url, and what stands between. syncd keeps trying.",
        "webhook_unreachable": "Check the network, DNS and url. syncd keeps trying.",
        "webhook_untrusted": "The receiver's certificate is not accepted: it must be renewed or mended there, or its issuer named in SSL_CERT_FILE. syncd keeps trying.",
        "webhook_private_address": "The address is not a public one: check url and DNS. If it is meant, set allow_private = true. Then: syncd resume NAME",
        "webhook_nothing_to_send": "Nothing is known of this lead that the fields name: add one that is always there, as {{ id }}, then: syncd rejected retry",
        "webhook_proxy_unused": "Let the machine reach the receiver directly: behind a proxy syncd could not check which address is reached.",
        "webhook_ready": "Nothing to do.",
    }
)
