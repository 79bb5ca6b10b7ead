"""HubSpot as an opponent: contacts, properties, search, merges, limits and errors of the CRM API.

Sources: HubSpot's guides on contacts, batches, errors, usage limits and merges; the SDK's issues; recorded
answers of other clients. Paths of v3 and of the dated versions work alike; 2026-09 answers batches with 200.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.opponent.crm import WAF_PAGE, Answer, Call, Dice, Record, RefuseError, gateway, main, stamp
from tests.opponent.hubspot_account import SCHEMA_ROUTES, STAGES, invalid
from tests.opponent.hubspot_contacts import SUMMARY, Contacts

CONTACTS = r"/crm/(?:v3/objects|objects/(?:v3|20\d\d-\d\d))/(?:contacts|0-1)"
# Marks a poison whose row error has no context at all
BARE: Mapping[str, Any] = {"": []}


@dataclass
class _Row:
    """One input of a batch: whom it means, what it writes."""

    given: dict[str, Any]
    contact: Record | None
    values: dict[str, str]
    identity: str
    left_out: bool = False


def _grouped(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the errors of one text to one entry with all their trace ids."""
    groups: dict[str, dict[str, Any]] = {}
    for error in errors:
        ids = (error.get("context") or {}).get("objectWriteTraceId")
        first = groups.setdefault(str(error["message"]) if ids else f"alone {len(groups)}", error)
        if first is not error:
            first["context"]["objectWriteTraceId"] += ids
    return list(groups.values())


