"""Credits that enriching uses, for the verbs: leads that wait, requests of today, credits left."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from syncd.core.enrichment import day_of
from syncd.settings import Source

if TYPE_CHECKING:
    from syncd.ledger import Transaction


def spending(
    connection: "Transaction", name: str, source: Source, waiting: int, now: float
) -> dict[str, Any] | None:
    """Describe a source's enriching; None if it neither enriches nor has leads that wait for it.

    `credits`: the last balance from CTGO, None if unknown. `asks`: requests that may leave today for the waiting leads.
    """
    from syncd.ledger.leads import enrichment  # noqa: PLC0415

    chosen = source.enrich
    if chosen is None:
        return {"waiting": waiting, "asks": 0} if waiting else None
    asked = enrichment.asked_on(connection, name, day_of(now))
    return {
        "waiting": waiting,
        "asked_today": asked,
        "per_day": chosen.per_day,
        "credits": enrichment.load_balance(connection, name).balance,
        "keep_credits": chosen.keep_credits,
        "when_exhausted": chosen.when_exhausted,
        "asks": min(waiting, max(0, chosen.per_day - asked)),
    }


def describe_enriching(name: str, it: Mapping[str, Any]) -> str:
    """Describe a source's enriching in a line."""
    if "per_day" not in it:
        return f"enriching {name}: {it['waiting']} wait, but the configuration no longer enriches"
    known = "credits not known" if it["credits"] is None else f"{it['credits']} credits left"
    kept = f" ({it['keep_credits']} are kept)" if it["keep_credits"] else ""
    return f"enriching {name}: {it['waiting']} wait, {it['asked_today']} of {it['per_day']} asked today, {known}{kept}"


def describe_enrichment(document: Any) -> str:
    """Describe the enrichment of one lead; empty if there was none."""
    if not isinstance(document, dict):
        return ""
    asked = document.get("asked")
    parts = []
    if isinstance(asked, dict) and asked:
        parts.append("asked for " + " and ".join(_output(name, mode) for name, mode in sorted(asked.items())))
    found = [name for name, key in (("email", "email"), ("linkedin_url", "linkedin")) if document.get(key)]
    if parts:
        parts.append(f"found {' and '.join(found) or 'nothing'}")
    if document.get("skipped"):
        parts.append(f"not asked{' for all' if parts else ''}: {document['skipped']}")
    return ", ".join(parts)


def _output(name: str, mode: object) -> str:
    return f"email ({mode})" if name == "email" else str(name)
