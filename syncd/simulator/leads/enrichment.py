"""Paid look-ups of leads and of other people on X: their results, their cost, and the history of the browser extension.

Nothing here is thread-safe: hold the world's lock.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal
from zlib import crc32

from syncd.simulator.instants import iso
from syncd.simulator.leads.people import BIOS, Person, draw, person
from syncd.simulator.leads.row import Row
from syncd.simulator.options import Options
from syncd.simulator.refusals import CREDITS_EXHAUSTED, PROFILE_MISSING, RefusedError

OUTPUTS = ("linkedin_url", "email")
MODES = ("verified", "any")
Kind = Literal["linkedin", "email"]
STRANGERS = 5_000_000  # first number of people without a lead


@dataclass(frozen=True, slots=True)
class Enriched:
    """The result and the cost of one call.

    Attributes:
        person: The person that was looked up.
        most: The highest possible cost; a smaller balance refuses the call.
        cost: The cost in credits.
        result: `result` of the answer.
        routes: `contact_routes` of the answer.
    """

    person: Person
    most: int
    cost: int
    result: Mapping[str, Any]
    routes: list[dict[str, str]]


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

    def enrich(self, somebody: Person, outputs: Collection[str], mode: str, paid_as: Hashable) -> Enriched:
        """Look a person up, and charge for it.

        Args:
            somebody: The person.
            outputs: Some of `OUTPUTS`.
            mode: One of `MODES`; `verified` excludes an unverified email.
            paid_as: A repeat with the same value is free, unless the options charge repeats.

        Raises:
            RefusedError: X has no profile of the person, or the credits do not suffice.
        """
        chance = draw(self._options.seed, "profile", somebody.x_user_id)
        if chance.random() < self._options.profile_missing_rate:
            raise RefusedError(PROFILE_MISSING)
        found = _enriched(somebody, outputs, mode, self._paid[paid_as], self._options)
        if found.most > self.credits:
            raise RefusedError(CREDITS_EXHAUSTED)
        self.credits -= found.cost
        self._paid[paid_as] |= set(outputs)
        return found

    def enrich_rows(self, rows: Sequence[Row], setup: Mapping[str, Any]) -> int:
        """Enrich a run's rows by its campaign's settings while credits last; return the number enriched."""
        wishes = {"linkedin_url": setup["autoEnrichLinkedin"], "email": setup["autoEnrichEmail"]}
        outputs = [output for output, wished in wishes.items() if wished]
        enriched = 0
        for row in rows if outputs else ():
            with suppress(RefusedError):
                enriched += self.enrich(row.person, outputs, setup["emailMode"], row.id).result["ok"]
        return enriched

    def stranger(self, handle: str) -> Person:
        """Return a person without a lead. The same handle gives the same person."""
        number = STRANGERS + crc32(handle.lower().encode()) % STRANGERS
        theme = sorted(BIOS)[number % len(BIOS)]
        return replace(person(self._options.seed, number, theme, self._options.contact_rate), handle=handle)

    def note(self, kind: Kind, handle: str, found: Enriched, now: float) -> None:
        """Add a look-up to the history."""
        self._asked += 1
        self._history[kind].append(
            {
                "id": self._asked,
                "handle": handle,
                "result": dict(found.result),
                "createdAt": iso(now, self._options.times),
            }
        )

    def history(self, kind: Kind, limit: int) -> list[dict[str, Any]]:
        """Return the latest look-ups, newest first."""
        return self._history[kind][::-1][:limit]


def enriched_payload(found: Enriched, balance: int, options: Options) -> dict[str, Any]:
    """Build the body of an enrichment without the id of a lead; `balance` is the credits left."""
    return {
        "x_profile_id": found.person.x_user_id,
        "result": found.result,
        **({"credits_remaining": balance} if options.credits_told else {}),
        "contact_routes": found.routes,
    }


def _enriched(
    somebody: Person, outputs: Collection[str], mode: str, paid: Collection[str], options: Options
) -> Enriched:
    """Look one person up. `paid` holds the outputs that were paid before."""
    found = _found(somebody, outputs, mode)
    routes = []
    if linkedin := found.get("linkedin_url"):
        routes.append({"routeType": "linkedin_url", "value": linkedin["url"], "confidence": "high"})
    due = set(outputs) if options.charge_repeats else set(outputs) - set(paid)
    charged = due if options.charge_when_empty else due & set(found)
    result: dict[str, Any] = {"ok": bool(found), "kind": "resolved" if found else "not_found"}
    for name, output in (("linkedin", "linkedin_url"), ("email", "email")):
        if output in found or options.missing_contact == "null":
            result[name] = found.get(output)
    return Enriched(
        somebody, options.credit_cost * len(due), options.credit_cost * len(charged), result, routes
    )


def _found(somebody: Person, outputs: Collection[str], mode: str) -> dict[str, dict[str, str]]:
    found = {}
    if "linkedin_url" in outputs and somebody.linkedin:
        found["linkedin_url"] = {"url": somebody.linkedin, "confidence": "high"}
    if "email" in outputs and somebody.email and (mode == "any" or somebody.email_status == "verified"):
        found["email"] = {"address": somebody.email, "status": somebody.email_status, "provider": "prospeo"}
    return found
