"""Leads as contacts in Apollo, which can neither upsert nor be asked to take a contact once.

Apollo knows a contact again by its address only (or by name and company). So three roads lead there:

* a lead **with an address** is created in bulk with `run_dedupe`: what is there already comes back unchanged, and
  sending it again is safe;
* a person **whose contact is known** from an earlier lead is changed by its id;
* a lead **without an address** goes alone. After an answer that was lost it is looked for twice, some minutes apart,
  by the lead key in a custom field, before it is written again.

A contact that syncd did not make is left as it is, or filled where it is empty, never overwritten. What the
connector remembers between two calls makes it quicker; forgetting it makes it only more careful.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field as Option
from pydantic import SecretStr, field_validator, model_validator

from connectors.apollo import codes as apollo_codes
from connectors.apollo import identity
from connectors.apollo import setup as apollo_setup
from connectors.apollo.api import Api
from connectors.apollo.terms import Terms
from connectors.apollo.write import Sender
from syncd.connector import (
    Change,
    Connector,
    ConnectorOptions,
    Context,
    Delivery,
    Field,
    Finding,
    Halt,
    Outcome,
    Route,
)
from syncd.http.addresses import is_loopback


def _field(value: str, policy: Literal["always", "create_only", "if_empty"]) -> Field:
    return Field(value=value, policy=policy)


_DEFAULTS: Mapping[str, str | Field] = MappingProxyType(
    {
        "first_name": _field("{{ first_name }}", "if_empty"),
        "last_name": _field("{{ last_name or ('@' ~ handle if not first_name) }}", "if_empty"),
        "email": _field("{{ email }}", "if_empty"),
        "linkedin_url": _field("{{ linkedin_url }}", "if_empty"),
        "twitter_url": _field("{{ x_url }}", "if_empty"),
        "ctgo_x_user_id": "{{ x_user_id }}",
        "ctgo_handle": "{{ handle }}",
        "ctgo_x_url": "{{ x_url }}",
        "ctgo_email_status": "{{ email_status }}",
        "ctgo_bio": "{{ bio }}",
        "ctgo_follower_count": "{{ follower_count }}",
        "ctgo_first_campaign": _field("{{ stream_name }}", "create_only"),
        "ctgo_latest_campaign": "{{ stream_name }}",
        "ctgo_segment": "{{ segment_name }}",
        "ctgo_source_account": "{{ account_handle }}",
        "ctgo_match": "{{ match_confidence }}",
        "ctgo_source_type": "{{ source_type }}",
        "ctgo_first_seen": _field("{{ discovered_at }}", "create_only"),
        "ctgo_ref": "{{ id }}/{{ stream_id or 0 }}/{{ segment_id or 0 }}",
        "ctgo_synced_at": _field("{{ synced_at }}", "create_only"),
    }
)


class ApolloOptions(ConnectorOptions):
    """The table `[connectors.NAME]` of an Apollo connector.

    Attributes:
        api_key: a master key, or one with the scopes of the calls in use.
        base_url: plain http on this machine's own addresses only.
        labels: lists that contacts are put on, the first also helps to find them.
        without_email: what becomes of a lead that has no address.
        update_existing: whether contacts that syncd did not make are filled where they are empty.
        key_field: the custom field of contacts that carries the lead key.
        owner_id: the Apollo user who owns new contacts; empty: Apollo decides.
        recreate_gone: whether a contact that is no longer there is made again for the person's next lead.
    """

    api_key: SecretStr
    base_url: str = "https://api.apollo.io/api/v1"
    labels: list[str] = Option(["ctgo"])
    without_email: Literal["skip", "create"] = "skip"
    update_existing: Literal["never", "if_empty"] = "never"
    key_field: str = Option("ctgo_x_user_id", min_length=1)
    owner_id: str = Option("", pattern=r"^[A-Za-z0-9]*$")
    recreate_gone: bool = False

    @property
    def also_where(self) -> str:
        """The condition for every lead besides the operator's `where`."""
        return "" if self.without_email == "create" else ApolloConnector.also_where

    @field_validator("api_key")
    @classmethod
    def _fit_for_a_header(cls, key: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x21-\x7e]+", key.get_secret_value()):
            raise ValueError("is empty, or holds blanks or characters that no key has: copy it again")
        return key

    @field_validator("base_url")
    @classmethod
    def _safe(cls, url: str) -> str:
        return _checked(url)

    @field_validator("labels")
    @classmethod
    def _named(cls, labels: list[str]) -> list[str]:
        if not all(label.strip() for label in labels):
            raise ValueError("must not hold a blank name")
        return [label.strip() for label in labels]

    @model_validator(mode="after")
    def _findable(self) -> "ApolloOptions":
        if self.without_email == "create" and not self.labels:
            raise ValueError('without_email = "create" needs a list in labels, to find contacts again')
        return self


