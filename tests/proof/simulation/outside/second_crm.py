"""The second author's CRMs under the protocol, and how they are set up: by the product's own connectors."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.fakes import hubspot
from tests.opponent.hubspot import HubSpot
from tests.proof.simulation.outside.theirs import Theirs, Wall, clock_of

MADE_BY_OTHERS = {"made by a stranger", "form of a namesake"}
"""First acts of records that no program of ours made."""
HANDS = {"key cleared", "deleted", "restored", "gdpr", "email changed"}
"""Acts after which a second record of a person is no duplicate that we could have known of."""
PROGRAMS: dict[str, Callable[[int, Wall], Any]] = {
    "crm": lambda seed, wall: HubSpot(seed, clock_of(wall), token=hubspot.TOKEN),
}
LOCKED = "423"
"""The poison of a record that is locked for good."""


class SecondCrm(Theirs):
    """One of the CRMs. A poisoned person is refused as by a rule of the account, beside those that its seed poisons."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self._refuses: dict[str, str] = {}
        self._own = program.poison_of
        program.poison_of = lambda identity: self._refuses.get(identity) or self._own(identity)

    def calm(self) -> None:
        super().calm()
        self._refuses.clear()

    def people(self) -> Counter[str]:
        told = [it for it in self._program.people() if "merged_into" not in it and "deleted" not in it]
        return Counter(it["identity"] for it in told if it["identity"] and not _of_others(it["acts"]))

    def held(self) -> set[str]:
        return {it["identity"] for it in self._program.people()}

    def poison(self, person: str) -> None:
        self._refuses[person] = next(kind for kind, its_own in self._program.POISON.items() if its_own)

    def lock(self, person: str) -> None:
        self._refuses[person] = LOCKED if LOCKED in self._program.POISON else self._refuses.get(person, "")

    def mark(self, _person: str, _value: str) -> bool:
        return False

    def expire(self) -> None:
        """Its sessions end by themselves."""

    def forget_rows(self, _: int) -> None:
        """It never does."""

    def new_day(self) -> None:
        """It counts days by its own clock."""


def _of_others(acts: list[str]) -> bool:
    return (acts[:1] == [it for it in MADE_BY_OTHERS if acts[:1] == [it]] and bool(acts)) or bool(
        HANDS & set(acts)
    )
