"""Leads as Salesforce Leads, one for each person, upserted by an external id of ours.

A batch is looked up first where that matters: see `identity` and `match`. Then one call at most carries the leads that are
there, and one the new ones, for assignment rules must run for the new ones only: see `write`.
Source: Salesforce's REST guide, "Upsert multiple records".
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from connectors.salesforce import statuses
from connectors.salesforce.identity import How, Known, Mapped, Write, decide, join, once_each, to_look_up
from connectors.salesforce.lead_fields import Schema, read_schema
from connectors.salesforce.match import Select, ask_whose, follow
from connectors.salesforce.options import CODES, DEFAULTS, KEY_FIELD, SalesforceOptions
from connectors.salesforce.rate_limit import Budget
from connectors.salesforce.write import Sender
from syncd.connector import (
    Change,
    Connector,
    Context,
    Delivery,
    Failure,
    Field,
    Finding,
    Halt,
    Outcome,
    Pause,
    Refused,
    Route,
    Statuses,
)

DESCRIBED_FOR = 3600.0
"""Seconds for which the org's fields are taken to be what they were."""
_STALE = frozenset({"salesforce_too_long", "salesforce_picklist"})
"""Rejections after which the fields are no longer what they were."""
ALIKE_CALLS = 3
"""Calls in a row, of several rows each, that fail alike on every row and so stop the lane."""
_ORDER: tuple[How, ...] = ("update", "link", "create")


