"""The org behind Salesforce's leads: sign-in, sessions, limits, fields, describe, set-up objects, and SOQL."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.opponent import soql
from tests.opponent.crm import WAF_PAGE, Answer, Call, Crm, Record, RefuseError, gateway

DATA = r"/services/data/v(\d\d)\.0"
PREFIXES = {
    "Lead": "00Q", "Contact": "003", "Account": "001", "Opportunity": "006", "User": "005", "Organization": "00D",
    "LeadStatus": "01J", "PermissionSet": "0PS", "FieldPermissions": "01k", "PermissionSetAssignment": "0Pa",
    "ObjectPermissions": "110", "CustomField": "00N", "Group": "00G", "RecordType": "012", "DuplicateRule": "0Bm",
    "EntityDefinition": "000", "FieldDefinition": "000", "Campaign": "701", "CampaignMember": "00v", "Task": "00T",
}  # fmt: skip
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
SYSTEM = [
    "Id",
    "IsDeleted",
    "MasterRecordId",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "Name",
    "IsConverted",
    "ConvertedDate",
    "ConvertedAccountId",
    "ConvertedContactId",
    "ConvertedOpportunityId",
]
# name: type, length
FIELDS = {
    "FirstName": ("string", 40), "LastName": ("string", 80), "Company": ("string", 255), "Email": ("email", 80),
    "Title": ("string", 128), "Phone": ("phone", 40), "MobilePhone": ("phone", 40), "Website": ("url", 255),
    "LeadSource": ("picklist", 255), "Rating": ("picklist", 255), "Status": ("picklist", 255), "Industry": ("picklist", 255),
    "Description": ("textarea", 32000), "Street": ("textarea", 255), "City": ("string", 40), "State": ("string", 80),
    "PostalCode": ("string", 20), "Country": ("string", 80), "NumberOfEmployees": ("int", 0), "AnnualRevenue": ("currency", 0),
    "OwnerId": ("reference", 18), "RecordTypeId": ("reference", 18), "HasOptedOutOfEmail": ("boolean", 0),
}  # fmt: skip
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(short: str) -> str:
    """Return the 18 characters of an id of 15 or 18."""
    short = short[:15]
    blocks = [short[n : n + 5] for n in (0, 5, 10)]
    return short + "".join(CHECKSUM[sum(c.isupper() << n for n, c in enumerate(block))] for block in blocks)


def when(at: datetime) -> str:
    """Write a moment as Salesforce stores it: to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _field(name: str, kind: str, length: int, **more: Any) -> dict[str, Any]:
    writable = name not in SYSTEM
    return {
        "name": name, "label": name, "type": kind, "length": length, "custom": name.endswith("__c"),
        "createable": writable, "updateable": writable, "externalId": False, "unique": False, "caseSensitive": False,
        "nillable": name not in {"LastName", "Company"}, "defaultedOnCreate": name in {"OwnerId", "Status"},
        "restrictedPicklist": False, "picklistValues": [], "referenceTo": [], "relationshipName": None, **more,
    }  # fmt: skip


def values_of(values: tuple[str, ...]) -> list[dict[str, Any]]:
    """Describe the values of a picklist."""
    return [
        {"active": True, "defaultValue": n == 0, "label": v, "value": v, "validFor": None}
        for n, v in enumerate(values)
    ]


