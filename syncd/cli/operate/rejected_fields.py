"""The fields of a rejected delivery by today's mapping, with a mark at those that the reason names."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from syncd.cli.output import say, say_table
from syncd.cli.prepare.draft_mappings import describe_value, draft_mappings, evaluate
from syncd.cli.prepare.examples import stored_examples
from syncd.clock import SystemClock
from syncd.mapping import variables
from syncd.settings import Settings, SettingsError

if TYPE_CHECKING:
    from syncd.ledger.overview import RejectedRow


def mapped_fields(settings: Settings, row: "RejectedRow") -> list[dict[str, Any]]:
    """Map the lead of a rejected delivery; no fields if its data or its connector is gone. `refused`: the reason names it."""
    if row.kind != "delivery" or row.payload is None:
        return []
    try:
        mapping = draft_mappings(settings, row.where)[0].get(row.where)
    except SettingsError:  # a plugin that cannot be loaded
        return []
    if mapping is None:
        return []
    for example in stored_examples(settings, [row.source], row.lead_id):
        lead = example.lead
        if lead and (lead.key.stream_id, lead.key.segment_id) == (row.stream_id, row.segment_id):
            now = SystemClock().now()
            values = variables(lead, example.labels, example.enrichment, mapping.uses, now)
            found = evaluate(mapping, values)
            return [{**asdict(one), "refused": _names(row.detail, one.name)} for one in found]
    return []


def say_fields(fields: Sequence[dict[str, Any]]) -> None:
    """Print the fields that are written, and those that the reason names."""
    shown = [it for it in fields if it["refused"] or not it["left_out"]]
    if shown:
        marked = any(it["refused"] for it in shown)
        say(f"  By today's mapping{'; > marks what the reason names' if marked else ''}:")
        rows = [(">" if it["refused"] else "", it["name"], it["policy"], describe_value(it)) for it in shown]
        say_table(("", "field", "policy", "value"), rows)
        say("  As CTGO sent it:")


def _names(detail: str, field: str) -> bool:
    """True if a sentence has the field's name as a word."""
    return re.search(rf"(?<!\w){re.escape(field)}(?!\w)", detail) is not None
