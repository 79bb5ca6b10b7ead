"""The writing of a batch to Apollo: each delivery goes its way and gets its outcome.

Which contact was made for whom is remembered, though it need not be: a second lead of a person may be under way in the
same pass, before the ledger knows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from connectors.apollo.api import BULK_UPDATE, UPDATE, Api
from connectors.apollo.errors import AbsentError, Endpoint, RemovedError
from connectors.apollo.identity import (
    CUSTOM,
    Contact,
    Found,
    Shape,
    address,
    addresses,
    attribute,
    changes,
    contact_id,
    is_anothers,
    item,
    key_of,
    lacks_key,
    shape,
)
from connectors.apollo.match import Search
from connectors.apollo.options import DEFAULTS, Settings
from syncd.connector import (
    Context,
    Delivered,
    Delivery,
    Failure,
    Halt,
    Logger,
    Outcome,
    Pause,
    Refused,
    Reject,
    Retry,
)

SETTLE_SECONDS = 60.0
"""After an unknown outcome: how soon a contact may be looked for. How far its search lags is unknown."""
KEPT = 10_000
"""Persons remembered."""
SHAPE_SECONDS = 3600.0
"""Seconds for which the custom fields are believed to be what they were."""


class Sender:
    """The ways of the module `connector`. Raises what `Connector.deliver` may."""

    def __init__(self, api: Api, settings: Settings, context: Context) -> None:
        """`api`: opened."""
        self._api, self._settings = api, settings
        self._clock, self._log, self._name = context.clock, context.log, context.name
        self._shape: Shape | None = None
        self._shaped_at = 0.0
        self._made: dict[str, str] = {}
        self._search = Search(api, settings, context.clock)
        self._ignored = Ignored(context.log, context.name)

    def send(self, batch: Sequence[Delivery]) -> list[Outcome]:
        """One outcome for each delivery, in order."""
        outcomes: dict[int, Outcome] = {}
        try:
            form = self._formed()
            together = []
            for delivery in batch:
                if known := delivery.remote_id or self._made.get(delivery.person):
                    outcomes[delivery.id] = self._known(delivery, known, form)
                elif address(delivery.fields.get("email")):
                    together.append(delivery)
                else:
                    outcomes[delivery.id] = self._addressless(delivery, form)
            if together:
                outcomes.update(self._together(together, form))
            for delivery in together:
                if delivery.id not in outcomes:
                    outcomes[delivery.id] = self._apart(delivery, form)
        except (Pause, Halt) as why:
            if isinstance(why, Halt):
                self._shape = None  # somebody will mend something: look anew
            if not any(isinstance(outcome, Delivered) for outcome in outcomes.values()):
                raise
            return [outcomes.get(delivery.id, why) for delivery in batch]
        return [outcomes[delivery.id] for delivery in batch]

    # Leads with an address

    def _together(self, batch: Sequence[Delivery], form: Shape) -> dict[int, Outcome]:
        """Create, and match by the answer. A delivery whose address is another person's of ours has no outcome here."""
        first: dict[str, Delivery] = {}
        for delivery in batch:
            first.setdefault(_mail(delivery), delivery)
        items = {mail: item(delivery, form) for mail, delivery in first.items()}
        found = self._create(list(first.values()), list(items.values()), form)
        if isinstance(found, Failure):
            return {delivery.id: found for delivery in batch}
        mine = dict(zip(first, found, strict=True))
        outcomes: dict[int, Outcome] = {}
        for delivery in batch:
            one, leader = mine[_mail(delivery)], first[_mail(delivery)]
            if one is None or one.linked:
                outcomes[delivery.id] = self._outcome(delivery, one)
            elif leader is not delivery if one.created else is_anothers(one.contact, delivery.person, form):
                continue
            else:
                outcomes[delivery.id] = self._delivered(delivery, one.id, created=one.created)
        if self._settings.options.update_existing == "if_empty":
            self._fill(batch, mine, items, form, outcomes)
        return outcomes

    def _create(
        self, batch: Sequence[Delivery], items: Sequence[Contact], form: Shape
    ) -> list[Found | None] | Failure:
        """Create contacts; a refusal of a single one is its own fault. Raises Refused for several."""
        try:
            created, existing = self._api.create(
                items, self._settings.options.labels, self._settings.options.owner_id
            )
        except Refused as why:
            if len(batch) > 1:
                raise
            return Reject(why.code, why.detail)
        if self._clock.monotonic() - self._shaped_at > SETTLE_SECONDS and any(
            lacks_key(contact, form) for contact in created
        ):
            self._shape = None  # somebody deleted the field: ask before another contact is made without it
        return attribute(items, form, created, existing)

    def _outcome(self, delivery: Delivery, found: Found | None) -> Outcome:
        if found is None:
            after = None if address(delivery.fields.get("email")) else SETTLE_SECONDS
            return Retry("apollo_unanswered", "the answer did not mention this contact", after=after)
        if found.linked:  # a namesake may be somebody else, and nothing was made for the lead
            return Reject("apollo_namesake", f"Apollo takes the lead for the contact {found.id} by its name")
        return self._delivered(delivery, found.id, created=found.created)

    def _apart(self, delivery: Delivery, form: Shape) -> Outcome:
        """For whose address is another person's of ours: a contact without it.

        It is looked for each time before it is written, for nothing was noted before the call.
        """
        if not self._settings.options.creates_without_email:
            return Reject("apollo_address_taken", "the contact of another person of syncd's has the address")
        bare = {name: value for name, value in delivery.fields.items() if name != "email"}
        return self._addressless(delivery._replace(fields=bare), form, looks=True)

    def _anew(self, delivery: Delivery, form: Shape, *, looks: bool = False) -> Outcome:
        """As if no contact were known. `looks`: as `_addressless` has it."""
        self._made.pop(delivery.person, None)
        if not address(delivery.fields.get("email")):
            return self._addressless(delivery, form, looks=looks)
        return self._together([delivery], form).get(delivery.id) or self._apart(delivery, form)

    def _delivered(self, delivery: Delivery, id_: str, *, created: bool) -> Delivered:
        self._search.forget(delivery.person)
        self._made[delivery.person] = id_
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        return Delivered(id_, created=created)

    def _fill(
        self,
        batch: Sequence[Delivery],
        mine: Mapping[str, Found | None],
        items: Mapping[str, Contact],
        form: Shape,
        outcomes: dict[int, Outcome],
    ) -> None:
        """Write what is empty on contacts that were there, and put them on the lists. Changes `outcomes`."""
        there = {
            mail: one
            for mail, one in mine.items()
            if one is not None
            and not (one.created or one.linked)
            and not is_anothers(one.contact, key_of(items[mail], form) or "", form)
        }
        fills: dict[str, Contact] = {}
        for mail, one in there.items():
            ours = key_of(one.contact, form) == key_of(items[mail], form) is not None
            if not ours and (
                fill := changes(one.contact, items[mail], form, self._settings.fields, ours=False)
            ):
                fills[one.id] = self._ignored.without(BULK_UPDATE, fill)
        fills = {id_: fill for id_, fill in fills.items() if fill}
        try:
            if fills:
                for id_, answered in self._api.update_all(fills).items():
                    self._ignored.learn(BULK_UPDATE, fills.get(id_, {}), answered)
            if there and self._settings.options.labels:
                self._api.add_to_lists([one.id for one in there.values()], self._settings.options.labels)
        except Refused as why:
            if len(batch) > 1:
                raise  # the others can be sent again
            outcomes[batch[0].id] = Reject(why.code, why.detail)
        except (Pause, Halt) as why:
            outcomes.update({each.id: why for each in batch if _mail(each) in there})

    # Leads whose contact is known

    def _known(self, delivery: Delivery, id_: str, form: Shape) -> Outcome:
        """Change the contact by its id, as far as it is ours to change."""
        try:
            contact = self._shown(id_, form)
            if contact is not None and is_anothers(contact, delivery.person, form):
                return self._anew(delivery, form, looks=True)
            if change := self._ignored.without(UPDATE, self._change(delivery, contact, form)):
                self._ignored.learn(UPDATE, change, self._api.update(id_, change))
        except RemovedError:
            why = Reject("apollo_contact_deleted", f"the contact {id_} was deleted in Apollo")
            return self._gone(delivery, id_, form, why)
        except AbsentError:
            why = Reject("apollo_contact_gone", f"the contact {id_} is not there")
            return self._gone(delivery, id_, form, why)
        except Refused as refused:
            return Reject(refused.code, refused.detail)
        return self._delivered(delivery, id_, created=False)

    def _shown(self, id_: str, form: Shape) -> Contact | None:
        """None: it is not there, and only a change shows if a person deleted it. Raises AbsentError or RemovedError."""
        try:
            return self._api.show(id_)
        except AbsentError:
            if form.key is None:
                raise
            return None

    def _change(self, delivery: Delivery, contact: Contact | None, form: Shape) -> Contact:
        """Choose the fields to write on a contact that is known."""
        if contact is None:
            assert form.key is not None  # noqa: S101 - see `_shown`
            return {CUSTOM: {form.key.id: delivery.person}}
        ours = key_of(contact, form) == delivery.person
        if not ours and self._settings.options.update_existing == "never":
            return {}
        change = changes(contact, item(delivery, form), form, self._settings.fields, ours=ours)
        if (
            "email" in change
            and self._settings.options.creates_without_email
            and self._is_taken(contact, change)
        ):
            del change["email"]
        return change

    def _is_taken(self, contact: Contact, change: Contact) -> bool:
        """True if another contact has the address that this one lacks: two with one address are never made."""
        mail = str(change["email"])
        hits = self._api.search(mail, None, 1).contacts
        return any(contact_id(hit) != contact["id"] and address(mail) in addresses(hit) for hit in hits)

    def _gone(self, delivery: Delivery, id_: str, form: Shape, why: Reject) -> Outcome:
        """The contact of the known id is not there: it is made again if the options say so, else set aside."""
        self._made.pop(delivery.person, None)
        if not self._settings.options.recreate_gone:
            return why
        found = self._anew(delivery, form)
        return why if isinstance(found, Delivered) and found.remote_id == id_ else found

    # Leads without an address

    def _addressless(self, delivery: Delivery, form: Shape, *, looks: bool = False) -> Outcome:
        """Look for it, then write it. `looks`: as if it may have been sent, whatever the ledger knows."""
        if not self._settings.options.creates_without_email:
            return Reject("apollo_no_email", "the lead has no email that could be used")
        if form.key is None:
            raise Halt(
                "apollo_no_key_field",
                f"Apollo has no custom contact field {self._settings.options.key_field}",
            )
        wanted = item(delivery, form)
        if delivery.maybe_sent or looks:
            look = self._search.look_up(delivery.person, wanted, form)
            if isinstance(look, str):
                return self._delivered(delivery, look, created=False)
            if look is not None:
                return look
        elif (there := self._search.once(wanted, form)) and there != delivery.remote_id:
            return self._delivered(delivery, there, created=False)
        first = self._search.forget(delivery.person)
        try:
            found = self._create([delivery], [wanted], form)
        except Pause as why:
            if not why.unexplained:  # nothing was sent
                self._search.restore(delivery.person, first)
                raise
            raise Pause(why.code, why.detail, after=SETTLE_SECONDS, unexplained=True) from None
        if isinstance(found, Failure):
            return found
        return self._outcome(delivery, found[0])

    # The mapping

    def _formed(self) -> Shape:
        """The mapping's custom fields, asked for at the start and once an hour. Raises Halt if one is missing."""
        now = self._clock.monotonic()
        if self._shape is None or now - self._shaped_at > SHAPE_SECONDS:
            form = shape(self._settings.fields, self._settings.options.key_field, self._api.fields())
            if required := [name for name in form.missing if name not in DEFAULTS]:
                detail = f"Apollo has no custom contact field {', '.join(required)}"
                raise Halt("apollo_field_missing", detail)
            if form.missing and self._shape is None:
                self._log.warning("apollo_fields_left_out", connector=self._name, fields=list(form.missing))
            self._shape, self._shaped_at = form, now
        return self._shape


def _mail(delivery: Delivery) -> str:
    return address(delivery.fields.get("email")) or ""


_BOTH = {
    *["account_id", "email", "first_name", "last_name", "organization_name", "present_raw_address", "title"],
    CUSTOM,
}
LISTED: Mapping[Endpoint, frozenset[str]] = MappingProxyType(
    {UPDATE: frozenset({*_BOTH, "contact_stage_id"}), BULK_UPDATE: frozenset({*_BOTH, "linkedin_url"})}
)
"""Of the fields that a mapping may write, those that the reference lists for a change."""


class Ignored:
    """The fields that a change leaves as they are, by call, so that they are not sent with every lead for ever.

    Apollo's reference lists fewer fields for a change than for a contact that is new, and leaves open what becomes of the
    others. So they are sent, and one that an answer shows empty all the same is not sent again while the process lives.
    Sources: https://docs.apollo.io/reference/update-a-contact and https://docs.apollo.io/reference/bulk-update-contacts
    """

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
                ids = {"connector": self._name, "call": endpoint.scope, "field": name}
                self._log.warning("apollo_field_ignored", **ids)
