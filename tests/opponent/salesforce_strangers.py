"""The strangers in a Salesforce org: they merge, convert, delete, share away, and change the fields of leads."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.opponent.crm import Dice, Record
from tests.opponent.salesforce_org import SOURCES, STATUSES, Org, values_of, when


class Strangers(Org):
    """An org whose people work beside the integration."""

    def __init__(self, seed: int, now: Callable[[], datetime], *, instance_url: str) -> None:
        super().__init__(seed, now, instance_url=instance_url)
        self._rules: list[tuple[str, str]] = []
        self._purged: set[str] = set()

    def add(self, fields: dict[str, Any], act: str = "made by a stranger", table: str = "Lead") -> Record:
        """Let a stranger create a lead or a contact."""
        lead = self.put(table, {"OwnerId": self.owner, "Status": STATUSES[0], **fields})
        lead.acts.append(act)
        return lead

    def merge(self, master: Record, loser: Record) -> None:
        """Merge two leads; the loser goes to the recycle bin with its key, and names its master."""
        for name, value in loser.fields.items():
            # The unique key of the loser stays with the loser: a merge fills only ordinary fields
            if not (name in self.fields and self.fields[name]["unique"]):
                master.fields.setdefault(name, value)
        loser.merged_into = master.id
        loser.updated = master.updated = self._now()
        master.acts.append(f"merged with {loser.id}")

    def convert(self, lead: Record) -> Record:
        """Convert a lead to a contact; custom fields do not follow it."""
        names = ("FirstName", "LastName", "Email", "Title", "Phone")
        contact = self.add(
            {n: lead.fields[n] for n in names if n in lead.fields}, f"converted from {lead.id}", "Contact"
        )
        lead.fields |= {"IsConverted": True, "ConvertedContactId": contact.id, "Status": STATUSES[2]}
        lead.fields["ConvertedDate"] = when(self._now())[:10]
        if self.readings["convert_makes_opportunity"]:
            deal = self.put(
                "Opportunity",
                {"Name": "A deal", "StageName": "Prospecting", "IsWon": False, "IsClosed": False},
            )
            lead.fields["ConvertedOpportunityId"] = deal.id
        lead.updated = self._now()
        lead.acts.append("converted")
        return contact

    def _open(self, dice: Dice) -> Record | None:
        lead = self.pick(dice)
        return None if lead is None or lead.fields.get("IsConverted") else lead

    def _act_merge(self, dice: Dice) -> None:
        one, other = self._open(dice), self._open(dice)
        if one and dice.random() < 0.5:
            other = self.add({"LastName": one.fields.get("LastName"), "Company": "Elsewhere"})
        if one and other and one is not other:
            self.merge(*(one, other) if dice.random() < 0.5 else (other, one))

    def _act_delete(self, dice: Dice) -> None:
        lead = self.pick(dice)
        if lead:
            lead.deleted = lead.updated = self._now()
            lead.acts.append("deleted")

    def _act_undelete(self, dice: Dice) -> None:
        """Bring a lead back whose unique values nobody took meanwhile."""
        bin_ = [r for r in self.records.values() if r.deleted and r.id not in self._purged]
        lead = dice.choice(bin_) if bin_ else None
        unique = [name for name, field in self.fields.items() if field["unique"]]
        if lead and not any(
            r.fields.get(n) == lead.fields[n] for r in self.alive() for n in unique if n in lead.fields
        ):
            lead.deleted, lead.updated = None, self._now()
            lead.acts.append("undeleted")

    def _act_purge(self, _: Dice) -> None:
        """Empty the recycle bin: `queryAll` finds nothing there any more."""
        for record in self.records.values():
            if not record.alive and record.id not in self._purged:
                self._purged.add(record.id)
                self._hidden[record.id] = self._now() + timedelta(days=36500)

    def _act_convert(self, dice: Dice) -> None:
        lead = self._open(dice)
        if lead:
            self.convert(lead)

    def _act_edit(self, dice: Dice) -> None:
        lead = self._open(dice)
        if lead:
            status = dice.choice(STATUSES[:2])
            changes = (
                {"FirstName": "Edited"},
                {"Status": status},
                {"Company": "Acme"},
                {"Email": f"new{self.number()}@example.org"},
            )
            lead.fields |= dice.choice(changes)
            lead.updated = self._now()
            lead.acts.append("edited")

    def _act_clear_key(self, dice: Dice) -> None:
        lead = self._open(dice)
        if lead and dice.random() < 0.3:
            for name in [name for name, field in self.fields.items() if field["externalId"]]:
                lead.fields.pop(name, None)
            lead.updated = self._now()
            lead.acts.append("key cleared")

    def _act_hide(self, dice: Dice) -> None:
        """Give a lead to an owner whose records the integration does not see, for a while."""
        lead = self.pick(dice)
        if lead:
            self._hidden[lead.id] = self._now() + timedelta(seconds=dice.choice((60, 900, 86_400)))
            lead.acts.append("moved out of sight")

    def _act_lock(self, dice: Dice) -> None:
        lead = self.pick(dice)
        if lead:
            self.lock(lead, float(str(self.readings["lock_s"])))

    def _act_rule(self, dice: Dice) -> None:
        rules = (
            ("FirstName", r"\d"),
            ("LastName", r"[^\x00-\x7f]"),
            ("Description", "!"),
        )
        if len(self._rules) < 2 and dice.random() < 0.2:
            self._rules.append(dice.choice(rules))

    def _act_hide_field(self, dice: Dice) -> None:
        """Take the rights on a custom field away, or rename it, and mend that some minutes later."""
        custom = [name for name, field in self.fields.items() if field["custom"] and not field["unique"]]
        if custom and dice.random() < 0.2:
            self._hidden.setdefault(
                dice.choice(custom), self._now() + timedelta(seconds=dice.choice((20, 120, 600)))
            )

    def _act_restrict(self, _: Dice) -> None:
        self.fields["LeadSource"] |= {"picklistValues": values_of(SOURCES), "restrictedPicklist": True}

    def _act_form(self, dice: Dice) -> None:
        """Let a web form make a lead of a person who is there: the same email, no key."""
        lead = self.pick(dice)
        if lead and self.readings["duplicate_rule"] == "off":
            names = ("FirstName", "LastName", "Email", "Company")
            self.add({n: lead.fields[n] for n in names if n in lead.fields}, "web form of the same person")

    def _act_contact(self, dice: Dice) -> None:
        lead = self.pick(dice)
        if lead:
            names = ("FirstName", "LastName", "Email")
            self.add({n: lead.fields[n] for n in names if n in lead.fields}, "made by a stranger", "Contact")

    def _act_revoke(self, _: Dice) -> None:
        """End all sessions; the pages of their queries end with them."""
        self._tokens.clear()
        self._locators.clear()
