"""The first author's remotes under the protocol: CTGO's simulator and the CRM fakes.

Their own weather is the world's: `live` does nothing. The readings of CTGO are the simulator's options.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from connectors.apollo.connector import ApolloConnector
from connectors.salesforce.setup import CUSTOM_FIELDS, key_metadata
from syncd.simulator import World, create_app
from syncd.simulator.crms import apollo, hubspot
from syncd.simulator.crms.apollo import ApolloFake
from syncd.simulator.crms.hubspot import HubSpotFake
from syncd.simulator.crms.salesforce import SalesforceFake
from syncd.simulator.crms.salesforce.lead_object import KEY
from tests.proof.simulation.outside.remote import App, Readings, Row

LOCKS = 1_000_000
"""Calls that find a locked contact: more than there are."""
_INVALID = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no", "fields": []}
_LOCKED = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}


class FirstCtgo:
    """An account of the simulator."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.readings: Readings = asdict(world.options)
        self.app: App = create_app(world.options, world=world, sleep=lambda _: None)

    def live(self) -> None:
        """The script acts on the simulator instead."""

    def calm(self) -> None:
        """Buy credits, for what waits for them; the script's weather ends elsewhere."""
        self._world.credits = max(self._world.credits, 2000)

    def revoke(self) -> None:
        self._world.gateway.revoke(None)

    def give_back(self) -> None:
        self._world.gateway.restore_keys()

    def add(self, count: int) -> list[int]:
        return self._world.add_leads(count)

    def people_of(self, ids: Sequence[int]) -> list[str]:
        people = {row.id: row.person.x_user_id for row in self._world.rows() if row.flaw is None}
        return [people.get(id_, "") for id_ in ids]

    def rows(self) -> Iterator[Row]:
        for row in self._world.listed():
            payload = row.payload(self._world.options)
            if isinstance(payload, dict) and isinstance(payload.get("profile"), dict):
                yield payload

    def new(self) -> set[int]:
        return {row.id for row in self._world.listed() if row.lifecycle == "new"}


class _Fake:
    """The parts of a fake that many do not have."""

    readings: Readings = MappingProxyType({})

    def live(self) -> None:
        """The script acts on the fake instead."""

    def expire(self) -> None:
        """It has no sessions."""

    def new_day(self) -> None:
        """It counts no days."""

    def people(self) -> Counter[str]:
        raise NotImplementedError

    def poison(self, person: str) -> None:
        raise NotImplementedError

    def held(self) -> Collection[str]:
        return self.people()

    def refuses(self, _: Row) -> bool:
        """It refuses whom the script poisons, and nobody else."""
        return False

    def lock(self, person: str) -> None:
        self.poison(person)

    def mark(self, _person: str, _value: str) -> bool:
        return False

    def forget_rows(self, _: int) -> None:
        """It never does."""


class FirstHubSpot(_Fake):
    """A portal."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self.fake = HubSpotFake(wall, steady)
        self.app: App = self.fake.wsgi

    def calm(self) -> None:
        self.fake.portal.poisoned.clear()
        self.fake.portal.locked.clear()

    def revoke(self) -> None:
        self.fake.revoke()

    def give_back(self) -> None:
        self.fake.token = hubspot.TOKEN

    def people(self) -> Counter[str]:
        return Counter(str(it.get("ctgo_x_user_id")) for it in self.fake.portal.contacts.values())

    def poison(self, person: str) -> None:
        self.fake.poison(person)

    def lock(self, person: str) -> None:
        found = (id_ for id_, it in self.fake.portal.contacts.items() if it.get("ctgo_x_user_id") == person)
        contact = next(found, None) or self.fake.portal.add(ctgo_x_user_id=person)
        self.fake.portal.locked[contact] = LOCKS

    def mark(self, person: str, value: str) -> bool:
        return bool(self.fake.mark(person, value))

    def forget_rows(self, n: int) -> None:
        self.fake.batches.forget = n


class FirstSalesforce(_Fake):
    """An org that was set up."""

    def __init__(self, url: str) -> None:
        self.fake = SalesforceFake()
        self.fake.url = url
        self.fake.org.set_up(CUSTOM_FIELDS, key_metadata())
        self.fake.org.rule = "off"
        self.app: App = self.fake.wsgi

    def calm(self) -> None:
        self.fake.org.errors.clear()

    def revoke(self) -> None:
        self.fake.revoke()

    def give_back(self) -> None:
        self.fake.revoked = False

    def people(self) -> Counter[str]:
        return Counter(str(it.get(KEY)) for it in self.fake.org.leads.values())

    def poison(self, person: str) -> None:
        self.fake.org.errors[person] = _INVALID

    def lock(self, person: str) -> None:
        self.fake.org.errors[person] = _LOCKED

    def mark(self, person: str, value: str) -> bool:
        return bool(self.fake.mark(person, value))

    def expire(self) -> None:
        self.fake.expire()

    def forget_rows(self, n: int) -> None:
        self.fake.forget_rows = n

    def new_day(self) -> None:
        self.fake.used = 0


class FirstApollo(_Fake):
    """A team. `lag`: seconds until its search knows of a contact."""

    def __init__(self, wall: Callable[[], float], lag: float) -> None:
        self.fake = ApolloFake(wall)
        self.fake.book.lag = lag
        self.readings = {"lag": lag}
        self.app: App = self.fake.wsgi

    def know_fields(self) -> None:
        """The team has made the fields and the list that the connector fills."""
        for name in ApolloConnector.defaults:
            if name.startswith("ctgo_"):
                self.fake.book.field(name, "number" if name == "ctgo_follower_count" else "string")
        self.fake.book.label("ctgo")

    def calm(self) -> None:
        self.fake.book.poisoned.clear()
        self.fake.forgets.clear()

    def revoke(self) -> None:
        self.fake.keys.clear()

    def give_back(self) -> None:
        self.fake.keys.add(apollo.KEY)

    def people(self) -> Counter[str]:
        book: Any = self.fake.book
        keys = {id_ for id_, it in book.fields.items() if it["label"] == "ctgo_x_user_id"}
        return Counter(
            str(value)
            for contact in book.contacts.values()
            for id_, value in contact["typed_custom_fields"].items()
            if id_ in keys
        )

    def poison(self, person: str) -> None:
        self.fake.book.poisoned.add(person)
