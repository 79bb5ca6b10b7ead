"""The account behind HubSpot's contacts: limits, error bodies, properties, and the check of a value."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.opponent.crm import WAF_PAGE, Answer, Call, Crm, Record, RefuseError, gateway, stamp

PROPERTIES = r"/crm/(?:v3/properties|properties/(?:v3|20\d\d-\d\d))/(?:contacts?|0-1)"
STAGES = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
)  # fmt: skip
LEAD_STATUS = (
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
)
TEXTS = [
    "email",
    "firstname",
    "lastname",
    "phone",
    "mobilephone",
    "jobtitle",
    "company",
    "website",
    "address",
    "city",
    "state",
    "zip",
    "country",
    "twitterhandle",
    "hs_linkedin_url",
    "hs_additional_emails",
    "hs_merged_object_ids",
    "hubspot_owner_id",
    "industry",
    "message",
]
READ_ONLY = {"hs_object_id", "createdate", "lastmodifieddate", "hs_merged_object_ids"}
PAIRS = {
    "string": {"text", "textarea", "file", "html", "phonenumber", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "bool": {"booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "enumeration": {"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"},
    "phone_number": {"phonenumber"},
}


def invalid(name: str, error: str, message: str) -> RefuseError:
    problem = [
        {"isValid": False, "message": message, "error": error, "name": name, "localizedErrorMessage": message}
    ]
    said = "Property values were not valid: " + json.dumps(problem, separators=(",", ":"))
    return RefuseError(400, "VALIDATION_ERROR", said, context={"propertyName": [name]})


def _property(name: str, kind: str = "string", field: str = "text", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "label": name, "type": kind, "fieldType": field, "groupName": "contactinformation",
        "description": "", "options": [], "displayOrder": -1, "hasUniqueValue": False, "hidden": False,
        "formField": True, "calculated": False, "externalOptions": False, "archived": False,
        "modificationMetadata": {"archivable": False, "readOnlyDefinition": True, "readOnlyValue": name in READ_ONLY},
        **more,
    }  # fmt: skip


def _options(values: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"label": v, "value": v, "displayOrder": n, "hidden": False} for n, v in enumerate(values)]


def millis(value: str) -> float:
    """Read a number, a moment in milliseconds, or an ISO date."""
    try:
        return float(value)
    except ValueError:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


class Account(Crm):
    """A HubSpot account without its contacts."""

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        super().__init__(seed, now)
        self._draw_account()
        self._keys: dict[tuple[str, str], str] = {}
        self._keys_of: dict[str, list[tuple[str, str]]] = {}
        self._rules: list[tuple[str, str]] = []
        self._archived: dict[str, datetime] = {}
        self.groups: dict[str, str] = {"contactinformation": "Contact information"}
        names = [
            name for name in TEXTS if name != "twitterhandle" or self.readings["twitterhandle"] != "absent"
        ]
        self.properties = {name: _property(name) for name in names}
        for name in ("createdate", "lastmodifieddate"):
            self.properties[name] = _property(name, "datetime", "date")
        self.properties["hs_object_id"] = _property("hs_object_id", "number", "number")
        stages, statuses = _options(STAGES), _options(LEAD_STATUS)
        self.properties["lifecyclestage"] = _property(
            "lifecyclestage", "enumeration", "radio", options=stages
        )
        self.properties["hs_lead_status"] = _property(
            "hs_lead_status", "enumeration", "radio", options=statuses
        )

    def _draw_account(self) -> None:
        draw = self.readings.draw
        # Usage guidelines: 100 or 190 calls in 10 s; the day's figure is shared by all apps of the account
        draw("burst", (100, 190))
        draw("daily", (250_000, 250_000, 250_000, 2_000))
        draw("utc_offset_h", (0, -5, 2, 10))
        # Usage guidelines promise no Retry-After; some answers have one
        draw("retry_after", ("absent", "absent", "seconds"))
        # The error page: treat every field of an error as optional
        draw("error_lacks", ("nothing", "nothing", "category", "correlationId", "message"))
        draw("null_value", ("clears", "400"))
        draw("unique_case", ("insensitive", "sensitive"))
        draw("twitterhandle", ("present", "present", "present", "absent"))
        # Reports: a just-made property is unknown to writes for some seconds
        draw("property_lag_s", (0, 0, 0, 4))
        # The body of a conflict on property creation: its category is not documented
        draw("property_exists", ("CONFLICT", "OBJECT_ALREADY_EXISTS", "VALIDATION_ERROR"))

    # -- errors and limits

    def fault(self, name: str, _: Call) -> Answer:
        """Build the answer of a named fault."""
        detail = name.rpartition(" ")[2]
        fixed = {
            "401": lambda: self._error(
                401, "EXPIRED_AUTHENTICATION", "The access token expired 0 seconds ago!"
            ),
            "403 waf": lambda: Answer(403, WAF_PAGE.format(n=self.number())),
            "429 bare": lambda: Answer(429, "Too Many Requests"),
            # 477: the account moves to another data centre; Retry-After is in seconds
            "477": lambda: Answer(477, None, {"Retry-After": str(self.dice.choice((1, 30, 600)))}),
            "200 page": lambda: Answer(200, "<html><body>HubSpot is being updated</body></html>"),
            "500": lambda: self._error(500, "INTERNAL_ERROR", "internal error"),
            "after 500": lambda: self._error(500, "INTERNAL_ERROR", "There was a problem with the request."),
        }
        if name in fixed:
            return fixed[name]()
        if name.startswith("429"):
            return self._too_many(detail, f"You have reached your {detail.lower()} limit.", 1)
        return gateway(int(detail))

    def _uuid(self) -> str:
        n = self.number()
        return f"{self._seed & 0xFFFFFFFF:08x}-0000-4000-8000-{n:012x}"

    def _error(
        self, status: int, category: str, message: str, context: Mapping[str, Any] | None = None
    ) -> Answer:
        body: dict[str, Any] = {"status": "error", "message": message, "correlationId": self._uuid()}
        body["category"] = category
        if context:
            body["context"] = dict(context)
        if status != 409:
            body.pop(str(self.readings["error_lacks"]), None)
        return Answer(status, body, self._limit_headers())

    # -- limits

    def _limits(self, *, search: bool) -> Answer | None:
        if self._calm:
            return None
        if search and self.windows.use("search", 1, 5)[0] < 0:
            # Search: 5 calls a second for the account, and no headers about it
            return self._too_many("SECONDLY", "You have reached your secondly limit.", 1)
        left, wait = self.windows.use("burst", 10, int(str(self.readings["burst"])))
        if left < 0:
            return self._too_many(
                "TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", wait
            )
        midnight = self._now() + timedelta(hours=int(str(self.readings["utc_offset_h"])))
        if self.windows.use(f"daily {midnight.date()}", 90_000, int(str(self.readings["daily"])))[0] < 0:
            return self._too_many("DAILY", "You have reached your daily limit.", 600)
        return None

    def _too_many(self, policy: str, message: str, wait: float) -> Answer:
        body = {
            "status": "error",
            "message": message,
            "errorType": "RATE_LIMIT",
            "correlationId": self._uuid(),
        }
        answer = Answer(429, body | {"policyName": policy, "requestId": self._uuid()}, self._limit_headers())
        if self.readings["retry_after"] == "seconds":
            answer.headers["Retry-After"] = str(max(1, int(wait + 0.999)))
        return answer

    def _limit_headers(self) -> dict[str, str]:
        burst, daily = int(str(self.readings["burst"])), int(str(self.readings["daily"]))
        day = (self._now() + timedelta(hours=int(str(self.readings["utc_offset_h"])))).date()
        return {
            "X-HubSpot-RateLimit-Max": str(burst),
            "X-HubSpot-RateLimit-Remaining": str(self.windows.left("burst", 10, burst)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
            "X-HubSpot-RateLimit-Daily": str(daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self.windows.left(f"daily {day}", 90_000, daily)),
        }

    # -- keys

    def _unique(self) -> list[str]:
        return ["email", *(name for name, p in self.properties.items() if p["hasUniqueValue"])]

    def _key(self, name: str, value: str) -> tuple[str, str]:
        fold = name == "email" or self.readings["unique_case"] == "insensitive"
        return name, value.strip().lower() if fold else value.strip()

    def _holder(self, name: str, value: str) -> Record | None:
        holder = self._keys.get(self._key(name, value)) if value.strip() else None
        return self.records[holder] if holder else None

    def _rekey(self, contact: Record) -> None:
        for key in self._keys_of.pop(contact.id, ()):
            if self._keys.get(key) == contact.id:
                del self._keys[key]
        if not contact.alive:
            return
        for name in self._unique():
            values = [contact.fields.get(name, "")]
            if name == "email":
                values += contact.fields.get("hs_additional_emails", "").split(";")
            for value in filter(None, values):
                key = self._key(name, value)
                self._keys.setdefault(key, contact.id)
                self._keys_of.setdefault(contact.id, []).append(key)

    def _identity(self, values: Mapping[str, Any], fallback: str = "") -> str:
        for name in reversed(self._unique()):
            if values.get(name):
                return str(values[name]).strip().lower()
        return fallback

    # -- the check of a value

    def _clean(self, values: Any, contact: Record | None) -> dict[str, str]:
        """Return the values that a write stores, or refuse them."""
        if not isinstance(values, dict):
            raise RefuseError(
                400, "VALIDATION_ERROR", "Invalid input JSON: properties is required", whole=True
            )
        clean: dict[str, str] = {}
        for name, value in values.items():
            known = self.properties.get(name)
            if known is None or known["archived"] or self._hidden(name):
                raise invalid(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
            if name in READ_ONLY:
                said = f'"{name}" is a read only property; its value cannot be set.'
                raise invalid(name, "READ_ONLY_VALUE", said)
            if (value is None and self.readings["null_value"] == "400") or isinstance(value, dict | list):
                raise RefuseError(
                    400, "VALIDATION_ERROR", "Invalid input JSON: cannot deserialize value", whole=True
                )
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            if text:
                self._check_value(known, text)
            clean[name] = text.strip().lower() if name == "email" else text
        stage, old = clean.get("lifecyclestage"), contact.fields.get("lifecyclestage") if contact else None
        if stage and old and STAGES.index(stage) < STAGES.index(old):
            del clean["lifecyclestage"]  # The guide: the stage moves only forward
        return clean

    def _hidden(self, name: str) -> bool:
        made = self.properties[name].get("createdAt")
        lag = timedelta(seconds=int(str(self.readings["property_lag_s"])))
        fresh = made and not self._calm and datetime.fromisoformat(made) + lag > self._now()
        return bool(fresh) or self._archived.get(name, self._now()) > self._now()

    def _check_value(self, known: dict[str, Any], text: str) -> None:
        name, kind = known["name"], known["type"]
        if name == "email" and not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}", text.strip()):
            raise invalid(name, "INVALID_EMAIL", f"Email address {text} is invalid")
        if len(text) > 65_536:
            raise invalid(name, "STRING_TOO_LONG", "The value is longer than 65536 characters")
        allowed = [option["value"] for option in known["options"]]
        if kind == "enumeration" and not set(text.split(";")) <= set(allowed):
            raise invalid(name, "INVALID_OPTION", f"{text} was not one of the allowed options: {allowed}")
        if kind == "bool" and text not in {"true", "false"}:
            raise invalid(name, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
        if kind in {"number", "date", "datetime"}:
            try:
                millis(text)
            except ValueError:
                said = f"{text} was not a valid {'long' if kind != 'number' else 'number'}."
                raise invalid(name, "INVALID_LONG" if kind != "number" else "INVALID_NUMBER", said) from None
        # Changelog: validation rules of the account bind the API since July 2023
        for ruled, pattern in self._rules:
            if ruled == name and re.search(pattern, text):
                raise invalid(name, "INVALID_ALPHA", "Enter only letters")

    # -- properties

    def _property_list(self, _: Call) -> Answer:
        return Answer(
            200,
            {
                "results": [
                    p for p in self.properties.values() if not p["archived"] and not self._away(p["name"])
                ]
            },
        )

    def _away(self, name: str) -> bool:
        return self._archived.get(name, self._now()) > self._now()

    def _property_read(self, _: Call, name: str) -> Answer:
        known = self.properties.get(name)
        if known is None or known["archived"] or self._away(name):
            raise RefuseError(
                404, "OBJECT_NOT_FOUND", f"Property {name} does not exist in portal {self._seed}"
            )
        return Answer(200, known)

    def define(self, given: dict[str, Any]) -> dict[str, Any]:
        """Create a property as the API's body describes it."""
        missing = [key for key in ("name", "label", "groupName", "type", "fieldType") if not given.get(key)]
        if missing:
            raise RefuseError(
                400, "VALIDATION_ERROR", f"Invalid input JSON: required fields {missing} were not set"
            )
        name, kind = str(given["name"]), str(given["type"])
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise RefuseError(400, "VALIDATION_ERROR", f"Property name {name} is not valid")
        if name in self.properties and not self.properties[name]["archived"]:
            status = 409 if self.readings["property_exists"] != "VALIDATION_ERROR" else 400
            raise RefuseError(
                status, str(self.readings["property_exists"]), f"Property named '{name}' already exists."
            )
        if given["groupName"] not in self.groups:
            raise RefuseError(400, "VALIDATION_ERROR", f"Property group {given['groupName']} does not exist")
        if given["fieldType"] not in PAIRS.get(kind, set()):
            raise RefuseError(
                400, "VALIDATION_ERROR", f"fieldType {given['fieldType']} does not go with type {kind}"
            )
        values = [option.get("value") for option in given.get("options") or []]
        if kind == "bool" and sorted(values) != ["false", "true"]:
            raise RefuseError(400, "VALIDATION_ERROR", "A bool property needs the options true and false")
        if given.get("hasUniqueValue") and len(self._unique()) > 10:
            raise RefuseError(400, "VALIDATION_ERROR", "At most 10 unique properties are allowed")
        more = {key: given[key] for key in given if key not in {"name", "type", "fieldType"}}
        made = {"createdAt": stamp(self._now()), "updatedAt": stamp(self._now()), "createdUserId": "1"}
        editable = {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False}
        self.properties[name] = _property(name, kind, str(given["fieldType"]), **more, **made)
        self.properties[name]["modificationMetadata"] = editable
        return self.properties[name]

    def _property_create(self, call: Call) -> Answer:
        body = call.json()
        return Answer(201, self.define(body if isinstance(body, dict) else {}))

    def _property_create_many(self, call: Call) -> Answer:
        body = call.json() or {}
        results, errors = [], []
        for given in body.get("inputs", []):
            try:
                results.append(self.define(given))
            except RefuseError as no:
                context = {"name": [str(given.get("name"))]}
                errors.append(
                    {"status": "error", "category": no.code, "message": no.message, "context": context}
                )
        said: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": stamp(self._now())}
        said |= {"completedAt": stamp(self._now())}
        return (
            Answer(207, said | {"numErrors": len(errors), "errors": errors}) if errors else Answer(201, said)
        )

    def _property_read_many(self, call: Call) -> Answer:
        names = [str(row.get("name")) for row in (call.json() or {}).get("inputs", [])]
        known = [self.properties[name] for name in names if name in self.properties and not self._away(name)]
        said = {
            "status": "COMPLETE",
            "results": known,
            "startedAt": stamp(self._now()),
            "completedAt": stamp(self._now()),
        }
        return Answer(200 if len(known) == len(names) else 207, said)

    def _property_update(self, call: Call, name: str) -> Answer:
        self._property_read(call, name)
        given = call.json() or {}
        # The reference: hasUniqueValue cannot be changed after creation
        allowed = (
            "label",
            "groupName",
            "description",
            "options",
            "displayOrder",
            "hidden",
            "formField",
            "fieldType",
        )
        self.properties[name] |= {key: given[key] for key in allowed if key in given}
        return Answer(200, self.properties[name])

    def _group_list(self, _: Call) -> Answer:
        rows = [
            {"name": name, "label": label, "displayOrder": -1, "archived": False}
            for name, label in self.groups.items()
        ]
        return Answer(200, {"results": rows})

    def _group_read(self, _: Call, name: str) -> Answer:
        if name not in self.groups:
            raise RefuseError(404, "OBJECT_NOT_FOUND", f"Property group {name} does not exist")
        return Answer(200, {"name": name, "label": self.groups[name], "displayOrder": -1, "archived": False})

    def _group_create(self, call: Call) -> Answer:
        given = call.json() or {}
        if not given.get("name") or not given.get("label"):
            raise RefuseError(400, "VALIDATION_ERROR", "Invalid input JSON: name and label are required")
        if given["name"] in self.groups:
            raise RefuseError(409, str(self.readings["property_exists"]), "Property group already exists")
        self.groups[str(given["name"])] = str(given["label"])
        return Answer(201, self._group_read(call, str(given["name"])).body)

    # -- the account

    def _details(self, _: Call) -> Answer:
        hours = int(str(self.readings["utc_offset_h"]))
        body = {
            "portalId": 1000 + self._seed,
            "accountType": "STANDARD",
            "timeZone": "Etc/UTC",
            "companyCurrency": "USD",
        }
        body |= {
            "additionalCurrencies": [],
            "utcOffset": f"{hours:+03d}:00",
            "utcOffsetMilliseconds": hours * 3_600_000,
        }
        return Answer(200, body | {"uiDomain": "app.hubspot.com", "dataHostingLocation": "na1"})

    def _usage(self, _: Call) -> Answer:
        daily = int(str(self.readings["daily"]))
        row = {
            "name": "private-apps-api-calls-daily",
            "usageLimit": daily,
            "currentUsage": 1,
            "fetchStatus": "SUCCESS",
        }
        return Answer(
            200, {"results": [row | {"collectedAt": stamp(self._now()), "resetsAt": stamp(self._now())}]}
        )

    def _token_info(self, _: Call) -> Answer:
        scopes = [
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.write",
            "oauth",
        ]
        return Answer(200, {"userId": 1, "hubId": 1000 + self._seed, "appId": 7, "scopes": scopes})

    def _owners(self, _: Call) -> Answer:
        owner = {
            "id": "1",
            "email": "owner@example.com",
            "type": "PERSON",
            "firstName": "O",
            "lastName": "W",
            "userId": 1,
        }
        row = owner | {"createdAt": stamp(self._now()), "updatedAt": stamp(self._now()), "archived": False}
        return Answer(200, {"results": [row]})


SCHEMA_ROUTES = (
    ("GET", PROPERTIES, "_property_list"),
    ("POST", PROPERTIES, "_property_create"),
    ("POST", PROPERTIES + "/batch/create", "_property_create_many"),
    ("POST", PROPERTIES + "/batch/read", "_property_read_many"),
    ("GET", PROPERTIES + "/groups", "_group_list"),
    ("POST", PROPERTIES + "/groups", "_group_create"),
    ("GET", PROPERTIES + "/groups/([^/]+)", "_group_read"),
    ("GET", PROPERTIES + "/([^/]+)", "_property_read"),
    ("PATCH", PROPERTIES + "/([^/]+)", "_property_update"),
    ("GET", r"/account-info/(?:v3|20\d\d-\d\d)/details", "_details"),
    ("GET", r"/account-info/(?:v3|20\d\d-\d\d)/api-usage/daily(?:/private-apps)?", "_usage"),
    ("POST", "/oauth/v2/private-apps/get/access-token-info", "_token_info"),
    ("GET", r"/crm/(?:v3/owners|owners/20\d\d-\d\d)/?", "_owners"),
)