def _checked(url: str) -> str:
    """The base URL without its last slash. Raises ValueError if the key must not go there."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("must be an address such as https://api.apollo.io/api/v1") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s?#@]", url):
        raise ValueError("must be an address such as https://api.apollo.io/api/v1")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https:// (plain http is for this machine's own addresses only)")
    return url.rstrip("/")


class ApolloConnector(Connector):
    """See the module.

    `also_where` is asked of every lead besides the operator's `where`, unless `without_email` is "create": a lead
    without an address is unwanted here, not rejected.
    """

    Options = ApolloOptions
    codes = apollo_codes.CODES
    defaults = _DEFAULTS
    objects = "people"
    also_where: ClassVar[str] = "email"
    batch_size = 100

    def __init__(self, options: ApolloOptions, context: Context) -> None:
        """Opens nothing yet."""
        super().__init__(options, context)
        self._options, self._context = options, context
        fields = dict(context.fields) or {
            name: field if isinstance(field, Field) else Field(value=field)
            for name, field in self.defaults.items()
        }
        self._terms = Terms(
            fields=fields,
            optional=frozenset(self.defaults),
            labels=tuple(options.labels),
            key_field=options.key_field,
            owner_id=options.owner_id,
            creates_without_email=options.without_email == "create",
            fills=options.update_existing == "if_empty",
            recreates=options.recreate_gone,
        )
        self._api: Api | None = None
        self._sender: Sender | None = None

    def check(self) -> Sequence[Finding]:
        """Check that the key is accepted and may make the calls in use, and that the custom fields are there."""
        try:
            return apollo_setup.check(self._opened(), self._terms)
        except Halt as why:
            return [Finding("error", why.code, why.detail)]

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """The custom fields and lists that are missing; made if `apply`. Raises Pause or Halt."""
        return apollo_setup.setup(self._opened(), self._terms, apply=apply)

    def route(self, delivery: Delivery) -> Route:
        """Up to 100 with an address share a call; what was tried before, is known, or has no address goes alone."""
        alone = f"alone:{delivery.person}"
        mail = identity.address(delivery.fields.get("email"))
        if delivery.remote_id is not None:
            safe = mail is not None or not (self._terms.recreates and self._terms.creates_without_email)
            return Route(f"known:{delivery.person}", delivery.person, resend_safe=safe)
        if mail is not None:
            return Route("email" if delivery.attempt == 1 else alone, delivery.person, resend_safe=True)
        return Route(alone, delivery.person, resend_safe=not self._terms.creates_without_email)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one batch. Raises Pause, Halt or Refused as `codes` tell."""
        if not batch:
            return []
        if (why := apollo_setup.unsendable(self._terms)) is not None:
            raise why
        if self._sender is None:
            self._sender = Sender(self._opened(), self._terms, self._context)
        return self._sender.send(batch)

    def close(self) -> None:
        """Close the connection."""
        api, self._api, self._sender = self._api, None, None
        if api is not None:
            api.close()

    def _opened(self) -> Api:
        if self._api is None:
            # httpx costs 40 ms and 15 MB: only for those who have an Apollo connector at work.
            from connectors.apollo.http import client  # noqa: PLC0415

            key = self._options.api_key.get_secret_value()
            try:
                http = client(self._options.base_url, key, self._context.clock)
            except ValueError as error:
                raise Halt("apollo_proxy_invalid", str(error)) from None
            self._api = Api(http, self._context.clock)
        return self._api
