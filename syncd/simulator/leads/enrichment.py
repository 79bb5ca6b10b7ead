"""The result and the cost of an enrichment. `Lookups` charges for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.simulator.leads.people import Person
from syncd.simulator.options import Options

OUTPUTS = ("linkedin_url", "email")
MODES = ("verified", "any")


@dataclass(frozen=True, slots=True)
class Enriched:
    """The result and the cost of one call.

    Attributes:
        most: The highest possible cost; a smaller balance refuses the call.
        cost: The cost in credits.
        result: `result` of the answer.
        routes: `contact_routes` of the answer.
    """

    most: int
    cost: int
    result: Mapping[str, Any]
    routes: list[dict[str, str]]


def enrich(
    person: Person, outputs: Collection[str], mode: str, paid: Collection[str], options: Options
) -> Enriched:
    """Look one person up.

    Args:
        person: The person.
        outputs: Some of `OUTPUTS`.
        mode: One of `MODES`; `verified` excludes an unverified email.
        paid: Outputs that were paid before. They are free, unless the options charge repeats.
        options: The prices.
    """
    found = _found(person, outputs, mode)
    routes = [
        {"routeType": "linkedin_url", "value": found["linkedin_url"]["url"], "confidence": "high"}
        for _ in range("linkedin_url" in found)
    ]
    due = set(outputs) if options.charge_repeats else set(outputs) - set(paid)
    charged = due if options.charge_when_empty else due & set(found)
    result: dict[str, Any] = {"ok": bool(found), "kind": "resolved" if found else "not_found"}
    for name, output in (("linkedin", "linkedin_url"), ("email", "email")):
        if output in found or options.missing_contact == "null":
            result[name] = found.get(output)
    return Enriched(options.credit_cost * len(due), options.credit_cost * len(charged), result, routes)


def _found(person: Person, outputs: Collection[str], mode: str) -> dict[str, dict[str, str]]:
    found = {}
    if "linkedin_url" in outputs and person.linkedin:
        found["linkedin_url"] = {"url": person.linkedin, "confidence": "high"}
    if "email" in outputs and person.email and (mode == "any" or person.email_status == "verified"):
        found["email"] = {"address": person.email, "status": person.email_status, "provider": "prospeo"}
    return found
