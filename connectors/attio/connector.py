"""The connector class. A lead is a person in Attio, under a unique attribute that holds the X user id."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel

from connectors.attio import errors, setup, write
from connectors.attio.api import Api
from connectors.attio.options import DEFAULTS, AttioOptions
from syncd.connector import Change, Connector, Context, Delivery, Field, Finding, Outcome, Reject, Retry


class AttioConnector(Connector):
    """See the module. A repeated call finds the same record, so it may be sent again."""

    Options: ClassVar[type[BaseModel]] = AttioOptions
    codes: ClassVar[Mapping[str, str]] = errors.CODES
    defaults: ClassVar[Mapping[str, str | Field]] = DEFAULTS
    objects: ClassVar[Literal["people", "leads"]] = "people"
    resend_safe = True
    batch_size = 1

    def __init__(self, options: AttioOptions, context: Context) -> None:
        """Open nothing yet."""
        super().__init__(options, context)
        self._key, self._context = options.key_attribute, context
        self._slugs = list(dict.fromkeys([self._key, *context.fields]))
        self._api = Api(options, context)

    def check(self) -> Sequence[Finding]:
        """Check the token and the attributes; write nothing."""
        return setup.check(self._api, self._key, self._slugs)

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """List the missing attributes; make them if `apply`. Raises Pause or Halt."""
        return setup.setup(self._api, self._key, self._slugs, apply=apply)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send each lead. Raises Pause or Halt as `codes` tell."""
        return [self._send(delivery) for delivery in batch]

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def _send(self, delivery: Delivery) -> Outcome:
        try:
            return write.send(self._api, self._key, self._context, delivery)
        except (Reject, Retry) as why:
            return why
