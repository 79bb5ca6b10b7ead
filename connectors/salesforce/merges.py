"""Leads that are gone because sales merged them: which lead was kept.

A lead that lost in a merge is in the recycle bin with our key, and names the one that was kept, which may have been merged
in its turn. Source: Salesforce's object reference, Lead, MasterRecordId. A bin that was emptied tells nothing: what was in it
counts as deleted.
"""

import re
from collections.abc import Sequence

from connectors.salesforce.identity import Mapped, settled_elsewhere
from connectors.salesforce.match import Known, Record
from connectors.salesforce.org import Asking, Select
from syncd.connector import Delivery

LONGEST_CHAIN = 10
"""Merges that are followed, one after the other: each costs the batch a call."""
_LEAD = re.compile(r"00Q[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?")


def follow(wire: Asking, batch: Sequence[Delivery], mapped: Mapped, known: Known) -> None:
    """Add to `known.kept` what merged leads of a batch live on as.

    It asks only where somebody's lead is gone, and raises as `wire` does.
    """
    trails = {
        each.person.casefold(): trail
        for each in batch
        if not settled_elsewhere(each)
        and each.person.casefold() not in known.by_key
        and (trail := _begin(each, known.deleted.get(each.person.casefold(), ())))
    }
    for _ in range(LONGEST_CHAIN):
        ids = sorted(set().union(*trails.values()))
        if not ids:
            return
        asked = Select("Lead", mapped.selected(link=True), {"Id": ids}, deleted=True)
        found = {str(lead["Id"])[:15]: lead for lead in wire.select(asked)}
        trails = {key: _next(key, trail, found, known) for key, trail in trails.items()}


def _begin(delivery: Delivery, deleted: Sequence[Record]) -> set[str]:
    """Ids to look at: what the leads in the bin were merged into, and the id that is remembered if it is not among them."""
    seen = {str(lead["Id"])[:15] for lead in deleted}
    remembered = delivery.remote_id or ""
    begin = _masters(deleted)
    if _LEAD.fullmatch(remembered) and remembered[:15] not in seen:
        begin.add(remembered)
    return begin


def _next(key: str, trail: set[str], found: dict[str, Record], known: Known) -> set[str]:
    leads = [found[lead_id[:15]] for lead_id in trail if lead_id[:15] in found]
    live = [lead for lead in leads if not lead.get("IsDeleted")]
    known.kept[key] += [lead for lead in live if lead not in known.kept[key]]
    return _masters([lead for lead in leads if lead.get("IsDeleted")])


def _masters(deleted: Sequence[Record]) -> set[str]:
    return {
        str(lead["MasterRecordId"]) for lead in deleted if _LEAD.fullmatch(str(lead.get("MasterRecordId")))
    }