class Org(Crm):
    """A Salesforce org without the writing of leads."""

    def __init__(self, seed: int, now: Callable[[], datetime], *, instance_url: str) -> None:
        super().__init__(seed, now)
        self.instance_url = instance_url.rstrip("/")
        self._tokens: dict[str, datetime] = {}
        self._hidden: dict[str, datetime] = {}
        self._locators: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self._used: list[datetime] = []
        self.tables: dict[str, dict[str, Record]] = {name: {} for name in PREFIXES} | {"Lead": self.records}
        self._draw_org()
        self.fields = {name: _field(name, kind, length) for name, (kind, length) in FIELDS.items()}
        self.fields |= {name: _field(name, "string" if name == "Name" else "id", 18) for name in SYSTEM}
        for name in ("IsDeleted", "IsConverted"):
            self.fields[name]["type"] = "boolean"
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp", "ConvertedDate"):
            self.fields[name]["type"] = "datetime"
        restricted = self.readings["lead_source"] == "restricted"
        self.fields["LeadSource"] |= {"picklistValues": values_of(SOURCES), "restrictedPicklist": restricted}
        self.fields["Status"] |= {"picklistValues": values_of(STATUSES), "restrictedPicklist": False}
        self.fields["Rating"] |= {"picklistValues": values_of(("Hot", "Warm", "Cold"))}
        owner = self.put("User", {"Name": "Integration User", "Username": "i@example.com", "IsActive": True})
        self.owner = owner.id
        self.put(
            "Organization", {"Name": "Acme", "OrganizationType": "Enterprise Edition", "IsSandbox": False}
        )
        for status in STATUSES:
            self.put(
                "LeadStatus",
                {"MasterLabel": status, "ApiName": status, "IsConverted": "- Converted" in status},
            )

    def _draw_org(self) -> None:
        draw = self.readings.draw
        # Limits: 100,000 and more in 24 h, 15,000 for a Developer Edition; small orgs run dry
        draw("daily", (100_000, 100_000, 15_000, 1_500))
        # The session policy: two hours by default, fifteen minutes at least; a sliding end
        draw("session_s", (7200, 7200, 900))
        draw("lead_source", ("open", "restricted"))
        # A query answers up to 2000 rows, and may answer fewer
        draw("page", (2000, 2000, 200))
        draw("limit_info", ("usage", "usage and bursts", "usage per app", "absent"))
        draw("converted_visible", (True, True, True, False))

    # -- records of all kinds

    def put(self, table: str, fields: dict[str, Any]) -> Record:
        """Store a new record of any kind."""
        number = self.number()
        record_id = long_id(f"{PREFIXES[table]}Xx{number:010d}")
        record = Record(record_id, dict(fields), self._now(), self._now())
        self.tables[table][record_id] = record
        return record

    def define(
        self,
        name: str,
        kind: str = "string",
        length: int = 255,
        *,
        external: bool = False,
        unique: bool = False,
    ) -> None:
        """Create a custom field of Lead that everybody sees."""
        self.fields[name] = _field(name, kind, length, externalId=external, unique=unique)

    def visible(self, record: Record) -> bool:
        """Tell if sharing lets the integration user see a record."""
        if self._hidden.get(record.id, record.created) > self._now():
            return False
        return bool(self.readings["converted_visible"]) or self._calm or not record.fields.get("IsConverted")

    def known(self, name: str) -> dict[str, Any] | None:
        """Return a field of Lead that the user sees, by its name in any case."""
        folded = name.lower()
        found = self.fields.get(name) or next(
            (f for n, f in self.fields.items() if n.lower() == folded), None
        )
        hidden = found is None or self._hidden.get(found["name"], self._now()) > self._now()
        return None if hidden else found

    def value(self, table: str, record: Record, path: str) -> Any:
        """Return the value at a field or a path of a relationship."""
        head, _, rest = path.partition(".")
        if rest:
            name = head[:-1] + "c" if head.endswith("__r") else head + "Id"
            target = record.fields.get(name) or (
                self.owner if name in {"OwnerId", "CreatedById", "LastModifiedById"} else None
            )
            kind = next((t for t, prefix in PREFIXES.items() if target and target.startswith(prefix)), None)
            other = self.tables[kind].get(str(target)) if kind else None
            return self.value(str(kind), other, rest) if other else None
        made = {
            "id": record.id, "createddate": when(record.created), "lastmodifieddate": when(record.updated),
            "systemmodstamp": when(record.updated), "isdeleted": not record.alive, "createdbyid": self.owner,
            "lastmodifiedbyid": self.owner, "masterrecordid": record.merged_into,
        }  # fmt: skip
        if head.lower() in made:
            return made[head.lower()]
        if head.lower() == "name" and table in {"Lead", "Contact"}:
            return " ".join(filter(None, (record.fields.get("FirstName"), record.fields.get("LastName"))))
        if head.lower() == "isconverted":
            return bool(record.fields.get("IsConverted"))
        if head in record.fields:
            return record.fields[head]
        return next((v for name, v in record.fields.items() if name.lower() == head.lower()), None)

    # -- the door

    def _refused_call(self, no: RefuseError) -> Answer:
        if no.page:
            return Answer(403, WAF_PAGE.format(n=self.number())) if no.status == 403 else gateway(no.status)
        error: dict[str, Any] = {"message": no.message, "errorCode": no.code}
        if "fields" in no.context:
            error["fields"] = no.context["fields"]
        return Answer(no.status, [error], self._limit_info())

    def fault(self, name: str, call: Call) -> Answer:
        """Build the answer of a named fault."""
        status, code = int(re.findall(r"\d\d\d", name)[0]), name.rpartition(" ")[2]
        if call.path == "/services/oauth2/token" and status in {401, 403, 500}:
            # The OAuth error page: "unknown_error", retry your request
            return Answer(400, {"error": "unknown_error", "error_description": "retry your request"})
        if status == 401:
            # A session may be revoked at any moment; the answer to a call under way says so
            self._tokens.clear()
            return (
                self._expired()
                if code != "page"
                else Answer(401, "<html><body>Session expired</body></html>")
            )
        says = {
            "REQUEST_LIMIT_EXCEEDED": "TotalRequests Limit exceeded.",
            "CONCURRENT": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            "UNKNOWN_EXCEPTION": "An unexpected error occurred. Please include this ErrorId if you contact support: 1-2 (3)",
            "SERVER_UNAVAILABLE": "We are down for maintenance.",
        }
        if code in says:
            shown = "REQUEST_LIMIT_EXCEEDED" if code == "CONCURRENT" else code
            return Answer(status, [{"message": says[code], "errorCode": shown}])
        if code == "page":
            return Answer(
                status, "<html><body>We are down for maintenance. Sorry for the inconvenience.</body></html>"
            )
        return Answer(403, WAF_PAGE.format(n=self.number())) if code == "waf" else gateway(status)

    def _expired(self) -> Answer:
        return Answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])

    def _session(self, call: Call) -> bool:
        """Tell if the call's session lives, and prolong it."""
        token = call.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("OAuth ")
        alive = self._tokens.get(token, self._now()) > self._now()
        if alive:
            self._tokens[token] = self._now() + timedelta(seconds=int(str(self.readings["session_s"])))
        return alive

    def _over_limit(self) -> bool:
        """Count a call of the rolling 24 hours."""
        daily, since = int(str(self.readings["daily"])), self._now() - timedelta(hours=24)
        if len(self._used) > daily // 2:
            self._used = [at for at in self._used if at > since]
        self._used.append(self._now())
        return len(self._used) > daily and not self._calm

    def _limit_info(self) -> dict[str, str]:
        how, daily = self.readings["limit_info"], self.readings["daily"]
        usage = f"api-usage={len(self._used)}/{daily}"
        more = {
            "usage and bursts": "; api-bursts=1/750",
            "usage per app": "; per-app-api-usage=17/250(appName=syncd)",
        }
        return {} if how == "absent" else {"Sforce-Limit-Info": usage + more.get(str(how), "")}

    # -- sign-in

    def token(self, call: Call) -> Answer:
        """Answer the token endpoint: client credentials, or a JWT, or a password."""
        form = {name: values[0] for name, values in parse_qs(call.raw.decode()).items()}
        basic = call.headers.get("authorization", "")
        if basic.startswith("Basic "):
            name, _, secret = base64.b64decode(basic[6:]).decode().partition(":")
            form |= {"client_id": name, "client_secret": secret}
        refusal = self._refuse_client(form)
        if refusal:
            return Answer(400, dict(zip(("error", "error_description"), refusal, strict=True)))
        token = f"00DXx0000000001!{self._seed}.{self.number()}"
        self._tokens[token] = self._now() + timedelta(seconds=int(str(self.readings["session_s"])))
        body = {
            "access_token": token,
            "signature": "c2lnbmF0dXJl",
            "scope": "api",
            "instance_url": self.instance_url,
        }
        body |= {"id": f"{self.instance_url}/id/00DXx0000000001/{self.owner}", "token_type": "Bearer"}
        return Answer(200, body | {"issued_at": str(int(self._now().timestamp() * 1000))})

    def _refuse_client(self, form: Mapping[str, str]) -> tuple[str, str] | None:
        raise NotImplementedError

    def user_info(self, _: Call) -> Answer:
        """Answer who is signed in."""
        ids = {
            "user_id": self.owner,
            "organization_id": next(iter(self.tables["Organization"])),
            "active": True,
        }
        return Answer(
            200, ids | {"sub": self.owner, "preferred_username": "i@example.com", "name": "Integration User"}
        )

    # -- metadata

    def versions(self, _: Call) -> Answer:
        """List the API's versions."""
        return Answer(
            200,
            [{"label": f"v{n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(41, 69)],
        )

    def resources(self, _: Call, version: str) -> Answer:
        """List the resources of one version."""
        base = f"/services/data/v{version}.0"
        return Answer(
            200,
            {
                name: f"{base}/{name}"
                for name in ("sobjects", "query", "queryAll", "composite", "limits", "tooling")
            },
        )

    def limits(self, _: Call, __: str) -> Answer:
        """Tell what is left."""
        daily = int(str(self.readings["daily"]))
        storage = {"Max": 1000, "Remaining": 900}
        left = {"Max": daily, "Remaining": max(0, daily - len(self._used))}
        return Answer(200, {"DailyApiRequests": left, "DataStorageMB": storage})

    def describe_all(self, _: Call, __: str) -> Answer:
        """List the objects."""
        flags = {"createable": True, "updateable": True, "queryable": True}
        return Answer(
            200, {"sobjects": [{"name": name, "keyPrefix": PREFIXES[name], **flags} for name in PREFIXES]}
        )

    def describe(self, _: Call, __: str, table: str) -> Answer:
        """Describe one object."""
        if table not in PREFIXES:
            raise RefuseError(404, "NOT_FOUND", "The requested resource does not exist")
        fields = [f for f in self.fields.values() if self.known(f["name"])]
        if table != "Lead":
            fields = [f for f in fields if not f["custom"]]
        flags = {
            "createable": True,
            "updateable": True,
            "queryable": True,
            "mergeable": True,
            "custom": False,
        }
        return Answer(
            200,
            {
                "name": table,
                "label": table,
                "keyPrefix": PREFIXES[table],
                **flags,
                "fields": fields,
                "recordTypeInfos": [],
            },
        )

    def create_setup(self, table: str, body: Any) -> Record:
        """Create a record of set-up: a permission on a field makes the field visible."""
        record = self.put(table, body if isinstance(body, dict) else {})
        if table == "CustomField":
            self._create_field(record)
        elif table == "FieldPermissions" and record.fields.get("PermissionsRead"):
            self._hidden.pop(str(record.fields.get("Field", "")).partition(".")[2], None)
        return record

    def _create_field(self, record: Record) -> None:
        full, meta = str(record.fields.get("FullName")), record.fields.get("Metadata") or {}
        table, _, name = full.partition(".")
        if table == "Lead" and name in self.fields:
            del self.tables["CustomField"][record.id]
            said = f"There is already a field named {name.removesuffix('__c')} on Lead."
            raise RefuseError(400, "DUPLICATE_DEVELOPER_NAME", said, context={"fields": ["FullName"]})
        record.fields |= {"DeveloperName": name.removesuffix("__c"), "TableEnumOrId": table}
        kinds = {
            "Number": "double",
            "Checkbox": "boolean",
            "DateTime": "datetime",
            "Date": "date",
            "Url": "url",
            "LongTextArea": "textarea",
        }
        if table == "Lead":
            kind = kinds.get(str(meta.get("type")), "string")
            length = int(meta.get("length") or 255)
            self.define(
                name, kind, length, external=bool(meta.get("externalId")), unique=bool(meta.get("unique"))
            )
            # A field made by the API is invisible until a permission is granted
            self._hidden[name] = self._now() + timedelta(days=36500)

    # -- SOQL

    def query(self, call: Call, version: str, everything: str = "") -> Answer:
        """Answer a query; `queryAll` also finds the recycle bin."""
        text = call.first("q")
        # The limit of URI and headers together
        if len(call.raw) + len(json.dumps(call.query)) > 16_384:
            return Answer(414, "<html><body>URI Too Long</body></html>")
        try:
            query = soql.parse(text, self._now())
        except soql.SoqlError as wrong:
            raise RefuseError(400, wrong.code, str(wrong)) from None
        table = next((name for name in PREFIXES if name.lower() == query.table.lower()), None)
        if table is None:
            raise RefuseError(400, "INVALID_TYPE", f"sObject type '{query.table}' is not supported.")
        self._check_columns(table, query.used, text)
        found = (r for r in self.tables[table].values() if (everything or r.alive) and self.visible(r))
        rows = [{name: self.value(table, r, name) for name in {*query.used, "Id"}} for r in found]
        chosen = soql.run(query, rows)
        if query.counts:
            return Answer(200, {"totalSize": len(chosen), "done": True, "records": []})
        shown = [self._shown_row(table, row, query.columns, version) for row in chosen]
        locator = f"01g{self.number():015d}-0"
        return Answer(200, self._page(locator, shown, 0, version))

    def _check_columns(self, table: str, names: set[str], text: str) -> None:
        for name in names:
            head, _, rest = name.partition(".")
            if rest or table not in {"Lead", "Contact"}:
                continue
            known = self.known(head)
            if table == "Contact":
                missing = head.lower().endswith("__c") or head.lower() in {"company", "isconverted", "status"}
            else:
                missing = known is None
            if missing:
                said = (
                    f"\n{text[:40]}\n^\nERROR at Row:1:Column:8\nNo such column '{head}' on entity '{table}'."
                )
                raise RefuseError(400, "INVALID_FIELD", said)

    def _shown_row(self, table: str, row: dict[str, Any], columns: list[str], version: str) -> dict[str, Any]:
        url = f"/services/data/v{version}.0/sobjects/{table}/{row['Id']}"
        shown: dict[str, Any] = {"attributes": {"type": table, "url": url}}
        for name in columns:
            head, _, rest = name.partition(".")
            if not rest:
                shown[name] = row[name]
            elif row[name] is None:
                shown.setdefault(head, None)
            else:
                shown[head] = (shown.get(head) or {"attributes": {"type": head}}) | {rest: row[name]}
        return shown

    def _page(self, locator: str, rows: list[dict[str, Any]], start: int, version: str) -> dict[str, Any]:
        end = start + int(str(self.readings["page"]))
        body: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[start:end]}
        if end < len(rows):
            self._locators[locator] = (version, rows)
            body["nextRecordsUrl"] = f"/services/data/v{version}.0/query/{locator.partition('-')[0]}-{end}"
        return body

    def query_more(self, _: Call, version: str, __: str, locator: str) -> Answer:
        """Answer the next page of a query."""
        first, _sep, start = locator.partition("-")
        _version, rows = self._locators.get(f"{first}-0", (version, []))
        if not rows:
            raise RefuseError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return Answer(200, self._page(f"{first}-0", rows, int(start or 0), version))
