"""Leads as contacts in Apollo, which can neither upsert nor be asked to take a contact once.

Apollo knows a contact again by its address only (or by name and company). So there are three ways:

* a lead **with an address** is created in bulk with `run_dedupe`: what is there already comes back unchanged, and
  sending it again is safe;
* a person **whose contact is known** from an earlier lead is changed by its id;
* a lead **without an address** goes alone, and is looked for by its name and its lead key before it is written. After
  an answer that was lost it is looked for twice, some minutes apart.

A contact that syncd did not make is left as it is, or filled where it is empty, never overwritten. What the
connector remembers between two calls makes it quicker; forgetting it makes it only more careful.
"""

from collections.abc import Iterator, Mapping, Sequence

from connectors.apollo import identity
from connectors.apollo import setup as apollo_setup
from connectors.apollo.api import Api
from connectors.apollo.options import CODES, DEFAULTS, FAILURES, ApolloOptions, Settings
from connectors.apollo.write import Sender
from syncd.connector import Change, Connector, Context, Delivery, Field, Finding, Halt, Outcome, Route
from syncd.http.kit import LateClient

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 90.0
"""A bulk create of 100 is slow, so a connection that cannot be made is given up much sooner than an answer."""
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes. A hundred full contacts are under 2 MiB."""


class ApolloConnector(Connector):
    """See the module. Unless `without_email` is "create", a lead without an address is unwanted here, not rejected."""

    Options = ApolloOptions
    codes = CODES
    defaults = DEFAULTS
    objects = "people"
    batch_size = 100

    def __init__(self, options: ApolloOptions, context: Context) -> None:
        """Opens nothing yet."""
        super().__init__(options, context)
        table = context.fields or self.defaults
        fields = {name: Field(value=f) if isinstance(f, str) else f for name, f in table.items()}
        self._settings = Settings(fields, options)
        client = LateClient(
            FAILURES, options.base_url, context.clock, seconds=TOTAL_SECONDS, connect=CONNECT_SECONDS, read=READ_SECONDS,
            most=LARGEST_BODY, called=context.called, headers={"accept": "application/json", "x-api-key": options.api_key.get_secret_value()},
        )  # fmt: skip
        self._api = Api(client, context.clock)
        self._sender = Sender(self._api, self._settings, context)

    @classmethod
    def clashes(cls, options: Mapping[str, ApolloOptions]) -> Iterator[tuple[str, str, str]]:
        """Each connector that would make a person without an address beside another connector of the same key."""
        first: dict[tuple[str, str], str] = {}
        for name, its in options.items():
            if its.creates_without_email:
                team = (its.base_url, its.api_key.get_secret_value())
                other = first.setdefault(team, name)
                if other != name:
                    yield (
                        name,
                        "without_email",
                        f'"create" stands in connectors.{other} too: both would make the same person',
                    )

    def check(self) -> Sequence[Finding]:
        """Check that the key is accepted and may make the calls in use, and that the custom fields are there."""
        try:
            return apollo_setup.check(self._api, self._settings)
        except Halt as why:
            return [Finding("error", why.code, why.detail)]

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """The custom fields and lists that are missing; made if `apply`. Raises Pause or Halt."""
        return apollo_setup.setup(self._api, self._settings, apply=apply)

    def route(self, delivery: Delivery) -> Route:
        """Up to 100 with an address share a call; what was tried before, is known, or has no address goes alone."""
        alone = f"alone:{delivery.person}"
        mail = identity.address(delivery.fields.get("email"))
        if delivery.remote_id is not None:
            options = self._settings.options
            safe = mail is not None or not (options.recreate_gone and options.creates_without_email)
            return Route(f"known:{delivery.person}", delivery.person, resend_safe=safe)
        if mail is not None:
            return Route("email" if delivery.attempt == 1 else alone, delivery.person, resend_safe=True)
        return Route(alone, delivery.person, resend_safe=not self._settings.options.creates_without_email)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one batch. Raises Pause, Halt or Refused as `codes` lists."""
        if not batch:
            return []
        if (why := apollo_setup.unsendable(self._settings)) is not None:
            raise why
        return self._sender.send(batch)

    @classmethod
    def as_written(cls, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return mapped fields as texts, a LinkedIn profile in the form that Apollo stores, and no address that is none."""
        return identity.as_written(fields)

    @classmethod
    def record_url(cls, options: ApolloOptions, remote_id: str) -> str | None:
        """Return the address of a contact; None for an Apollo of somebody's own, as in a trial."""
        real = options.base_url == ApolloOptions.model_fields["base_url"].default
        return f"https://app.apollo.io/#/contacts/{remote_id}" if real else None

    def close(self) -> None:
        """Close the connection."""
        self._api.close()
