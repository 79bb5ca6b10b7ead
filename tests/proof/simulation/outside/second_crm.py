"""The second author's CRMs under the protocol, and how they are set up: by the product's own connectors."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from syncd.simulator.crms import apollo, hubspot, salesforce
from tests.opponent.apollo import Apollo
from tests.opponent.hubspot import HubSpot
from tests.opponent.salesforce import Salesforce
from tests.proof.simulation.outside.remote import Row, person_of
from tests.proof.simulation.outside.theirs import Theirs, Wall, clock_of

KEY = "ctgo_x_user_id"
IDENTITY = "https://login.example/id/00D000000000001AAA/005000000000001AAA"
MADE_BY_OTHERS = {"made by a stranger", "form of a namesake"}
"""First acts of records that no program of ours made."""
HANDS = {"key cleared", "deleted", "restored", "undeleted", "gdpr", "email changed", "purged", "converted"}
"""Acts after which a second record of a person is no duplicate that we could have known of."""
PROGRAMS: dict[str, Callable[[int, Wall], Any]] = {
    "crm": lambda seed, wall: HubSpot(seed, clock_of(wall), token=hubspot.TOKEN),
    "org": lambda seed, wall: Salesforce(
        seed,
        clock_of(wall),
        client_id=salesforce.CLIENT_ID,
        client_secret=salesforce.CLIENT_SECRET,
        instance_url="https://org.example",
    ),
    "outreach": lambda seed, wall: Apollo(seed, clock_of(wall), api_key=apollo.KEY),
}
LOCKED = ("423", "UNABLE_TO_LOCK_ROW")
"""Poisons of a record that is locked for good."""


class SecondCrm(Theirs):
    """One of the CRMs. A poisoned person is refused as by a rule of the account, beside those that its seed poisons."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self._refuses: dict[str, str] = {}
        self._held: set[str] = set()
        self._own = program.poison_of
        program.poison_of = lambda identity: self._refuses.get(identity) or self._own(identity)

    def calm(self) -> None:
        super().calm()
        self._refuses.clear()

    def _serve(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        yield from super()._serve(environ, start_response)
        if environ["REQUEST_METHOD"] != "GET":
            self._told()  # before strangers take away what tells whose record it is

    def people(self) -> Counter[str]:
        told = [it for it in self._told() if "merged_into" not in it and "deleted" not in it]
        return Counter(self.key_of(it) for it in told if self.key_of(it) and not _of_others(it["acts"]))

    def held(self) -> set[str]:
        self._told()
        return self._held

    def _told(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self._program.people()
        self._held.update(self.key_of(it) for it in told)
        return told

    def key_of(self, told: dict[str, Any]) -> str:
        """Read the X id of a record's person, as it was when the record was made."""
        return str(told["identity"])

    def poison(self, person: str) -> None:
        self._refuses[person] = next(kind for kind, its_own in self._program.POISON.items() if its_own)

    def refuses(self, row: Row) -> bool:
        return bool(self._own(self._identity_of(row)))

    def _identity_of(self, row: Row) -> str:
        return person_of(row)

    def lock(self, person: str) -> None:
        locked = (kind for kind in LOCKED if kind in self._program.POISON)
        self._refuses[person] = next(locked, "") or next(iter(self._program.POISON))

    def mark(self, _person: str, _value: str) -> bool:
        return False

    def expire(self) -> None:
        """Its sessions end by themselves."""

    def forget_rows(self, _: int) -> None:
        """It never does."""

    def new_day(self) -> None:
        """It counts days by its own clock."""


class SecondSalesforce(SecondCrm):
    """An org. Its list of resources gets the address of the user's identity, which each real one has."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        plain = program.answer

        def answer(call: Any) -> Any:
            found = plain(call)
            if re.fullmatch(r"/services/data/v\d+\.0/?", call.path) and isinstance(found.body, dict):
                found.body = {**found.body, "identity": IDENTITY}
            return found

        program.answer = answer


class SecondApollo(SecondCrm):
    """A team. It knows people by handle, so their X id is read off the custom field."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self._keys: dict[str, str] = {}

    def key_of(self, told: dict[str, Any]) -> str:
        fields = [id_ for id_, it in self._program.fields.items() if it["name"] == KEY]
        custom = told["fields"].get("typed_custom_fields") or {}
        key = next((str(custom[id_]) for id_ in fields if custom.get(id_)), "")
        if key:
            self._keys[told["id"]] = key
        return self._keys.get(told["id"], "")

    def _identity_of(self, row: Row) -> str:
        profile = row.get("profile")
        return (
            str(profile.get("handle") or "").strip().removeprefix("@").lower()
            if isinstance(profile, dict)
            else ""
        )

    def people(self) -> Counter[str]:
        living = super().people()
        whole = Counter(self._keys.get(it["id"], "") for it in self._program.people() if self._is_keyed(it))
        return Counter({person: min(n, whole[person]) for person, n in living.items() if whole[person]})

    def _is_keyed(self, told: dict[str, Any]) -> bool:
        """Tell if a record bears its key still: who deletes the field of the key makes second contacts possible."""
        custom = told["fields"].get("typed_custom_fields") or {}
        return self.key_of(told) in {str(value) for value in custom.values()}


def made(far: str, seed: int, wall: Wall) -> SecondCrm:
    """Make one of the CRMs."""
    kinds = {"org": SecondSalesforce, "outreach": SecondApollo}
    return kinds.get(far, SecondCrm)(PROGRAMS[far](seed, wall))


def _of_others(acts: list[str]) -> bool:
    return bool(MADE_BY_OTHERS.intersection(acts[:1]) or HANDS.intersection(acts))
