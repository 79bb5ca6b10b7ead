"""Paid look-ups of leads and of other people on X, and the history of the browser extension.

Nothing here is thread-safe: hold the world's lock.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from zlib import crc32

from syncd.simulator.instants import iso
from syncd.simulator.leads.enrichment import Enriched, enrich
from syncd.simulator.leads.people import BIOS, Person, draw, person
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options
from syncd.simulator.refusals import CREDITS_EXHAUSTED, PROFILE_MISSING, Refusal

Kind = Literal["linkedin", "email"]
STRANGERS = 5_000_000  # first number of people without a lead


class Lookups:
    """The look-ups, and the credits that pay for them.

    Attributes:
        credits: Balance of the team. Callers may set it.
    """

    def __init__(self, options: Options) -> None:
        self.credits = options.credits
        self._options = options
        self._paid: defaultdict[Hashable, set[str]] = defaultdict(set)
        self._history: dict[Kind, list[dict[str, Any]]] = {"linkedin": [], "email": []}
        self._asked = 0

    def enrich(
        self, somebody: Person, outputs: Collection[str], mode: str, paid_as: Hashable
    ) -> tuple[Enriched, int] | Refusal:
        """Look a person up, charge for it, and return the result and the credits left.

        Args:
            somebody: The person.
            outputs: The requested outputs.
            mode: `verified` or `any`.
            paid_as: A repeat with the same value is free.
        """
        chance = draw(self._options.seed, "profile", somebody.x_user_id)
        if chance.random() < self._options.profile_missing_rate:
            return PROFILE_MISSING
        answer = enrich(somebody, outputs, mode, self._paid[paid_as], self._options)
        if answer.most > self.credits:
            return CREDITS_EXHAUSTED
        self.credits -= answer.cost
        self._paid[paid_as] |= set(outputs)
        return answer, self.credits

    def enrich_rows(self, rows: Sequence[Row], setup: Mapping[str, Any]) -> int:
        """Enrich a run's rows by its campaign's settings while credits last; return the number enriched."""
        wishes = {"linkedin_url": setup["autoEnrichLinkedin"], "email": setup["autoEnrichEmail"]}
        outputs = [output for output, wished in wishes.items() if wished]
        if not outputs:
            return 0
        answers = (self.enrich(row.person, outputs, setup["emailMode"], row.id) for row in rows)
        return sum(not isinstance(answer, Refusal) and answer[0].result["ok"] for answer in answers)

    def stranger(self, handle: str) -> Person:
        """Return a person without a lead. The same handle gives the same person."""
        number = STRANGERS + crc32(handle.lower().encode()) % STRANGERS
        theme = sorted(BIOS)[number % len(BIOS)]
        return replace(person(self._options.seed, number, theme, self._options.contact_rate), handle=handle)

    def note(self, kind: Kind, handle: str, answer: Enriched, now: float) -> None:
        """Add a look-up to the history."""
        self._asked += 1
        self._history[kind].append(
            {
                "id": self._asked,
                "handle": handle,
                "result": dict(answer.result),
                "createdAt": iso(now, self._options.times),
            }
        )

    def history(self, kind: Kind, limit: int) -> list[dict[str, Any]]:
        """Return the latest look-ups, newest first."""
        return self._history[kind][::-1][:limit]


def enriched_payload(somebody: Person, found: Enriched, remaining: int, options: Options) -> dict[str, Any]:
    """Build the body of an enrichment without the id of a lead."""
    return {
        "x_profile_id": somebody.x_user_id,
        "result": found.result,
        **({"credits_remaining": remaining} if options.credits_told else {}),
        "contact_routes": found.routes,
    }
