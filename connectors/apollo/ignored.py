"""What a change leaves as it is, so that it is not sent with every lead for ever.

Apollo's reference lists fewer fields for a change than for a contact that is new, and does not say what becomes of the others.
So they are sent, and one that an answer shows empty all the same is not sent again while the process lives.
Sources: https://docs.apollo.io/reference/update-a-contact and https://docs.apollo.io/reference/bulk-update-contacts
"""

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from connectors.apollo.api import BULK_UPDATE, UPDATE
from connectors.apollo.errors import Endpoint
from connectors.apollo.identity import CUSTOM, Contact
from syncd.connector import Logger

_BOTH = {
    "account_id",
    "email",
    "first_name",
    "last_name",
    "organization_name",
    "present_raw_address",
    "title",
    CUSTOM,
}
LISTED: Mapping[Endpoint, frozenset[str]] = MappingProxyType(
    {UPDATE: frozenset({*_BOTH, "contact_stage_id"}), BULK_UPDATE: frozenset({*_BOTH, "linkedin_url"})}
)
"""Of the fields that a mapping may write, those that the reference lists for a change."""


class Ignored:
    """Remembers it, by call and field."""

    def __init__(self, log: Logger, name: str) -> None:
        """`name`: the connector's."""
        self._log, self._name = log, name
        self._fields: defaultdict[Endpoint, set[str]] = defaultdict(set)

    def without(self, endpoint: Endpoint, change: Contact) -> dict[str, object]:
        """The change without what this call ignores."""
        return {name: value for name, value in change.items() if name not in self._fields[endpoint]}

    def learn(self, endpoint: Endpoint, change: Contact, answered: Contact) -> None:
        """Compare what was sent with the contact that came back."""
        for name in sorted(change.keys() - LISTED[endpoint] - self._fields[endpoint]):
            if answered.get(name) in (None, "", []):
                self._fields[endpoint].add(name)
                self._log.warning(
                    "apollo_field_ignored", connector=self._name, call=endpoint.scope, field=name
                )
