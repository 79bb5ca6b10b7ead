"""HubSpot's contacts at rest: the store, reads by id and by key, the lagging search, merges and deletes."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.opponent.crm import Answer, Call, Record, RefuseError, stamp
from tests.opponent.hubspot_account import Account, millis

SUMMARY = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda a, b: a == b,
    "NEQ": lambda a, b: a != b,
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
}


class Contacts(Account):
    """The contacts of a HubSpot account, without writes in batches."""

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        super().__init__(seed, now)
        self._banned: set[str] = set()
        self._draw_contacts()

    def _draw_contacts(self) -> None:
        draw = self.readings.draw
        # The guide on search: a new record may take a few moments to be found; reports say up to 30 s
        draw("search_lag_s", (0, 2, 10, 30))
        # A read by key is said to bypass the index; it is not said to be at once
        draw("key_read_lag_s", (0, 0, 0, 2))
        # Changelog on merges: the survivor gets a new id; older accounts kept the primary's
        draw("merge_id", ("new", "new", "new", "primary"))
        # A read by an old id answers under the survivor's id, says the changelog; some report a 404
        draw("merged_read", ("survivor", "survivor", "survivor", "not found"))
        draw("missing_read", ("one error for all", "one error each"))
        # The docs show results in order; reports and recordings do not
        draw("order", ("shuffled", "shuffled", "reversed", "as sent"))

    def add(self, fields: dict[str, str], act: str = "made by a stranger") -> Record:
        """Let a stranger create a contact."""
        contact = self._store(None, {k: v for k, v in fields.items() if k in self.properties}, "")
        contact.acts.append(act)
        return contact

    # -- the store

    def _store(self, contact: Record | None, values: Mapping[str, str], identity: str) -> Record:
        now = self._now()
        if contact is None:
            number = str(100_000 + 7 * self.number())
            contact = Record(number, {"hs_object_id": number, "createdate": stamp(now)}, now, now, identity)
            self.records[number] = contact
        contact.fields |= {k: v for k, v in values.items() if v}
        for name in [name for name, value in values.items() if not value]:
            contact.fields.pop(name, None)
        contact.identity = contact.identity or identity
        self._touch(contact)
        return contact

    def _touch(self, contact: Record) -> None:
        now = self._now()
        contact.updated = now
        contact.fields["lastmodifieddate"] = stamp(now)
        self._rekey(contact)
        lag = 0.0 if self._calm else self.dice.uniform(0, float(str(self.readings["search_lag_s"])))
        contact.index.append((now + timedelta(seconds=lag), dict(contact.fields) if contact.alive else None))

    def _disorder(self, rows: list[dict[str, Any]]) -> None:
        if self.readings["order"] == "reversed":
            rows.reverse()
        elif self.readings["order"] == "shuffled":
            self.dice.shuffle(rows)

    def _shown(self, contact: Record, names: list[str]) -> dict[str, Any]:
        return {
            "id": contact.id,
            "properties": {name: contact.fields.get(name) for name in names},
            "createdAt": stamp(contact.created),
            "updatedAt": stamp(contact.updated),
            "archived": contact.deleted is not None,
        }

    def _missing(self, ids: list[str]) -> RefuseError:
        said = (
            "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
        )
        return RefuseError(404, "OBJECT_NOT_FOUND", said, context={"ids": ids})

    def _inputs(self, call: Call) -> list[dict[str, Any]]:
        body = call.json()
        inputs = body.get("inputs") if isinstance(body, dict) else None
        if not isinstance(inputs, list) or not all(isinstance(row, dict) for row in inputs):
            raise RefuseError(400, "VALIDATION_ERROR", "Invalid input JSON: inputs is required", whole=True)
        if len(inputs) > 100:
            said = "The maximum number of inputs allowed is 100"
            raise RefuseError(400, "VALIDATION_ERROR", said, whole=True)
        ids = [str(row.get("id", n)).strip().lower() for n, row in enumerate(inputs)]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            said = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
            raise RefuseError(400, "VALIDATION_ERROR", said, whole=True, context={"ids": twice})
        return inputs

    # -- reads

    def _found(self, key: str, name: str) -> Record | None:
        if not name:
            dead = key in self.records and self.records[key].merged_into is not None
            return None if dead and self.readings["merged_read"] == "not found" else self.follow(key)
        holder = self._holder(name, key) if name in self._unique() else None
        lag = timedelta(seconds=float(str(self.readings["key_read_lag_s"])))
        fresh = holder is not None and not self._calm and holder.created + lag > self._now()
        return None if fresh else holder

    def _in_bin(self, key: str) -> Record | None:
        contact = self.records.get(key)
        return contact if contact and contact.deleted and "gdpr" not in contact.acts else None

    def _read(self, call: Call, key: str) -> Answer:
        contact = self._found(key, call.first("idProperty"))
        if call.first("archived") == "true":
            contact = self._in_bin(key)
        if contact is None:
            raise self._missing([key])
        names = [n for part in call.query.get("properties", []) for n in part.split(",")]
        return Answer(200, self._shown(contact, sorted({*names, *SUMMARY})))

    def _read_many(self, call: Call) -> Answer:
        inputs, body = self._inputs(call), call.json()
        name = str(body.get("idProperty") or "")
        if name and name not in self._unique():
            said = f"Unable to perform read by non-unique 0-1 property: {name}"
            raise RefuseError(400, "VALIDATION_ERROR", said, whole=True)
        names = sorted({*(body.get("properties") or []), "createdate", "hs_object_id", "lastmodifieddate"})
        results: dict[str, dict[str, Any]] = {}
        missing = []
        for row in inputs:
            key = str(row.get("id"))
            contact = self._in_bin(key) if call.first("archived") == "true" else self._found(key, name)
            if contact is None:
                missing.append(key)
            else:
                # Two old ids of one survivor are answered by one result
                results[contact.id] = self._shown(contact, names)
        rows = list(results.values())
        self._disorder(rows)
        body = {
            "status": "COMPLETE",
            "results": rows,
            "startedAt": stamp(self._now()),
            "completedAt": stamp(self._now()),
        }
        if not missing:
            return Answer(200, body)
        groups = (
            [missing] if self.readings["missing_read"] == "one error for all" else [[one] for one in missing]
        )
        errors = [
            {"status": "error", "category": no.code, "message": no.message, "context": no.context}
            for no in map(self._missing, groups)
        ]
        return Answer(
            200 if "2026-09" in call.path else 207, body | {"numErrors": len(errors), "errors": errors}
        )

    def _list(self, call: Call) -> Answer:
        names = sorted({*call.first("properties").split(","), *SUMMARY} - {""})
        start, limit = int(call.first("after", "0")), min(100, int(call.first("limit", "10")))
        rows = [self._shown(contact, names) for contact in self.alive()]
        return Answer(200, self._page(rows, start, limit))

    def _page(self, rows: list[dict[str, Any]], start: int, limit: int) -> dict[str, Any]:
        body: dict[str, Any] = {"results": rows[start : start + limit]}
        if start + limit < len(rows):
            body["paging"] = {"next": {"after": str(start + limit), "link": "?after="}}
        return body

    def _search(self, call: Call) -> Answer:
        body = call.json()
        groups = body.get("filterGroups") or [] if isinstance(body, dict) else None
        if groups is None or len(groups) > 5 or any(len(g.get("filters", [])) > 6 for g in groups):
            raise RefuseError(400, "VALIDATION_ERROR", "There was a problem with the request.", whole=True)
        start, limit = int(body.get("after") or 0), int(body.get("limit") or 10)
        if limit > 200 or start + limit > 10_000:
            raise RefuseError(
                400, "VALIDATION_ERROR", "The maximum is 200 a page and 10000 in all", whole=True
            )
        seen = [(contact, contact.indexed(self._now())) for contact in self.records.values()]
        hits = [
            (contact, fields)
            for contact, fields in seen
            if fields is not None
            and (not groups or any(all(self._matches(f, fields) for f in g["filters"]) for g in groups))
        ]
        for sort in reversed(body.get("sorts") or ["createdate"]):
            name = sort.get("propertyName", "createdate") if isinstance(sort, dict) else str(sort).lstrip("-")
            down = (
                sort.get("direction") == "DESCENDING" if isinstance(sort, dict) else str(sort).startswith("-")
            )
            hits.sort(
                key=lambda hit, name=name: self._comparable(name, str(hit[1].get(name, ""))), reverse=down
            )
        names = sorted(
            {*(body.get("properties") or SUMMARY), "createdate", "hs_object_id", "lastmodifieddate"}
        )
        rows = [
            self._shown(c, names) | {"properties": {n: fields.get(n) for n in names}} for c, fields in hits
        ]
        return Answer(200, {"total": len(hits), **self._page(rows, start, limit)})

    def _comparable(self, name: str, value: str) -> tuple[float, str]:
        kind = self.properties.get(name, {}).get("type")
        if kind in {"number", "date", "datetime"} and value:
            try:
                return millis(value), ""
            except ValueError:
                pass
        return float("-inf"), value.lower()

    def _matches(self, asked: dict[str, Any], fields: dict[str, Any]) -> bool:
        name, operator = str(asked.get("propertyName")), str(asked.get("operator"))
        if name not in self.properties:
            raise RefuseError(
                400, "VALIDATION_ERROR", f"There was a problem with the request: property {name}", whole=True
            )
        own = str(fields.get(name, ""))
        if operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
            return bool(own) == (operator == "HAS_PROPERTY")
        mine = self._comparable(name, own)
        if operator in {"IN", "NOT_IN"}:
            # The guide: values of IN must be lower case for texts, or nothing is found
            values = [str(value) for value in asked.get("values", [])]
            among = mine in [(self._comparable(name, v)[0], v if mine[1] else "") for v in values]
            return bool(own) and among == (operator == "IN")
        if operator in {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}:
            token = str(asked.get("value", "")).lower().strip("*")
            return (token in own.lower()) == (operator == "CONTAINS_TOKEN")
        value = self._comparable(name, str(asked.get("value", "")))
        if operator == "BETWEEN":
            return bool(own) and value <= mine <= self._comparable(name, str(asked.get("highValue", "")))
        if operator not in OPERATORS:
            raise RefuseError(400, "VALIDATION_ERROR", f"Unknown operator {operator}", whole=True)
        return (bool(own) or operator == "NEQ") and OPERATORS[operator](mine, value)

    # -- ends of records

    def merge(self, primary: Record, other: Record) -> Record:
        """Merge two contacts; both old ids lead to the survivor."""
        values = {**other.fields, **primary.fields}
        additional = [record.fields.get("hs_additional_emails", "").split(";") for record in (primary, other)]
        emails = [values.get("email", ""), other.fields.get("email", ""), *additional[0], *additional[1]]
        more = list(dict.fromkeys(filter(None, emails)))[1:]
        merged = filter(None, (values.get("hs_merged_object_ids", ""), primary.id, other.id))
        values |= {"hs_additional_emails": ";".join(more), "hs_merged_object_ids": ";".join(merged)}
        ends = [other]
        if self.readings["merge_id"] == "new":
            number = str(100_000 + 7 * self.number())
            survivor = Record(number, values | {"hs_object_id": number}, primary.created, self._now())
            survivor.identity, survivor.acts = (
                primary.identity or other.identity,
                [*primary.acts, *other.acts],
            )
            self.records[number] = survivor
            ends.append(primary)
        else:
            survivor = primary
            survivor.fields = values | {"hs_object_id": primary.id}
        survivor.acts.append("merged from " + " ".join(end.id for end in ends))
        for end in ends:
            end.merged_into = survivor.id
            self._touch(end)
        self._touch(survivor)
        return survivor

    def _merge(self, call: Call) -> Answer:
        body = call.json() or {}
        pair = [self.records.get(str(body.get(name))) for name in ("primaryObjectId", "objectIdToMerge")]
        if pair[0] is None or pair[1] is None or not (pair[0].alive and pair[1].alive) or pair[0] is pair[1]:
            raise RefuseError(400, "VALIDATION_ERROR", "Unable to merge objects: check the ids", whole=True)
        return Answer(200, self._shown(self.merge(pair[0], pair[1]), list(SUMMARY)))

    def _archive(self, _: Call, key: str) -> Answer:
        contact = self.follow(key)
        if contact:
            self._end(contact, "deleted by the API")
        return Answer(204)

    def _archive_many(self, call: Call) -> Answer:
        for row in self._inputs(call):
            self._archive(call, str(row.get("id")))
        return Answer(204)

    def _gdpr(self, call: Call) -> Answer:
        body = call.json() or {}
        contact = self._found(str(body.get("objectId")), str(body.get("idProperty") or ""))
        if contact:
            self._forget(contact)
        return Answer(204)

    def _end(self, contact: Record, act: str) -> None:
        contact.deleted = self._now()
        contact.acts.append(act)
        self._touch(contact)

    def _forget(self, contact: Record) -> None:
        self._banned.update(filter(None, [contact.fields.get("email")]))
        self._end(contact, "gdpr")
        contact.fields.clear()
