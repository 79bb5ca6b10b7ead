"""Salesforce as an opponent: leads, upserts in collections, duplicate rules, conversion, merges and sharing.

Sources: the REST guide (collections, upsert, composite, headers, error codes), the object reference of Lead, the
limits cheat sheet, recorded answers of other clients, and reports on Stack Exchange.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.opponent.crm import Answer, Call, Record, RefuseError, main
from tests.opponent.salesforce_org import DATA, STATUSES, long_id
from tests.opponent.salesforce_rules import Plan, Rules

SETUP = "CustomField|FieldPermissions|PermissionSet|PermissionSetAssignment|ObjectPermissions"
SAYS = {
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "A lead of this kind needs a territory first",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "LeadTrigger: execution of BeforeInsert\n\ncaused by: System.NullPointerException",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "We can't save this record because the “Lead Router” process failed.",
    "FIELD_FILTER_VALIDATION_EXCEPTION": "Value does not exist or does not match filter criteria.",
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record or 1 records: 00QXx",
    "ENTITY_IS_LOCKED": "the entity is locked for editing",
    "STORAGE_LIMIT_EXCEEDED": "storage limit exceeded",
    "JSON_PARSER_ERROR": "Unexpected character at [line:1, column:97]",
}
LOCKED = {
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "rollup_LeadTrigger: execution of AfterUpdate\n\ncaused by: "
    "System.DmlException: Update failed. First exception on row 0; first error: UNABLE_TO_LOCK_ROW, "
    + SAYS["UNABLE_TO_LOCK_ROW"]
}


class Salesforce(Rules):
    """A Salesforce org with strangers in it."""

    ACTS: Mapping[str, str] = {
        "merge": "_act_merge", "delete": "_act_delete", "undelete": "_act_undelete", "purge": "_act_purge",
        "convert": "_act_convert", "edit": "_act_edit", "hide": "_act_hide", "lock": "_act_lock", "rule": "_act_rule",
        "hide field": "_act_hide_field", "restrict picklist": "_act_restrict", "web form": "_act_form",
        "contact": "_act_contact", "clear key": "_act_clear_key", "revoke session": "_act_revoke", "outage": "go_down",
    }  # fmt: skip
    # The codes of "Core data types: StatusCode" that a row can meet, and calls that one row spoils; True: its own fault
    POISON: Mapping[str, bool] = {
        "FIELD_CUSTOM_VALIDATION_EXCEPTION": True, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": True,
        "CANNOT_EXECUTE_FLOW_TRIGGER": True, "FIELD_FILTER_VALIDATION_EXCEPTION": True, "APEX_ERROR": True,
        "INVALID_CROSS_REFERENCE_KEY": True, "MISSING_ARGUMENT": True, "TRANSFER_REQUIRES_READ": False,
        "LIMIT_EXCEEDED": False, "LICENSE_LIMIT_EXCEEDED": False, "UNABLE_TO_LOCK_ROW": False, "ENTITY_IS_LOCKED": False,
        "STORAGE_LIMIT_EXCEEDED": False, "INSUFFICIENT_ACCESS_OR_READONLY": False, "UNKNOWN_EXCEPTION": False,
        "without code": True, "400 JSON_PARSER_ERROR": True, "403 waf": True, "500 UNKNOWN_EXCEPTION": False, "504": False,
    }  # fmt: skip
    FAULTS = (
        "401", "401 page", "403 REQUEST_LIMIT_EXCEEDED", "403 CONCURRENT", "403 waf", "500 UNKNOWN_EXCEPTION", "502",
        "503 SERVER_UNAVAILABLE", "503 page", "504", "late 504", "200 page", "cut before", "after 401", "after 500 page",
        "after 502", "after 504", "after silence", "after cut", "after short",
    )  # fmt: skip

    def __init__(
        self,
        seed: int,
        now: Callable[[], datetime],
        *,
        client_id: str = "consumer-key",
        client_secret: str = "consumer-secret",  # noqa: S107  # made up
        instance_url: str = "https://acme.my.salesforce.com",
    ) -> None:
        super().__init__(seed, now, instance_url=instance_url)
        self._client = client_id, client_secret
        draw = self.readings.draw
        draw(
            "hidden_answer",
            (
                "DUPLICATE_VALUE",
                "INSUFFICIENT_ACCESS_OR_READONLY",
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            ),
        )
        # A trigger that is not written for many rows fails all rows of its call
        draw("trigger_scope", ("row", "row", "call"))
        # Reports: a trigger passes on the lock that it met, under its own code
        draw("lock_code", ("UNABLE_TO_LOCK_ROW", "ENTITY_IS_LOCKED", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"))
        draw("failed_row", ("without id", "null id", "created false"))
        draw("convert_makes_opportunity", (True, False))

    # -- for tests and worlds

    def calm(self) -> None:
        """End all that is not a record's own fault; what sharing hid is seen again."""
        super().calm()
        forever = self._now() + timedelta(days=3650)
        self._hidden = {name: until for name, until in self._hidden.items() if until > forever}

    # -- the door

    def answer(self, call: Call) -> Answer:
        """Answer one call: sign-in, session, allowance, then the route."""
        if call.path == "/services/oauth2/token":
            if not self._calm and self.dice.once_in_1000(self.readings["race_in_1000"]):
                # The error page of OAuth: "unknown_error", retry your request
                return Answer(400, {"error": "unknown_error", "error_description": "retry your request"})
            return self.token(call)
        if call.path == "/services/data":
            return self.versions(call)
        if not self._session(call):
            return self._expired()
        if self._over_limit():
            raise RefuseError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self._by_value.clear()
        answer = self.route(call)
        answer.headers |= self._limit_info()
        return answer

    def _refuse_client(self, form: Mapping[str, str]) -> tuple[str, str] | None:
        if form.get("client_id") != self._client[0]:
            return "invalid_client_id", "client identifier invalid"
        kind = form.get("grant_type", "")
        if kind == "client_credentials" and form.get("client_secret") != self._client[1]:
            return "invalid_client", "invalid client credentials"
        if kind not in {"client_credentials", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer"}:
            return "unsupported_grant_type", "grant type not supported"
        return None

    def route(self, call: Call) -> Answer:
        """Find the method for a path; the version must be one that lives."""
        version = re.match(DATA, call.path)
        if version and not 41 <= int(version[1]) <= 68:
            raise RefuseError(
                410 if int(version[1]) < 41 else 404,
                "UNSUPPORTED_API_VERSION",
                "API version is not supported",
            )
        for method, pattern, name in _ROUTES:
            found = re.fullmatch(pattern, call.path.rstrip("/"))
            if found and method == call.method:
                answer: Answer = getattr(self, name)(call, *found.groups())
                return answer
        raise RefuseError(404, "NOT_FOUND", "The requested resource does not exist")

    # -- planning one record

    def _identity(self, given: Mapping[str, Any], fallback: str = "") -> str:
        keys = [f["name"] for f in self.fields.values() if f["externalId"]] + ["Email"]
        return next((str(given[name]).lower() for name in keys if given.get(name)), fallback)

    def _plan(self, given: Any, call: Call, *, key: str = "", record_id: str = "") -> Plan:
        if not isinstance(given, dict):
            raise RefuseError(400, "JSON_PARSER_ERROR", "Cannot deserialize a record", whole=True)
        values = {name: value for name, value in given.items() if name not in {"attributes", "Id", "id"}}
        known = self.records.get(long_id(record_id)) if record_id else None
        plan = Plan(self._identity(values, known.identity if known else record_id))
        try:
            self._find(plan, values, key, record_id)
            self._poisoned(plan.identity)
            if self.locked(plan.lead):
                code = str(self.readings["lock_code"])
                raise self._no(code, LOCKED.get(code, SAYS[code]))
            plan.values = self._clean(values, create=plan.lead is None)
            self._check_unique(plan)
            self._check_duplicates(plan, call)
            self._race(plan, key)
        except RefuseError as no:
            self.note(plan.identity, no.status, no.code)
            if no.whole:
                raise
            plan.refusal = no
        return plan

    def _find(self, plan: Plan, values: Mapping[str, Any], key: str, record_id: str) -> None:
        """Find the lead that a record means, and refuse what cannot be touched."""
        if key:
            if not values.get(key):
                raise self._no("MISSING_ARGUMENT", f"{key} not specified")
            found = self._holders(key, values[key])
            if len(found) > 1:
                raise self._no(
                    "DUPLICATE_EXTERNAL_ID",
                    f"{key}: more than one record found for external id field: {[r.id for r in found]}",
                    [key],
                )
            plan.lead = found[0] if found else None
        elif record_id:
            plan.lead = self._by_id(record_id)
        lead = plan.lead
        if lead and lead.fields.get("IsConverted"):
            raise self._no("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if lead and not self.visible(lead):
            # Records out of sight: sharing hides the row, uniqueness does not
            code = str(self.readings["hidden_answer"]) if key else "INSUFFICIENT_ACCESS_OR_READONLY"
            if code == "DUPLICATE_VALUE":
                raise self._no(
                    code, "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
                )
            raise self._no(code, "insufficient access rights on cross-reference id")

    def _by_id(self, record_id: str) -> Record:
        if not re.fullmatch(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", record_id):
            raise self._no("MALFORMED_ID", f"Lead ID: id value of incorrect type: {record_id}", ["Id"])
        lead = self.records.get(long_id(record_id))
        if lead is None or lead.id in self._purged:
            raise self._no("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if not lead.alive:
            raise self._no("ENTITY_IS_DELETED", "entity is deleted")
        return lead

    def _poisoned(self, identity: str) -> None:
        kind = self.poison_of(identity)
        if kind is None:
            return
        status, _, code = kind.partition(" ")
        if status in {"400", "500"}:
            raise RefuseError(int(status), code, SAYS.get(code, "An unexpected error occurred"), whole=True)
        if status.isdigit():
            raise RefuseError(int(status), code, code, page=True)
        if kind == "without code":
            raise self._no("", "")
        raise self._no(kind, SAYS.get(kind, kind.replace("_", " ").lower()))

    def _race(self, plan: Plan, key: str) -> None:
        """Let an earlier request of the same client, still under way, write the key first."""
        if (
            plan.lead is None
            and key
            and plan.values
            and not self._calm
            and self.dice.once_in_1000(self.readings["race_in_1000"])
        ):
            lead = self._store(None, plan.values, plan.identity)
            lead.acts.append("made by a concurrent request")
            raise self._duplicate_value(key, lead)

    # -- writing

    def _store(
        self, lead: Record | None, values: Mapping[str, Any], identity: str, call: Call | None = None
    ) -> Record:
        self._by_value.clear()
        if lead is None:
            lead = self.put("Lead", {"OwnerId": self.owner, "Status": STATUSES[0]})
        elif (
            call
            and call.headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE"
            and "/sobjects" in call.path
        ):
            # The page of Sforce-Auto-Assign: the rules run for leads that are updated, too
            lead.acts.append("assigned anew by an update")
        lead.fields |= {name: value for name, value in values.items() if value is not None}
        for name in [name for name, value in values.items() if value is None]:
            lead.fields.pop(name, None)
        lead.identity, lead.updated = lead.identity or identity, self._now()
        return lead

    def _many(self, call: Call, body: Any, plans: Callable[[Any], Plan]) -> Answer:
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or len(records) > 200:
            raise RefuseError(
                400,
                "EXCEEDED_ID_LIMIT",
                "record limit reached. cannot submit more than 200 records into this call",
            )
        todo = [plans(record) for record in records]
        self._spread(todo)
        failed = any(plan.refusal for plan in todo)
        rolled = bool(body.get("allOrNone")) and failed
        return Answer(200, [self._row(plan, call, rolled=rolled) for plan in todo])

    def _spread(self, todo: list[Plan]) -> None:
        """Let a trigger that throws fail every row of its call."""
        thrown = [
            p.refusal for p in todo if p.refusal and p.refusal.code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        ]
        if thrown and self.readings["trigger_scope"] == "call":
            for plan in todo:
                plan.refusal = plan.refusal or thrown[0]

    def _row(self, plan: Plan, call: Call, *, rolled: bool) -> dict[str, Any]:
        if plan.refusal is None and not rolled:
            lead = self._store(plan.lead, plan.values or {}, plan.identity, call)
            return {"id": lead.id, "success": True, "errors": [], "created": plan.lead is None}
        no = plan.refusal or self._no(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid"
        )
        error = {"statusCode": no.code, "message": no.message, **no.context}
        row: dict[str, Any] = {"success": False, "errors": [error] if no.code else []}
        more: dict[str, dict[str, Any]] = {"null id": {"id": None}, "created false": {"created": False}}
        return row | more.get(str(self.readings["failed_row"]), {})

    def _upsert_many(self, call: Call, _: str, key: str) -> Answer:
        known = self.known(key)
        if known is None or not known["externalId"]:
            raise RefuseError(
                400, "INVALID_FIELD", f"Provided external ID field does not exist or is not accessible: {key}"
            )
        body = call.json()
        records = body.get("records", []) if isinstance(body, dict) else []
        keys = [str(r.get(key)).lower() for r in records if isinstance(r, dict)]

        def plan(given: Any) -> Plan:
            made = self._plan(given, call, key=key)
            if made.identity and keys.count(str(given.get(key)).lower()) > 1:
                made.refusal = self._no(
                    "DUPLICATE_VALUE", f"Duplicate external id specified: {given[key]}", [key]
                )
            return made

        return self._many(call, body, plan)

    def _create_many(self, call: Call, _: str) -> Answer:
        return self._many(call, call.json(), lambda given: self._plan(given, call))

    def _update_many(self, call: Call, _: str) -> Answer:
        def plan(given: Any) -> Plan:
            record_id = str(given.get("Id") or given.get("id") or "") if isinstance(given, dict) else ""
            if not record_id:
                return Plan(
                    "", refusal=self._no("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
                )
            return self._plan(given, call, record_id=record_id)

        return self._many(call, call.json(), plan)

    def _retrieve_many(self, call: Call, version: str, table: str) -> Answer:
        body = call.json() or {}
        ids = body.get("ids") or call.first("ids").split(",")
        names = body.get("fields") or call.first("fields").split(",")
        found = (self.tables[table].get(long_id(one)) for one in ids)
        return Answer(
            200,
            [
                self._shown(table, r, names, version) if r and r.alive and self.visible(r) else None
                for r in found
            ],
        )

    def _shown(self, table: str, record: Record, names: list[str], version: str) -> dict[str, Any]:
        row = {name: self.value(table, record, name) for name in {*names, "Id"}}
        return self._shown_row(table, row, [*names], version)

    # -- single records

    def _single(self, call: Call, plan: Plan) -> Record:
        no = plan.refusal
        if no is None:
            return self._store(plan.lead, plan.values or {}, plan.identity, call)
        if no.code == "DUPLICATE_EXTERNAL_ID":
            urls = [
                f"/services/data/v66.0/sobjects/Lead/{one}" for one in re.findall(r"00Q\w{15}", no.message)
            ]
            raise RefuseError(300, json.dumps(urls), no.message)
        raise no

    def _create(self, call: Call, _: str, table: str) -> Answer:
        if table != "Lead":
            record = self.create_setup(table, call.json())
        else:
            record = self._single(call, self._plan(call.json(), call))
        return Answer(201, {"id": record.id, "success": True, "errors": []})

    def _read(self, call: Call, version: str, table: str, record_id: str) -> Answer:
        record = self.tables.get(table, {}).get(long_id(record_id))
        if record is None or not record.alive or not self.visible(record):
            raise RefuseError(404, "NOT_FOUND", "The requested resource does not exist")
        names = [n for n in call.first("fields").split(",") if n] or [
            *(self.fields if table == "Lead" else record.fields)
        ]
        return Answer(200, self._shown(table, record, names, version))

    def _update(self, call: Call, _: str, table: str, record_id: str) -> Answer:
        if table == "Lead":
            self._single(call, self._plan(call.json(), call, record_id=record_id))
        elif record_id in self.tables.get(table, {}):
            self.tables[table][record_id].fields.update(call.json() or {})
        return Answer(204)

    def _delete(self, _: Call, __: str, table: str, record_id: str) -> Answer:
        record = self.tables.get(table, {}).get(long_id(record_id))
        if record is None or not record.alive:
            raise RefuseError(404, "ENTITY_IS_DELETED", "entity is deleted")
        record.deleted = record.updated = self._now()
        return Answer(204)

    def _read_by_key(self, call: Call, version: str, key: str, value: str) -> Answer:
        found = [r for r in self._holders(key, unquote(value)) if self.visible(r)] if self.known(key) else []
        if not found:
            raise RefuseError(404, "NOT_FOUND", "The requested resource does not exist")
        return self._read(call, version, "Lead", found[0].id)

    def _upsert(self, call: Call, _: str, key: str, value: str) -> Answer:
        known, body = self.known(key), call.json()
        if known is None or not known["externalId"]:
            raise RefuseError(
                404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + key
            )
        given = {**(body if isinstance(body, dict) else {}), key: unquote(value)}
        plan = self._plan(given, call, key=key)
        lead = self._single(call, plan)
        return Answer(
            201 if plan.lead is None else 200,
            {"id": lead.id, "success": True, "errors": [], "created": plan.lead is None},
        )

    # -- composite

    def _part(self, given: Mapping[str, Any], call: Call, body: Any) -> Answer:
        url = urlsplit(str(given["url"]))
        headers = call.headers | {k.lower(): str(v) for k, v in (given.get("httpHeaders") or {}).items()}
        raw = b"" if body is None else json.dumps(body).encode()
        path = url.path if url.path.startswith("/services") else "/services/data/" + url.path.lstrip("/")
        try:
            return self.route(
                Call(str(given["method"]).upper(), unquote(path), parse_qs(url.query), headers, raw)
            )
        except RefuseError as no:
            if no.page:
                raise
            return self._refused_call(no)

    def _composite(self, call: Call, _: str) -> Answer:
        body = call.json() or {}
        parts = body.get("compositeRequest") or []
        queries = sum(
            1
            for part in parts
            if re.search(r"/query(All)?\b|/sobjects/?$|composite/sobjects", str(part.get("url")))
        )
        if len(parts) > 25 or queries > 5 + sum(1 for p in parts if "/query" not in str(p.get("url"))):
            raise RefuseError(
                400, "LIMIT_EXCEEDED", "Limit of 25 subrequests, and of 5 queries or collections, exceeded"
            )
        said, ended = [], False
        before = (
            {one: (dict(lead.fields), lead.updated) for one, lead in self.records.items()}
            if body.get("allOrNone")
            else None
        )
        for part in parts:
            # A session that ends within the call: the parts before are done
            ended = ended or (not self._calm and self.dice.once_in_1000(self.readings["race_in_1000"]))
            answer = self._expired() if ended else self._part(part, call, part.get("body"))
            shown = {"body": answer.body, "httpHeaders": {}, "httpStatusCode": answer.status}
            said.append(shown | {"referenceId": part.get("referenceId")})
        if ended:
            self._tokens.clear()
        if before is not None and any(part["httpStatusCode"] >= 400 for part in said):
            self._roll_back(before)
            halted = [{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back"}]
            said = [
                part if part["httpStatusCode"] >= 400 else part | {"httpStatusCode": 400, "body": halted}
                for part in said
            ]
        return Answer(200, {"compositeResponse": said})

    def _roll_back(self, before: Mapping[str, tuple[dict[str, Any], datetime]]) -> None:
        for one in [one for one in self.records if one not in before]:
            del self.records[one]
        for one, (fields, updated) in before.items():
            self.records[one].fields, self.records[one].updated = fields, updated

    def _batch(self, call: Call, _: str) -> Answer:
        answers = [
            self._part(part, call, part.get("richInput"))
            for part in (call.json() or {}).get("batchRequests") or []
        ]
        rows = [{"statusCode": answer.status, "result": answer.body} for answer in answers]
        return Answer(200, {"hasErrors": any(answer.status >= 400 for answer in answers), "results": rows})


_ROUTES = (
    ("GET", "/services/oauth2/userinfo", "user_info"),
    ("GET", DATA, "resources"),
    ("GET", DATA + "/limits", "limits"),
    ("GET", DATA + "/sobjects", "describe_all"),
    ("GET", DATA + r"/sobjects/(\w+)/describe", "describe"),
    ("GET", DATA + "/query(All)?", "query"),
    ("GET", DATA + "/tooling/query", "query"),
    ("GET", DATA + "/query(All)?/([^/]+)", "query_more"),
    ("POST", DATA + "/composite", "_composite"),
    ("POST", DATA + "/composite/batch", "_batch"),
    ("PATCH", DATA + r"/composite/sobjects/Lead/(\w+)", "_upsert_many"),
    ("POST", DATA + "/composite/sobjects", "_create_many"),
    ("PATCH", DATA + "/composite/sobjects", "_update_many"),
    ("GET", DATA + r"/composite/sobjects/(Lead|Contact)", "_retrieve_many"),
    ("POST", DATA + r"/composite/sobjects/(Lead|Contact)", "_retrieve_many"),
    ("POST", DATA + f"/(?:tooling/)?sobjects/(Lead|{SETUP})", "_create"),
    ("GET", DATA + r"/sobjects/(\w+)/(\w{15}(?:\w{3})?)", "_read"),
    ("PATCH", DATA + r"/sobjects/(\w+)/(\w{15}(?:\w{3})?)", "_update"),
    ("DELETE", DATA + r"/sobjects/(\w+)/(\w{15}(?:\w{3})?)", "_delete"),
    ("GET", DATA + r"/sobjects/Lead/(\w+)/(.+)", "_read_by_key"),
    ("PATCH", DATA + r"/sobjects/Lead/(\w+)/(.+)", "_upsert"),
)

if __name__ == "__main__":
    main(lambda seed, now, port: Salesforce(seed, now, instance_url=f"http://127.0.0.1:{port}"), 8003)