class HubSpot(Contacts):
    """A HubSpot account with strangers in it."""

    ACTS: Mapping[str, str] = {
        "merge": "_act_merge",
        "delete": "_act_delete",
        "gdpr": "_act_gdpr",
        "restore": "_act_restore",
        "edit": "_act_edit",
        "change email": "_act_email",
        "clear key": "_act_clear_key",
        "lock": "_act_lock",
        "form": "_act_form",
        "rule": "_act_rule",
        "archive property": "_act_archive_property",
        "outage": "go_down",
    }
    # A row that HubSpot can refuse with each status that its page of errors knows; True: its own fault
    POISON: Mapping[str, bool] = {
        "400 row": True, "400 whole": True, "400 without context": True, "409 nameless": True, "403 waf": True,
        "413": True, "404 row": False, "423": False, "429": False, "500": False, "502": False, "504": False,
    }  # fmt: skip
    FAULTS = (
        "401", "403 waf", "429 TEN_SECONDLY_ROLLING", "429 SECONDLY", "429 DAILY", "429 bare", "477", "500", "502",
        "503", "504", "late 504", "521", "524", "200 page", "cut before", "after 500", "after 502", "after 504", "after silence", "after cut",
        "after short",
    )  # fmt: skip

    def __init__(self, seed: int, now: Callable[[], datetime], *, token: str = "pat-na1-opponent") -> None:  # noqa: S107
        super().__init__(seed, now)
        self.token = token
        self._draw()

    def _draw(self) -> None:
        draw = self.readings.draw
        # rudder-transformer's live test: batch/update leaves a merged id out; the guide says nothing
        draw("merged_update", ("left out", "left out", "not found", "updates survivor"))
        # The community thread on 409 instead of 207, and an airbyte change that halves the batch
        draw(
            "conflict",
            (
                "whole 409",
                "whole 409",
                "row",
                "row with existingId",
                "row 400 CONFLICTING_UNIQUE_VALUE",
                "whole 409 with profile",
            ),
        )
        # The error page: treat every field of an error as optional
        draw("row_context", ("trace id", "trace id", "trace id", "absent"))
        draw("error_extras", ("full", "bare"))
        # The context of an error is a list of trace ids: one entry may speak of several rows
        draw("errors_grouped", (False, False, True))
        # The schema allows both echoes and promises neither
        draw("echo", ("trace id and all", "trace id only", "all without trace id"))
        draw("lock_scope", ("call", "row"))
        draw("poison_on", ("any write", "any write", "updates"))
        draw("gdpr_again", ("400", "409"))
        # 2026-09 binds the account's rules on the create form
        draw("required_on_create", ("nothing", "nothing", "nothing", "lastname"))

    # -- for tests and worlds

    def calm(self) -> None:
        """End all that is not a record's own fault; archived properties come back."""
        super().calm()
        self._archived.clear()

    # -- the door

    def answer(self, call: Call) -> Answer:
        """Answer one call: authority, limits, then the route."""
        if call.headers.get("authorization") != f"Bearer {self.token}":
            return self._error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        search = call.path.endswith("/search")
        too_many = self._limits(search=search)
        if too_many:
            return too_many
        if b"<script" in call.raw.lower() and not self._calm:
            return Answer(403, WAF_PAGE.format(n=self.number()))
        for method, pattern, name in _ROUTES:
            found = re.fullmatch(pattern, call.path.rstrip("/"))
            if found and method == call.method:
                answer: Answer = getattr(self, name)(call, *found.groups())
                if not search:
                    answer.headers |= self._limit_headers()
                return answer
        return self._error(404, "OBJECT_NOT_FOUND", "resource not found")

    def _refused_call(self, no: RefuseError) -> Answer:
        if no.page:
            return (
                Answer(no.status, WAF_PAGE.format(n=self.number()))
                if no.status == 403
                else gateway(no.status)
            )
        if no.status == 429:
            return self._too_many(
                "TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", 10
            )
        if "profile" in no.context:
            return self._exists(no)
        return self._error(no.status, no.code, no.message, no.context)

    def _exists(self, no: RefuseError) -> Answer:
        answer = self._error(409, no.code, no.message)
        identity = [
            {"value": no.context["email"], "type": "EMAIL", "timestamp": 1665417061370, "isPrimary": True}
        ]
        profile = {
            "vid": int(no.context["profile"]),
            "identity": identity,
            "linkedVid": [],
            "isContact": True,
        }
        said = f"A contact with email {no.context['email']} already exists. {no.message.partition('. ')[2]}"
        answer.body |= {
            "identityProfile": profile,
            "errors": [{"message": said, "in": "email"}],
            "error": "CONTACT_EXISTS",
        }
        return answer

    # -- checks of a row

    def _poisoned(self, identity: str, contact: Record | None) -> None:
        kind = self.poison_of(identity)
        if kind is None or (self.readings["poison_on"] == "updates" and contact is None):
            return
        status = int(kind[:3])
        if kind in {"400 row", "404 row"}:
            code = "VALIDATION_ERROR" if status == 400 else "OBJECT_NOT_FOUND"
            raise RefuseError(status, code, "The row is refused by an app card of this account")
        if kind.startswith("400"):
            whole = kind == "400 whole"
            raise RefuseError(
                400,
                "VALIDATION_ERROR",
                "There was a problem with the request.",
                whole=whole,
                context=BARE,
            )
        if kind == "409 nameless":
            raise RefuseError(409, "CONFLICT", "Contact already exists.", whole=True)
        if kind in {"423", "429"}:
            raise RefuseError(status, "LOCKED", "The record is locked", whole=True)
        raise RefuseError(status, kind, kind, page=True)

    def _check_conflicts(self, row: _Row, claims: dict[tuple[str, str], int], number: int) -> None:
        for name in self._unique():
            value = row.values.get(name)
            if not value:
                continue
            if name == "email" and value in self._banned:
                # The guide on GDPR deletes: the email is on a blocklist; how a write is refused is not said
                status = int(str(self.readings["gdpr_again"]))
                code = "VALIDATION_ERROR" if status == 400 else "CONFLICT"
                raise RefuseError(status, code, "The email address is blocklisted by a GDPR delete")
            holder = self._holder(name, value)
            claimed = claims.setdefault(self._key(name, value), number)
            if (holder and holder is not row.contact) or claimed != number:
                raise self._conflict(row, name, value, holder.id if holder else "")

    def _conflict(self, row: _Row, name: str, value: str, holder: str) -> RefuseError:
        how = str(self.readings["conflict"])
        said = f"Contact already exists. Existing ID: {holder}" if holder else "Contact already exists."
        if name != "email" or how.startswith("row 400"):
            mine = row.contact.id if row.contact else "0"
            spot = f"PropertyValueCoordinates{{portalId={self._seed}, objectTypeId=0-1, propertyName={name}, value={value}}}"
            return invalid(
                name,
                "CONFLICTING_UNIQUE_VALUE",
                f"Cannot set {spot} on {mine}. {holder} already has that value.",
            )
        if how == "whole 409 with profile" and holder:
            # The community thread on updated 409 answers, and a client that is told so by one single create
            return RefuseError(
                409, "OBJECT_ALREADY_EXISTS", said, whole=True, context={"profile": holder, "email": value}
            )
        context = {"existingId": [holder]} if how == "row with existingId" and holder else None
        return RefuseError(409, "CONFLICT", said, whole=how == "whole 409", context=context)

    # -- writes

    def _row(self, given: dict[str, Any], kind: str) -> _Row:
        key, name = str(given.get("id") or ""), given.get("idProperty")
        values = given.get("properties")
        values = dict(values) if isinstance(values, dict) else {}
        if kind == "upsert" or (kind == "update" and name):
            if name not in self._unique() or (kind == "update" and name == "email"):
                said = f"Unable to perform update/upsert by non-unique 0-1 property: {name}"
                raise RefuseError(400, "VALIDATION_ERROR", said, whole=True)
            values.setdefault(name, key)
            contact = self._holder(name, key)
        else:
            contact = self.records.get(key) if kind == "update" else None
        fallback = contact.identity if contact else key
        return _Row(
            given, contact, values, (contact and contact.identity) or self._identity(values, fallback)
        )

    def _check(self, row: _Row, kind: str, claims: dict[tuple[str, str], int], number: int) -> None:
        if kind == "update":
            if row.contact and row.contact.merged_into:
                how = self.readings["merged_update"]
                row.left_out = how == "left out"
                row.contact = self.follow(row.contact.id) if how != "not found" else None
            if row.contact is None or row.contact.deleted:
                row.left_out = False
                raise self._missing([str(row.given.get("id"))])
        self._poisoned(row.identity, row.contact)
        if self.locked(row.contact):
            raise RefuseError(
                423, "LOCKED", "The record is locked", whole=self.readings["lock_scope"] == "call"
            )
        row.values = self._clean(row.values, row.contact)
        if row.contact is None and not any(
            row.values.get(name) for name in ("email", "firstname", "lastname")
        ):
            raise RefuseError(
                400, "VALIDATION_ERROR", "At least one of email, firstname or lastname is required"
            )
        email = row.values.get("email")
        if (
            email
            and not self._calm
            and self.dice.once_in_1000(self.readings["race_in_1000"])
            and not self._holder("email", email)
        ):
            self.add({"email": email, "firstname": "Form"}, "raced by a form")
        self._check_conflicts(row, claims, number)

    def _batch(self, call: Call, kind: str) -> Answer:
        inputs, started = self._inputs(call), self._now()
        dated = "2026-09" in call.path
        traces = {row.get("objectWriteTraceId") for row in inputs}
        multi = None not in traces and len(traces) == len(inputs)
        good: list[_Row] = []
        errors: list[dict[str, Any]] = []
        claims: dict[tuple[str, str], int] = {}
        for number, given in enumerate(inputs):
            row = self._row(given, kind)
            try:
                self._check(row, kind, claims, number)
                self._check_required(row, dated=dated)
                good.append(row)
            except RefuseError as no:
                self.note(row.identity, no.status, no.code)
                if no.whole or not (multi or (kind == "update" and no.code == "OBJECT_NOT_FOUND")):
                    raise
                errors.append(self._row_error(no, given, multi=multi))
        results = []
        for row in good:
            if not row.left_out:
                contact = self._store(row.contact, row.values, row.identity)
                results.append(self._written(row, contact, kind))
        failed = len(errors)
        if self.readings["errors_grouped"]:
            errors = _grouped(errors)
        self._disorder(results)
        self._disorder(errors)
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": stamp(started),
            "completedAt": stamp(self._now()),
        }
        if errors:
            body |= {"numErrors": failed, "errors": errors}
        good_status = 201 if kind == "create" else 200
        return Answer(good_status if not errors else 200 if dated else 207, body)

    def _check_required(self, row: _Row, *, dated: bool) -> None:
        name = str(self.readings["required_on_create"])
        if dated and name != "nothing" and row.contact is None and not row.values.get(name):
            raise invalid(name, "REQUIRED_FIELD", f'Property "{name}" is required to create a contact')

    def _row_error(self, no: RefuseError, given: dict[str, Any], *, multi: bool) -> dict[str, Any]:
        error: dict[str, Any] = {
            "status": "error",
            "category": no.code,
            "message": no.message,
            "context": dict(no.context),
        }
        if multi:
            error["context"]["objectWriteTraceId"] = [given["objectWriteTraceId"]]
        absent = self.readings["row_context"] == "absent" and no.code != "OBJECT_NOT_FOUND"
        if absent or no.context == BARE:
            del error["context"]
        if self.readings["error_extras"] == "full":
            error |= {"id": self._uuid(), "links": {}, "errors": []}
        return error

    def _written(self, row: _Row, contact: Record, kind: str) -> dict[str, Any]:
        echo = str(self.readings["echo"])
        names = {*SUMMARY} & {"createdate", "hs_object_id", "lastmodifieddate"}
        trace = row.given.get("objectWriteTraceId")
        names |= set(row.values) if echo != "trace id only" or not trace else set()
        said = self._shown(contact, sorted(names))
        if kind == "upsert":
            said["new"] = row.contact is None
        if trace and echo != "all without trace id":
            said["objectWriteTraceId"] = trace
        return said

    def _upsert(self, call: Call) -> Answer:
        return self._batch(call, "upsert")

    def _create_many(self, call: Call) -> Answer:
        return self._batch(call, "create")

    def _update_many(self, call: Call) -> Answer:
        return self._batch(call, "update")

    def _one(self, call: Call, kind: str, given: dict[str, Any]) -> Answer:
        row = self._row(given, kind)
        try:
            self._check(row, kind, {}, 0)
            self._check_required(row, dated="2026-09" in call.path)
        except RefuseError as no:
            self.note(row.identity, no.status, no.code)
            raise
        contact = self._store(row.contact, row.values, row.identity)
        return Answer(201 if kind == "create" else 200, self._shown(contact, sorted({*row.values, *SUMMARY})))

    def _create(self, call: Call) -> Answer:
        body = call.json()
        return self._one(call, "create", body if isinstance(body, dict) else {})

    def _update(self, call: Call, key: str) -> Answer:
        body = call.json()
        contact = self._found(key, call.first("idProperty"))
        given = {"properties": body.get("properties") if isinstance(body, dict) else None}
        return self._one(call, "update", given | {"id": contact.id if contact else key})

    # -- strangers

    def _act_merge(self, dice: Dice) -> None:
        one, other = self.pick(dice), self.pick(dice)
        if one and dice.random() < 0.5:
            other = self.add({"firstname": one.fields.get("firstname") or "Someone", "phone": "+1 555 0100"})
        if one and other and one is not other and one.alive and other.alive:
            self.merge(*(one, other) if dice.random() < 0.5 else (other, one))

    def _act_delete(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            self._end(contact, "deleted")

    def _act_gdpr(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact and dice.random() < 0.3:
            self._forget(contact)

    def _act_restore(self, dice: Dice) -> None:
        """Restore a deleted contact whose keys nobody took meanwhile; the recycle bin keeps it for 90 days."""
        bin_ = [r for r in self.records.values() if r.deleted and r.acts[-1] == "deleted"]
        contact = dice.choice(bin_) if bin_ else None
        if contact and not any(self._holder(name, contact.fields.get(name, "")) for name in self._unique()):
            contact.deleted = None
            contact.acts.append("restored")
            self._touch(contact)

    def _act_edit(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            stage = dice.choice(STAGES)
            changes = (
                {"firstname": "Edited"},
                {"lifecyclestage": stage},
                {"hs_lead_status": "OPEN"},
                {"company": "Acme"},
                {"lastname": ""},
            )
            contact.acts.append("edited")
            self._store(contact, dice.choice(changes), "")

    def _act_email(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            contact.acts.append("email changed")
            self._store(contact, {"email": dice.choice(("", f"new{contact.id}@example.org"))}, "")

    def _act_clear_key(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact and dice.random() < 0.3:
            contact.acts.append("key cleared")
            self._store(contact, dict.fromkeys(self._unique()[1:], ""), "")

    def _act_lock(self, dice: Dice) -> None:
        contact = self.pick(dice)
        if contact:
            self.lock(contact, float(str(self.readings["lock_s"])))

    def _act_form(self, dice: Dice) -> None:
        """Let a person fill in a form of the site: a namesake, with the same handle, and no email of ours."""
        contact = self.pick(dice)
        if contact:
            same = {name: contact.fields.get(name, "") for name in ("firstname", "lastname", "twitterhandle")}
            self.add(same | {"email": f"form{self.number()}@example.org"}, "form of a namesake")

    def _act_rule(self, dice: Dice) -> None:
        rules = (("firstname", r"\d"), ("lastname", r"[^\x00-\x7f]"), ("lastname", r"^@"), ("jobtitle", r"!"))
        if len(self._rules) < 2 and dice.random() < 0.3:
            self._rules.append(dice.choice(rules))

    def _act_archive_property(self, dice: Dice) -> None:
        """Archive a custom property, and restore it some minutes later."""
        custom = [name for name, p in self.properties.items() if "createdAt" in p and not p["hasUniqueValue"]]
        if custom and dice.random() < 0.2:
            self._archived[dice.choice(custom)] = self._now() + timedelta(seconds=dice.choice((20, 120, 600)))


_ROUTES = (
    ("POST", CONTACTS + "/batch/upsert", "_upsert"),
    ("POST", CONTACTS + "/batch/create", "_create_many"),
    ("POST", CONTACTS + "/batch/update", "_update_many"),
    ("POST", CONTACTS + "/batch/read", "_read_many"),
    ("POST", CONTACTS + "/batch/archive", "_archive_many"),
    ("POST", CONTACTS + "/search", "_search"),
    ("POST", CONTACTS + "/merge", "_merge"),
    ("POST", CONTACTS + "/gdpr-delete", "_gdpr"),
    ("GET", CONTACTS, "_list"),
    ("POST", CONTACTS, "_create"),
    ("GET", CONTACTS + "/([^/]+)", "_read"),
    ("PATCH", CONTACTS + "/([^/]+)", "_update"),
    ("DELETE", CONTACTS + "/([^/]+)", "_archive"),
    *SCHEMA_ROUTES,
)

if __name__ == "__main__":
    main(lambda seed, now, _: HubSpot(seed, now), 8002)
