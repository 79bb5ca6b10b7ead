"""The rules of a Salesforce org about one lead: types, lengths, picklists, uniqueness and duplicates."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.opponent.crm import Call, Record, RefuseError
from tests.opponent.salesforce_strangers import Strangers

SINGLE_STATUS = {
    "NOT_FOUND": 404,
    "ENTITY_IS_DELETED": 404,
    "INSUFFICIENT_ACCESS": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
}


@dataclass
class Plan:
    """One record of a call: the lead it means, the values to store, or the refusal."""

    identity: str
    lead: Record | None = None
    values: dict[str, Any] | None = None
    refusal: RefuseError | None = None


class Rules(Strangers):
    """An org that checks what is written."""

    def __init__(self, seed: int, now: Callable[[], datetime], *, instance_url: str) -> None:
        super().__init__(seed, now, instance_url=instance_url)
        self._by_value: dict[str, dict[str, list[Record]]] = {}
        draw = self.readings.draw
        # Duplicate rules of the org: alert can be overridden by a header, block cannot
        draw("duplicate_rule", ("off", "block", "block", "alert"))
        draw("duplicate_match", ("email", "email or name and company"))
        draw("duplicate_against", ("leads", "leads and contacts"))
        draw("duplicate_on", ("create", "create and edit"))
        # Field reports: the details are absent, or come under a misspelt name; a match may be out of sight
        draw("duplicate_details", ("absent", "duplicateResult", "duplicateResut", "no matches visible"))
        # The pages of the headers do not say if they bind collections
        draw("headers_bind_collections", (True, True, False))
        # Reports of duplicate values name the holder, or hide it
        draw("duplicate_value_names", ("id", "id", "<unknown>", "nothing"))

    def _no(self, code: str, message: str, fields: list[str] | None = None, **more: Any) -> RefuseError:
        context = {"fields": fields or [], **more}
        return RefuseError(SINGLE_STATUS.get(code, 400), code, message, context=context)

    def _holders(self, name: str, value: Any) -> list[Record]:
        """Return the living leads that have a value, in any case; what a call found is kept until a write."""
        known = self._by_value.get(name)
        if known is None:
            known = self._by_value[name] = {}
            for lead in self.alive():
                known.setdefault(str(lead.fields.get(name) or "").lower(), []).append(lead)
        return known.get(str(value).lower(), [])

    def _duplicate_value(self, name: str, lead: Record) -> RefuseError:
        if self.readings["duplicate_value_names"] == "<unknown>":
            said = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
        elif self.readings["duplicate_value_names"] == "nothing":
            said = "duplicate value found: duplicates value on record with id: "
        else:
            said = f"duplicate value found: {name} duplicates value on record with id: {lead.id[:15]}"
        return self._no("DUPLICATE_VALUE", said)

    def _clean(self, values: dict[str, Any], *, create: bool) -> dict[str, Any]:
        """Return the values that a write stores, or refuse them."""
        clean: dict[str, Any] = {}
        for given, value in values.items():
            known = self.known(given)
            if known is None:
                raise self._no("INVALID_FIELD", f"No such column '{given}' on sobject of type Lead")
            name = known["name"]
            if not known["createable" if create else "updateable"]:
                said = f"Unable to create/update fields: {name}. Please check the security settings of this field."
                raise self._no("INVALID_FIELD_FOR_INSERT_UPDATE", said, [name])
            clean[name] = self._clean_value(known, value)
        missing = [
            name for name in ("LastName", "Company") if not clean.get(name) and (create or name in clean)
        ]
        if missing:
            raise self._no(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing
            )
        return clean

    def _clean_value(self, known: dict[str, Any], value: Any) -> Any:
        kind = known["type"]
        if value is None or value == "":
            return None
        numeric = kind in {"int", "double", "currency"}
        wrong = isinstance(value, dict | list) or (kind == "boolean") != isinstance(value, bool)
        if wrong or (numeric and not re.fullmatch(r"-?\d+(?:\.\d+)?", str(value))):
            said = f"Cannot deserialize instance of {kind} from VALUE_STRING value {value} or request may be missing a required field at [line:1, column:9]"
            raise RefuseError(400, "JSON_PARSER_ERROR", said, whole=True)
        if numeric:
            return float(value)
        if isinstance(value, bool):
            return value
        return self._clean_text(known, str(value).strip())

    def _clean_text(self, known: dict[str, Any], text: str) -> str:
        name, kind, length = known["name"], known["type"], known["length"]
        if length and len(text) > length:
            raise self._no(
                "STRING_TOO_LONG", f"{name}: data value too large: {text} (max length={length})", [name]
            )
        if kind == "email" and not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}", text):
            raise self._no("INVALID_EMAIL_ADDRESS", f"{name}: invalid email address: {text}", [name])
        if kind == "datetime" and not re.match(r"\d{4}-\d\d-\d\dT", text):
            raise RefuseError(
                400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of datetime from {text}", whole=True
            )
        allowed = [v["value"] for v in known["picklistValues"]]
        if known["restrictedPicklist"] and text not in allowed:
            said = f"{name}: bad value for restricted picklist field: {text}"
            raise self._no("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", said, [name])
        for ruled, pattern in self._rules:
            if ruled == name and re.search(pattern, text):
                raise self._no(
                    "FIELD_CUSTOM_VALIDATION_EXCEPTION", f"{name} breaks a rule of this org", [name]
                )
        return text

    def _check_unique(self, plan: Plan) -> None:
        for name, value in (plan.values or {}).items():
            if self.fields[name]["unique"] and value:
                for other in self._holders(name, value):
                    if other is not plan.lead:
                        raise self._duplicate_value(name, other)

    def _check_duplicates(self, plan: Plan, call: Call) -> None:
        """Ask the duplicate rules of the org."""
        rule, values = self.readings["duplicate_rule"], plan.values or {}
        if rule == "off" or (plan.lead and self.readings["duplicate_on"] == "create"):
            return
        if plan.lead and all(
            plan.lead.fields.get(n) == values[n] for n in ("Email", "LastName", "Company") if n in values
        ):
            return
        after = (plan.lead.fields if plan.lead else {}) | values
        names = [name for name in ("Email", "LastName") if after.get(name)]
        rows = [lead for name in names for lead in self._holders(name, after[name])]
        if self.readings["duplicate_against"] == "leads and contacts":
            rows += self.tables["Contact"].values()
        matches = [r for r in rows if r is not plan.lead and r.alive and self._alike(after, r.fields)]
        allowed = "allowsave=true" in call.headers.get("sforce-duplicate-rule-header", "").lower().replace(
            " ", ""
        )
        if "/composite/sobjects" in call.path and not self.readings["headers_bind_collections"]:
            allowed = False
        if matches and not (rule == "alert" and allowed):
            raise self._no(
                "DUPLICATES_DETECTED",
                "Use one of these records?",
                **self._details(matches, alert=rule == "alert"),
            )

    def _alike(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        def same(name: str) -> bool:
            return bool(one.get(name)) and str(one[name]).lower() == str(other.get(name) or "").lower()

        if other.get("IsConverted"):
            return False
        by_name = self.readings["duplicate_match"] != "email"
        return same("Email") or (by_name and same("LastName") and same("FirstName") and same("Company"))

    def _details(self, matches: list[Record], *, alert: bool) -> dict[str, Any]:
        how = str(self.readings["duplicate_details"])
        if how == "absent":
            return {}
        seen = [r for r in matches if self.visible(r)] if how != "no matches visible" else []
        records = [
            {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
             "record": {"attributes": {"type": "Contact" if r.id.startswith("003") else "Lead"}, "Id": r.id}}
            for r in seen
        ]  # fmt: skip
        result = {
            "allowSave": alert,
            "duplicateRule": "Standard_Lead_Duplicate_Rule",
            "duplicateRuleEntityType": "Lead",
        }
        match: dict[str, Any] = {
            "entityType": "Lead",
            "errors": [],
            "matchRecords": records,
            "rule": "Standard_Lead_Match_Rule_v1_0",
        }
        match |= {"matchEngine": "FuzzyMatchEngine", "size": len(records), "success": True}
        whole = {
            **result,
            "errorMessage": "Use one of these records?",
            "matchResults": [match] if records else [],
        }
        return {how if how.startswith("duplicate") else "duplicateResult": whole}