class SalesforceConnector(Connector):
    """See the module. At most two calls a batch, three when some of its people are there already and some are not.

    Leads that are gone cost a batch a call more for each merge that is followed, Contacts whom somebody new may be one.
    """

    Options = SalesforceOptions
    codes = CODES
    defaults = DEFAULTS
    objects = "people"
    batch_size = 100

    def __init__(self, options: SalesforceOptions, context: Context) -> None:
        """Imports the library; connects to nothing."""
        from connectors.salesforce.api import Wire  # noqa: PLC0415 - see there what it costs

        super().__init__(options, context)
        self._options, self._context = options, context
        self.batch_size = options.batch
        self._fields = MappingProxyType(_mapped(context.fields or self.defaults, options.external_id_field))
        self._writes_only = all(field.policy == "always" for field in self._fields.values())
        self._budget = Budget(options.daily_share, context.clock)
        self._wire = Wire(options, self._budget, context.clock, context.called)
        self._schema: tuple[float, Schema] | None = None
        self._joined: tuple[Schema, Mapped] | None = None
        self._alike: tuple[str, int] = ("", 0)

    def check(self) -> Sequence[Finding]:
        """Signing in, the org's calls, the fields, and whether Contacts can be seen. Three calls."""
        from connectors.salesforce import setup  # noqa: PLC0415 - needed once in a lifetime

        try:
            schema = self._describe(anew=True)
            findings = [*setup.findings(self._fields, self._options, schema)]
            if watched := self._context.watched:
                findings += statuses.findings(watched, schema)
            self._wire.call("GET", "query/", params={"q": "SELECT Id FROM Contact LIMIT 1"})
        except (Failure, Refused) as why:
            self._schema = None
            return [Finding("error", why.code, why.detail)]
        return [setup.calls(self._budget, self._options.daily_share), *findings]

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        """Make the custom fields and grant them to the run-as user, or name the clicks."""
        from connectors.salesforce.setup import changes  # noqa: PLC0415 - needed once in a lifetime

        schema = self._describe(anew=True)
        self._schema = None
        return changes(self._wire, schema, self._fields, self._options.external_id_field, apply=apply)

    def route(self, delivery: Delivery) -> Route:
        """Any may share a call.

        Sending again never makes a second lead. But where nothing is looked up, an answer that got lost would
        have assignment rules run twice; there, the ledger's *maybe sent* is asked for.
        """
        twice = self._writes_only and delivery.remote_id is None and self._options.assignment != "off"
        return Route("lead", delivery.person.casefold(), resend_safe=not twice)

    def deliver(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Look up, decide, send. Raises as the contract says and `codes` lists."""
        try:
            outcomes = self._deliver(batch)
        except Halt:
            self._schema = None  # whoever mends it may change the fields
            raise
        if any(isinstance(one, Halt) or getattr(one, "code", "") in _STALE for one in outcomes):
            self._schema = None
        return outcomes

    def statuses_since(self, cursor: str) -> Statuses:
        """Read the watched field of Leads that changed. One call. Raises Pause or Halt."""
        if self._context.watched is None:
            return Statuses((), cursor)
        self._budget.ask()
        key = self._options.external_id_field
        return statuses.statuses_since(self._wire, self._context.watched, key, cursor)

    @classmethod
    def as_written(cls, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return mapped fields cut to the lengths that Salesforce documents, and `setup` gives."""
        from connectors.salesforce.setup import as_written  # noqa: PLC0415 - for people, who look now and then

        return as_written(fields)

    @classmethod
    def record_url(cls, options: SalesforceOptions, remote_id: str) -> str:
        """Return the address that opens a Lead or a Contact in the org."""
        return f"{options.home}/{remote_id}"

    def close(self) -> None:
        """Let go of the connections."""
        self._wire.close()

    def _deliver(self, batch: Sequence[Delivery]) -> list[Outcome]:
        if not batch:
            return []
        self._budget.ask()
        mapped = self._mapping()
        known = self._look(batch, mapped)
        plan = once_each([decide(delivery, known, mapped) for delivery in batch])
        outcomes = {n: one for n, one in enumerate(plan) if not isinstance(one, Write)}
        on = {"on": "TRUE", "off": "FALSE"}.get(self._options.assignment, self._options.assignment)
        sender = Sender(self._wire, self._context.log, mapped, known, on)
        outcomes |= self._send(sender, plan, batch)
        return [outcomes[n] for n in range(len(batch))]

    def _send(
        self, sender: Sender, plan: Sequence[Outcome | Write], batch: Sequence[Delivery]
    ) -> dict[int, Outcome]:
        """The planned rows, in a call for each way. What failed whole stands for its rows and all not yet sent."""
        outcomes: dict[int, Outcome] = {}
        rows = {n: one for n, one in enumerate(plan) if isinstance(one, Write)}
        for how in _ORDER:
            mine = {n: one.record for n, one in rows.items() if one.how == how}
            if not mine:
                continue
            try:
                sent = sender.send(how, mine, batch)
            except Refused as why:
                if not outcomes:
                    raise  # nothing was written: smaller calls will show which row it is
                stop: Failure = Pause(why.code, why.detail, unexplained=True)
            except Failure as why:
                if not outcomes and len(rows) == len(plan):
                    raise
                stop = why
            else:
                outcomes |= dict(zip(sent, self._alike_failures(list(sent.values())), strict=True))
                continue
            return outcomes | dict.fromkeys(rows.keys() - outcomes.keys(), stop)
        return outcomes

    def _describe(self, *, anew: bool = False) -> Schema:
        now = self._context.clock.monotonic()
        if anew or self._schema is None or now - self._schema[0] >= DESCRIBED_FOR:
            described = self._wire.call("GET", "sobjects/Lead/describe")
            try:
                self._schema = now, read_schema(described)
            except ValueError as error:
                detail = f"describe: {error}"
                raise Pause("salesforce_unexpected_answer", detail, unexplained=True) from None
        return self._schema[1]

    def _mapping(self) -> Mapped:
        fields, options, schema = self._fields, self._options, self._describe()
        if self._joined is None or self._joined[0] is not schema:
            self._joined = schema, join(fields, options.external_id_field, schema, options.duplicates)
        return self._joined[1]

    def _look(self, batch: Sequence[Delivery], mapped: Mapped) -> Known:
        """Find the people of the batch among the org's leads and, by email, its Contacts: one call, but for merges and Contacts."""
        sought = [each for each in batch if to_look_up(each, mapped)]
        known = Known()
        if not sought:
            return known
        emails = sorted({email for each in sought if (email := mapped.email_of(each))})
        keys = [each.person for each in sought]
        leads, contacts = self._wire.select_each(
            [
                Select(
                    "Lead", mapped.selected(), {mapped.key.name: keys, "Email": emails}, mapped.sees_deleted
                ),
                Select("Contact", ("Id", "Email"), {"Email": emails}),
            ]
        )
        known.add_leads(leads, mapped.key.name)
        known.add_contacts(contacts)
        follow(self._wire, sought, mapped, known)
        ask_whose(self._wire, sought, mapped, known)
        return known

    def _alike_failures(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Stop when every row of several calls failed alike; send fewer at once while rows are locked."""
        codes = {one.code if isinstance(one, Failure) else "" for one in outcomes}
        if "salesforce_row_locked" in codes:
            self.batch_size = max(1, self.batch_size // 2)
        elif "" in codes:
            self.batch_size = min(self._options.batch, self.batch_size * 2)
        if len(outcomes) == 1:  # one row is always alike to itself: that is for the engine to judge
            return outcomes
        code = codes.pop() if len(codes) == 1 else ""
        self._alike = (code, self._alike[1] + 1 if self._alike[0] == code else 1)
        last = outcomes[0]
        if self._alike[1] < ALIKE_CALLS or not isinstance(last, Failure):
            return outcomes
        self._alike = ("", 0)
        detail = f"every row of {ALIKE_CALLS} calls in a row: {last.code}, {last.detail}"
        return [Halt("salesforce_every_row", detail)] * len(outcomes)


def _mapped(fields: Mapping[str, str | Field], key_field: str) -> dict[str, Field]:
    """The mapping without the key, which is the connector's to write: it is the person's id, whatever was mapped."""
    ours = {key_field.casefold()}
    default = fields.get(KEY_FIELD)
    if (default.value if isinstance(default, Field) else default) == DEFAULTS[KEY_FIELD]:
        ours.add(KEY_FIELD.casefold())  # the default's, while another field holds the key
    return {
        name: Field(value=field) if isinstance(field, str) else field
        for name, field in fields.items()
        if name.casefold() not in ours
    }
