"""Enriching, whoever asks: a lead's person or anybody on X, and the history of what the extension looked up.

Nothing here is safe for threads by itself: hold the world's lock.
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
STRANGERS = 5_000_000  # numbers of people whom no lead has


class Lookups:
    """Looks people up and charges for it.

    Attributes:
        credits: Balance of the team; may be set.
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
        """Look a person up; what was found, and the credits left.

        Args:
            somebody: Whom.
            outputs: What is asked for.
            mode: `verified` or `any`.
            paid_as: What a repeat of is not charged again.
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
        """Enrich what a run found, as its campaign is set up, until the credits are gone; how many were."""
        wishes = {"linkedin_url": setup["autoEnrichLinkedin"], "email": setup["autoEnrichEmail"]}
        outputs = [output for output, wished in wishes.items() if wished]
        if not outputs:
            return 0
        answers = (self.enrich(row.person, outputs, setup["emailMode"], row.id) for row in rows)
        return sum(not isinstance(answer, Refusal) and answer[0].result["ok"] for answer in answers)

    def stranger(self, handle: str) -> Person:
        """A person on X whom no lead has: the same for the same handle."""
        number = STRANGERS + crc32(handle.lower().encode()) % STRANGERS
        theme = sorted(BIOS)[number % len(BIOS)]
        return replace(person(self._options.seed, number, theme, self._options.contact_rate), handle=handle)

    def note(self, kind: Kind, handle: str, answer: Enriched, now: float) -> None:
        """Keep a look-up in the history."""
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
        """The latest look-ups, newest first."""
        return self._history[kind][::-1][:limit]


def enriched_payload(somebody: Person, found: Enriched, remaining: int, options: Options) -> dict[str, Any]:
    """The body of an enriching, without the id of a lead."""
    return {
        "x_profile_id": somebody.x_user_id,
        "result": found.result,
        **({"credits_remaining": remaining} if options.credits_told else {}),
        "contact_routes": found.routes,
    }
