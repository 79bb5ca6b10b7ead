"""Apollo as an opponent: contacts without any unique key, a search that lags, and three windows of limits.

Sources: Apollo's reference and its OpenAPI (create, bulk create, update, search, labels, fields, usage), its pages
on limits and status codes, and third-party clients.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.opponent.apollo_team import TEXTS, Team
from tests.opponent.crm import Answer, Call, Dice, Record, RefuseError, main

BASE = "(?:/api)?/v1"
GONE = (
    "Oops! This contact does not exist in Apollo.",
    "This contact has been deleted.",
    "You are not authorized to view this page.",
)


class Apollo(Team):
    """An Apollo team with strangers in it."""

    ACTS: Mapping[str, str] = {
        "merge": "_act_merge", "delete": "_act_delete", "edit": "_act_edit", "enrich": "_act_enrich",
        "namesake": "_act_namesake", "colleague": "_act_colleague", "unshare": "_act_unshare", "unlist": "_act_unlist",
        "drop field": "_act_drop_field", "change email": "_act_email", "outage": "go_down",
    }  # fmt: skip
    # One record spoils a call in each way that the status page knows; True: its own fault
    POISON: Mapping[str, bool] = {
        "422 error": True, "422 details": True, "422 message": True, "422 text": True, "400 error_message": True,
        "403 waf": True, "dropped": False, "404": False, "429": False, "500": False, "502": False, "504": False,
    }  # fmt: skip
    FAULTS = (
        "401", "403 waf", "429 minute", "429 hour", "429 text", "500", "502", "503", "504", "late 504", "200 page",
        "200 empty", "cut before", "after 500", "after 502", "after 504", "after silence", "after cut", "after short",
    )  # fmt: skip

    def __init__(self, seed: int, now: Callable[[], datetime], *, api_key: str = "apollo-opponent") -> None:
        super().__init__(seed, now, api_key=api_key)
        self._by_mark: dict[tuple[str, str], dict[str, Record]] = {}
        self._marks: dict[str, list[tuple[str, str]]] = {}
        draw = self.readings.draw
        # How quickly a new contact can be found is not documented
        draw("search_lag_s", (0, 5, 40, 120))
        draw("keywords", ("all words", "any word"))
        # Reports: plus-addresses are normalised when emails are matched
        draw("plus_addresses", ("as they are", "normalised"))
        # Bulk create documents no order, no answer for equal entries, none for one invalid entry of many
        draw("bulk_order", ("as sent", "reversed", "shuffled"))
        draw("bulk_twins", ("both made", "second is existing", "second dropped"))
        draw("bulk_invalid", ("all refused", "all refused", "left out"))
        draw("bulk_email_check", (True, False))
        draw("bulk_forgets_in_1000", (0, 0, 20))
        draw("existing_labels", ("appended", "left alone"))
        # PATCH does not list the social URLs, bulk_update not twitter_url, POST neither
        draw("patch_social", ("stored", "ignored"))
        draw("post_social", ("stored", "ignored"))
        # Values of custom fields are texts in the OpenAPI; what a number does is not said
        draw("custom_number", ("stored", "ignored", "422"))
        draw("custom_unknown", ("ignored", "422"))
        # An answer of 200 that changed nothing: reports of support threads
        draw("silent_in_1000", (0, 0, 20))
        draw("silent_shows", ("old", "new"))
        draw("overwrite_labels", ("replaced", "appended"))
        draw("gone_view", GONE)
        draw("gone_update", ("Cannot update contact as it is deleted.", *GONE[:2], "404"))

    # -- for tests and worlds

    def add(self, fields: dict[str, Any], act: str = "made by a stranger") -> Record:
        """Let a stranger create a contact."""
        contact = self._store(None, fields)
        contact.acts.append(act)
        return contact

    def calm(self) -> None:
        """End all that is not a record's own fault; hidden contacts are seen again, and dropped fields are made anew."""
        super().calm()
        self._unshared.clear()
        while self._dropped:
            self.define(*self._dropped.pop())

    # -- the store

    def _identity(self, given: Mapping[str, Any]) -> str:
        handle = str(given.get("twitter_url") or "").rstrip("/").rpartition("/")[2]
        name = " ".join(str(given.get(n) or "") for n in ("first_name", "last_name")).strip()
        return (
            handle or str(given.get("email") or "") or str(given.get("linkedin_url") or "") or name
        ).lower()

    def _store(self, contact: Record | None, values: Mapping[str, Any]) -> Record:
        now = self._now()
        if contact is None:
            contact = Record(
                f"{0x65A0_0000 + self._seed:08x}{self.number():016x}", {}, now, now, self._identity(values)
            )
            contact.fields = {"label_ids": [], "typed_custom_fields": {}, "contact_stage_id": self.stage}
            self.records[contact.id] = contact
        custom = dict(contact.fields["typed_custom_fields"]) | dict(values.get("typed_custom_fields") or {})
        contact.fields |= {n: v for n, v in values.items() if n not in {"typed_custom_fields", "label_names"}}
        contact.fields["typed_custom_fields"] = {n: v for n, v in custom.items() if v not in {"", None}}
        for name in [n for n, v in contact.fields.items() if v in ("", None)]:
            del contact.fields[name]
        slug = re.search(r"linkedin\.com/in/([^/?#]+)", str(contact.fields.get("linkedin_url") or ""))
        if slug:
            # Third-party clients: Apollo stores one form of the address
            contact.fields["linkedin_url"] = f"http://www.linkedin.com/in/{slug[1].lower()}"
        self._touch(contact)
        return contact

    def _touch(self, contact: Record) -> None:
        contact.updated = self._now()
        self._remark(contact)
        lag = 0.0 if self._calm else self.dice.uniform(0, float(str(self.readings["search_lag_s"])))
        seen = dict(contact.fields) if contact.alive else None
        contact.index.append((self._now() + timedelta(seconds=lag), seen))

    def _values(self, given: Mapping[str, Any], identity: str, *, social: bool = True) -> dict[str, Any]:
        """Return the values that a write stores; names that Apollo does not know are dropped in silence."""
        values = {
            n: v
            for n, v in given.items()
            if n in TEXTS and (social or n not in {"linkedin_url", "twitter_url"})
        }
        for name in ("contact_stage_id", "owner_id", "account_id"):
            if given.get(name):
                if not re.fullmatch(r"[0-9a-f]{24}", str(given[name])):
                    raise self.unprocessable(
                        f"Parameters misconfigured. {given[name]} is not a valid ID", identity=identity
                    )
                values[name] = given[name]
        custom = given.get("typed_custom_fields")
        if isinstance(custom, dict):
            values["typed_custom_fields"] = self._custom(custom, identity)
        if any(isinstance(v, list | dict) for n, v in values.items() if n in TEXTS):
            raise self.unprocessable("Parameters misconfigured. A text is expected", identity=identity)
        return values

    def _custom(self, given: Mapping[str, Any], identity: str) -> dict[str, Any]:
        stored = {}
        for field, value in given.items():
            if field not in self.fields:
                if self.readings["custom_unknown"] == "422":
                    raise self.unprocessable(
                        f"Parameters misconfigured. {field} is not a valid ID", identity=identity
                    )
            elif isinstance(value, str) or value is None or self.readings["custom_number"] == "stored":
                stored[field] = value
            elif self.readings["custom_number"] == "422":
                raise self.unprocessable(f"Invalid value for typed custom field {field}", identity=identity)
        return stored

    def _poisoned(self, identity: str) -> None:
        kind = self.poison_of(identity)
        if kind is None or kind == "dropped":
            return
        status, _, shape = kind.partition(" ")
        self.note(identity, int(status), kind)
        raise RefuseError(
            int(status),
            shape or "error",
            "The contact is refused by a rule of this team",
            page=status in {"403", "502", "504"},
        )

    def _check_email(self, email: Any, identity: str) -> None:
        if email and not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}", str(email)):
            raise self.unprocessable("Email is invalid", identity=identity)

    # -- matching

    def _emails(self, fields: Mapping[str, Any]) -> set[str]:
        raw = [fields.get("email"), *(row.get("email") for row in fields.get("contact_emails") or [])]
        plus = self.readings["plus_addresses"] == "normalised"
        return {re.sub(r"\+[^@]*@", "@", str(e).lower()) if plus else str(e).lower() for e in raw if e}

    def _match(self, given: Mapping[str, Any]) -> Record | None:
        """Find the contact that `run_dedupe` takes for the same: id, CRM ids, person, email, name and company."""
        if given.get("id"):
            found = self.records.get(str(given["id"]))
            return found if found and found.alive else None
        for name in ("salesforce_lead_id", "salesforce_contact_id", "hubspot_vid", "person_id"):
            if given.get(name):
                by_id = next((c for c in self.alive() if c.fields.get(name) == given[name]), None)
                if by_id:
                    return by_id
        for email in sorted(self._emails(given)):
            for contact in self._by_mark.get(("email", email), {}).values():
                return contact
        named = self._by_mark.get(("name", self._full_name(given)), {}).values()
        return next((c for c in named if self._namesakes(given, c.fields)), None)

    def _full_name(self, fields: Mapping[str, Any]) -> str:
        return "\t".join(str(fields.get(n) or "").strip().lower() for n in ("first_name", "last_name"))

    def _remark(self, contact: Record) -> None:
        """Keep the emails and the name by which `run_dedupe` finds a contact."""
        for mark in self._marks.pop(contact.id, []):
            self._by_mark[mark].pop(contact.id, None)
        if contact.alive:
            marks = [("email", email) for email in sorted(self._emails(contact.fields))]
            self._marks[contact.id] = [*marks, ("name", self._full_name(contact.fields))]
            for mark in self._marks[contact.id]:
                self._by_mark.setdefault(mark, {})[contact.id] = contact

    def _namesakes(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        def text(fields: Mapping[str, Any], name: str) -> str:
            return str(fields.get(name) or "").strip().lower()

        if any(not text(one, n) or text(one, n) != text(other, n) for n in ("first_name", "last_name")):
            return False
        domains = [text(fields, "email").partition("@")[2] for fields in (one, other)]
        companies = [text(fields, "organization_name") for fields in (one, other)]
        return (bool(domains[0]) and domains[0] == domains[1]) or (
            bool(companies[0]) and companies[0] == companies[1]
        )

    # -- create

    def _create(self, call: Call) -> Answer:
        given = self.body(call)
        identity = self._identity(given)
        self._poisoned(identity)
        self._check_email(given.get("email"), identity)
        values = self._values(given, identity, social=self.readings["post_social"] == "stored")
        known = self._match(given) if given.get("run_dedupe") in {True, "true"} else None
        contact = self._store(known, values)
        if known:
            contact.acts.append("overwritten by run_dedupe")
        replace = known is None or self.readings["overwrite_labels"] == "replaced"
        self._label(contact, given.get("label_names"), replace=replace)
        return Answer(200, {"contact": self.shown(contact), "labels": []})

    def _create_many(self, call: Call) -> Answer:
        body = self.body(call)
        rows = body.get("contacts")
        if not isinstance(rows, list):
            raise self.unprocessable("contact_attributes is missing")
        if len(rows) > 100:
            raise self.unprocessable("Please limit your array to 100 contacts or fewer.")
        dedupe = body.get("run_dedupe") in {True, "true"}
        todo: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for given in rows:
            try:
                todo.append((given, self._checked(given)))
            except RefuseError as no:
                if no.page or self.readings["bulk_invalid"] == "all refused" or no.status != 422:
                    raise
        made: list[Record] = []
        existing: list[Record] = []
        for given, values in todo:
            self._make(given, values, dedupe=dedupe, made=made, existing=existing)
        for contact in made if self.readings["existing_labels"] == "left alone" else [*made, *existing]:
            self._label(contact, body.get("append_label_names"), replace=False)
        shown = [[self.shown(c) for c in self._ordered(rows)] for rows in (made, existing)]
        return Answer(200, {"created_contacts": shown[0], "existing_contacts": shown[1]})

    def _checked(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise self.unprocessable("contact_attributes is invalid")
        identity = self._identity(given)
        self._poisoned(identity)
        if self.readings["bulk_email_check"]:
            self._check_email(given.get("email"), identity)
        return self._values(given, identity)

    def _make(
        self,
        given: dict[str, Any],
        values: dict[str, Any],
        *,
        dedupe: bool,
        made: list[Record],
        existing: list[Record],
    ) -> None:
        identity = self._identity(given)
        if self.poison_of(identity) == "dropped":
            self.note(identity, 200, "dropped")
            return
        known = self._match(given) if dedupe else None
        if known and known in made:
            twins = self.readings["bulk_twins"]
            if twins == "second is existing":
                existing.append(known)
            if twins != "both made":
                return
            known = None
        if known:
            if known not in existing:
                existing.append(known)
            return
        contact = self._store(None, values)
        made.append(contact)

    def _ordered(self, rows: list[Record]) -> list[Record]:
        """Order the answer, and forget a contact that was made now and then."""
        rows = [
            row
            for row in rows
            if self._calm or not self.dice.once_in_1000(self.readings["bulk_forgets_in_1000"])
        ]
        if self.readings["bulk_order"] == "reversed":
            rows.reverse()
        elif self.readings["bulk_order"] == "shuffled":
            self.dice.shuffle(rows)
        return rows

    # -- read and update

    def _view(self, _: Call, one: str) -> Answer:
        contact = self.records.get(one)
        if contact is None or not contact.alive or self._away(contact):
            said = (
                GONE[2]
                if contact and contact.alive
                else str(self.readings["gone_view"])
                if contact
                else GONE[0]
            )
            raise self.unprocessable(said, identity=contact.identity if contact else one)
        return Answer(200, {"contact": self.shown(contact)})

    def _away(self, contact: Record) -> bool:
        return self._unshared.get(contact.id, self._now()) > self._now()

    def _update(self, call: Call, one: str) -> Answer:
        contact, given = self.records.get(one), self.body(call)
        if contact is None or not contact.alive or self._away(contact):
            said = (
                str(self.readings["gone_update"])
                if contact and not contact.alive
                else GONE[0]
                if contact is None
                else GONE[2]
            )
            if said == "404":
                raise RefuseError(404, "error", "Not Found")
            raise self.unprocessable(
                said, identity=contact.identity if contact else one, deleted_contact_ids=[one]
            )
        self._change(contact, given, social=self.readings["patch_social"] == "stored")
        return Answer(200, {"contact": self._echo})

    def _change(self, contact: Record, given: Mapping[str, Any], *, social: bool) -> None:
        self._poisoned(contact.identity)
        self._check_email(given.get("email"), contact.identity)
        values = self._values(given, contact.identity, social=social)
        if not self._calm and self.dice.once_in_1000(self.readings["silent_in_1000"]):
            self.note(contact.identity, 200, "ignored in silence")
            self._echo = self.shown(contact) | (values if self.readings["silent_shows"] == "new" else {})
            return
        self._store(contact, values)
        self._label(contact, given.get("label_names"), replace=True)
        self._echo = self.shown(contact)

    def _update_many(self, call: Call) -> Answer:
        body = self.body(call)
        rows = body.get("contact_attributes")
        if not isinstance(rows, list):
            common = {n: v for n, v in body.items() if n != "contact_ids"}
            rows = [{"id": one, **common} for one in body.get("contact_ids") or []]
        if len(rows) > 1000 or not rows:
            raise self.unprocessable("Please limit your array to 1000 contacts or fewer.")
        found = []
        for row in rows:
            contact = self.records.get(str(row.get("id")))
            if contact is None or not contact.alive or self._away(contact):
                details = [{"contact_id": row.get("id"), "field": "id", "message": "Contact not found"}]
                raise self.unprocessable(
                    "Validation failed", identity=contact.identity if contact else "", error_details=details
                )
            found.append((contact, row))
        echoes = []
        for contact, row in found:
            self._change(contact, {n: v for n, v in row.items() if n != "twitter_url"}, social=True)
            echoes.append(self._echo)
        if len(rows) > 100:
            return Answer(200, {"entity_progress_job": {"id": f"{self.number():024x}", "status": "queued"}})
        return Answer(200, {"contacts": echoes})

    # -- search

    def _search(self, call: Call) -> Answer:
        asked = self.body(call) | {
            n.removesuffix("[]"): v if n.endswith("[]") else v[0] for n, v in call.query.items()
        }
        page, size = int(asked.get("page") or 1), min(100, int(asked.get("per_page") or 25))
        if page > 500 or page < 1:
            raise self.unprocessable("Parameters misconfigured. page is not valid")
        seen = [(c, c.indexed(self._now())) for c in self.records.values()]
        hits = [(c, f) for c, f in seen if f is not None and not self._away(c) and self._wanted(asked, f)]
        down = asked.get("sort_ascending") not in {True, "true"}
        changed = asked.get("sort_by_field") == "contact_updated_at"
        hits.sort(key=lambda hit: (hit[0].updated if changed else hit[0].created, hit[0].id), reverse=down)
        rows = [self.shown(c, f) for c, f in hits[(page - 1) * size : page * size]]
        pages = {
            "page": page,
            "per_page": size,
            "total_entries": len(hits),
            "total_pages": -(-len(hits) // size),
        }
        return Answer(
            200, {"contacts": rows, "breadcrumbs": [], "partial_results_only": False, "pagination": pages}
        )

    def _wanted(self, asked: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
        """Apply the filters that Apollo knows; it drops any other in silence."""
        labels, stages = asked.get("contact_label_ids"), asked.get("contact_stage_ids")
        if labels and not set(labels) & set(fields["label_ids"]):
            return False
        if stages and fields.get("contact_stage_id") not in stages:
            return False
        if asked.get("linkedin_url") and fields.get("linkedin_url") != asked["linkedin_url"]:
            return False
        words = str(asked.get("q_keywords") or "").lower().split()
        names = ("first_name", "last_name", "title", "organization_name", "email")
        text = " ".join(str(fields.get(name) or "") for name in names).lower()
        found = [word in text for word in words]
        return not words or (all(found) if self.readings["keywords"] == "all words" else any(found))

    # -- strangers

    def _end(self, contact: Record, act: str) -> None:
        contact.deleted = self._now()
        contact.acts.append(act)
        self._touch(contact)

    def _act_merge(self, dice: Dice) -> None:
        one, other = self.pick(dice), self.pick(dice)
        if one and other and one is not other:
            emails = [{"email": e} for e in sorted(self._emails(one.fields) | self._emails(other.fields))]
            self._store(one, {**other.fields, **one.fields, "contact_emails": emails})
            one.acts.append(f"merged with {other.id}")
            other.merged_into = one.id
            self._touch(other)

    def _act_delete(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            self._end(contact, "deleted")

    def _act_edit(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            contact.acts.append("edited")
            self._store(
                contact,
                dice.choice(({"title": "Edited"}, {"first_name": "Edited"}, {"organization_name": "Acme"})),
            )

    def _act_enrich(self, dice: Dice) -> None:
        """Let Apollo's own data fill a contact."""
        contact = self.pick(dice)
        if contact:
            contact.acts.append("enriched")
            self._store(
                contact,
                {
                    "title": "Founder",
                    "organization_name": "Enriched Inc",
                    "person_id": f"{self.number():024x}",
                },
            )

    def _act_namesake(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            names = ("first_name", "last_name", "organization_name")
            same = {n: contact.fields[n] for n in names if n in contact.fields}
            self.add(same | {"email": f"namesake{self.number()}@example.org"}, "a namesake")

    def _act_colleague(self, dice: Dice) -> None:
        """Let a colleague save the same person from the browser extension; it does not de-duplicate."""
        contact = self.pick(dice)
        if contact and dice.random() < 0.3:
            names = ("first_name", "last_name", "linkedin_url")
            self.add({n: contact.fields[n] for n in names if n in contact.fields}, "saved by a colleague")

    def _act_unshare(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            self._unshared[contact.id] = self._now() + timedelta(seconds=dice.choice((60, 900, 86_400)))
            contact.acts.append("moved out of sight")

    def _act_unlist(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            contact.fields["label_ids"] = []
            contact.acts.append("taken off all lists")
            self._touch(contact)

    def _act_drop_field(self, dice: Dice) -> None:
        """Delete a custom field with all its values."""
        if self.fields and dice.random() < 0.1:
            gone = dice.choice(sorted(self.fields))
            field = self.fields.pop(gone)
            self._dropped.append((field["name"], field["type"]))
            for contact in self.alive():
                contact.fields["typed_custom_fields"].pop(gone, None)

    def _act_email(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            contact.acts.append("email changed")
            self._store(contact, {"email": f"new{self.number()}@example.org"})

    ROUTES = (
        ("POST", BASE + "/contacts", "_create"),
        ("POST", BASE + "/contacts/bulk_create", "_create_many"),
        ("POST", BASE + "/contacts/bulk_update", "_update_many"),
        ("POST", BASE + "/contacts/search", "_search"),
        ("GET", BASE + "/contacts/search", "_search"),
        ("GET", BASE + "/contacts/([0-9A-Za-z]+)", "_view"),
        ("PATCH", BASE + "/contacts/([0-9A-Za-z]+)", "_update"),
        ("PUT", BASE + "/contacts/([0-9A-Za-z]+)", "_update"),
        ("GET", BASE + "/auth/health", "health"),
        ("GET", BASE + "/users/api_profile", "profile"),
        ("POST", BASE + "/usage_stats/api_usage_stats", "usage"),
        ("GET", BASE + "/labels", "label_list"),
        ("POST", BASE + "/labels", "label_create"),
        ("POST", BASE + "/labels/add_entity_ids_to_label_names", "label_add"),
        ("GET", BASE + "/fields", "field_list"),
        ("POST", BASE + "/fields", "field_create"),
        ("GET", BASE + "/typed_custom_fields", "field_list"),
        ("POST", BASE + "/typed_custom_fields", "field_create"),
        ("GET", BASE + "/contact_stages", "stage_list"),
        ("GET", BASE + "/users/search", "user_list"),
    )


if __name__ == "__main__":
    main(lambda seed, now, _: Apollo(seed, now), 8004)
