"""Leads as contacts in HubSpot, one contact a person.

HubSpot knows no idempotency header. But the email and `ctgo_x_user_id` are unique there. Every write goes by one of them or by
the contact's own id (see `identity`), so a lead that is sent twice becomes one contact. One call is `match` and `write`.

A batch costs one request, and one more where the mapping has fields that may not overwrite, or where contacts are met
by id or address: a merge gives them another id, and an address may be another person's.

Source: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from connectors.hubspot import setup as hubspot_setup
from connectors.hubspot import statuses
from connectors.hubspot.api import Api
from connectors.hubspot.identity import Plan, text
from connectors.hubspot.options import CODES, DEFAULTS, HubSpotOptions
from connectors.hubspot.write import Locks, Sending
from syncd.connector import Change, Connector, Context, Delivery, Field, Finding, Outcome, Route, Statuses


class HubSpotConnector(Connector):
    """See the module."""

    Options = HubSpotOptions
    codes = CODES
    defaults = DEFAULTS
    objects = "people"
    resend_safe = True
    batch_size = 100

    def __init__(self, options: HubSpotOptions, context: Context) -> None:
        """Load HubSpot's library; send nothing."""
        super().__init__(options, context)
        table = context.fields or self.defaults
        fields = {name: Field(value=f) if isinstance(f, str) else f for name, f in table.items()}
        self._plan = Plan(MappingProxyType(fields))
        self._adopt = tuple(dict.fromkeys(options.adopt))
        self._watched = context.watched
        self._api = Api(options, context)
        self._locks = Locks()

    def check(self) -> Sequence[Finding]:
        """Check that the token is good and has both scopes, and that every property is there. This writes nothing."""
        self._api.learn_zone()
        return hubspot_setup.check(self._api, self._plan, self._adopt, self._watched)

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """The property group and the ctgo_ properties that the mapping needs. Raises Pause or Halt."""
        return hubspot_setup.setup(self._api, self._plan, apply=apply)

    def route(self, delivery: Delivery) -> Route:
        """By what the contact is found: HubSpot documents one kind for each request. One person, one key."""
        kind = "id" if delivery.remote_id else "email" if self._plan.verified(delivery) else "key"
        return Route(kind, delivery.person, self.resend_safe)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write one batch. Raises Pause, Halt or Refused as `codes` lists, if nothing of it was written."""
        sending = Sending(self._api, self._plan, self._adopt, self.context.log, self._locks)
        return sending.run(batch) if batch else []

    def statuses_since(self, cursor: str) -> Statuses:
        """Read the watched property of contacts that changed. One request. Raises Pause or Halt."""
        if self._watched is None:
            return Statuses((), cursor)
        return statuses.statuses_since(self._api, self._watched, cursor)

    @classmethod
    def as_written(cls, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return mapped fields as texts: HubSpot takes all values so."""
        return {name: text(value) for name, value in fields.items()}

    @classmethod
    def record_url(cls, options: HubSpotOptions, remote_id: str) -> str | None:
        """Return the address of a contact, where the options tell the portal."""
        home = "https://app.hubspot.com/contacts"
        return f"{home}/{options.portal_id}/record/0-1/{remote_id}" if options.portal_id else None

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
