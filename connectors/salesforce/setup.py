"""The fields of Lead that the connector needs: `changes` makes them, `findings` compares them with the mapping.

The rights to make them ("Customize Application", "Manage Profiles and Permission Sets") are far above what
delivering needs, so the run-as user mostly lacks them: every change then says where to click. Sources: Salesforce's
Tooling API guide, "CustomField"; its object reference, "FieldPermissions" and "PermissionSetAssignment".
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.salesforce.errors import problem
from connectors.salesforce.identity import KEPT_ON_UPDATE, join, left_out, vouched
from connectors.salesforce.lead_fields import Column, Schema, fit, standard_columns
from connectors.salesforce.match import Select
from connectors.salesforce.options import SalesforceOptions
from connectors.salesforce.rate_limit import Budget
from syncd.connector import Change, Field, Finding, Halt, Refused

if TYPE_CHECKING:
    from connectors.salesforce.api import Wire

PERMISSION_SET = "CTGO_syncd"
_WHERE = "Setup > Object Manager > Lead > Fields & Relationships"


def _text(label: str, length: int) -> dict[str, Any]:
    return {"label": label, "type": "Text", "length": length}


CUSTOM_FIELDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "CTGO_Handle__c": _text("CTGO Handle", 64),
        "CTGO_X_URL__c": {"label": "CTGO X URL", "type": "Url"},
        "CTGO_Email_Unverified__c": {"label": "CTGO Email (unverified)", "type": "Email"},
        "CTGO_LinkedIn_URL__c": {"label": "CTGO LinkedIn URL", "type": "Url"},
        "CTGO_Bio__c": {"label": "CTGO Bio", "type": "TextArea"},
        "CTGO_Followers__c": {"label": "CTGO Followers", "type": "Number", "precision": 18, "scale": 0},
        "CTGO_First_Campaign__c": _text("CTGO First Campaign", 255),
        "CTGO_Latest_Campaign__c": _text("CTGO Latest Campaign", 255),
        "CTGO_Segment__c": _text("CTGO Segment", 255),
        "CTGO_Source_Account__c": _text("CTGO Source Account", 255),
        # Text and not a picklist: CTGO's lists of values are open.
        "CTGO_Match__c": _text("CTGO Match", 64),
        "CTGO_Source_Type__c": _text("CTGO Source Type", 64),
        "CTGO_First_Seen__c": {"label": "CTGO First Seen", "type": "DateTime"},
        "CTGO_Ref__c": _text("CTGO Ref", 80),
        "CTGO_Synced_At__c": {"label": "CTGO Synced At", "type": "DateTime"},
    }
)
"""By API name, the metadata of a Lead field: what the Tooling API's CustomField takes."""


def key_metadata() -> dict[str, Any]:
    """The external id field: unique, or two programs at once could make two records for one person."""
    return {**_text("CTGO X User Id", 32), "externalId": True, "unique": True, "caseSensitive": False}


_MADE_AS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "Text": ("string", 255), "TextArea": ("textarea", 255), "Url": ("url", 255), "Email": ("email", 80),
        "Number": ("double", 0), "DateTime": ("datetime", 0),
    }
)  # fmt: skip
"""By type of a `CustomField`, the type and the length that `describe` shows."""


def as_written(fields: Mapping[str, object]) -> dict[str, object]:
    """Return mapped fields as they fit the fields that every org has and those that `setup` makes; others as they are."""
    known = standard_columns()
    for name, metadata in CUSTOM_FIELDS.items():
        kind, length = _MADE_AS[metadata["type"]]
        known[name.casefold()] = Column(name, kind, metadata.get("length", length))
    fitted = {n: fit(known[n.casefold()], v) if n.casefold() in known else v for n, v in fields.items()}
    return {name: value for name, value in fitted.items() if value is not None}


class _Wanted(NamedTuple):
    """A field to be made. `metadata` None: it is not one of ours, so only its owner knows what it should be."""

    name: str
    metadata: Mapping[str, Any] | None


def changes(
    wire: "Wire", schema: Schema, fields: Mapping[str, Field], key_field: str, *, apply: bool
) -> Sequence[Change]:
    """List what is missing; with `apply`, make it or, where the rights do not reach, say how to make it by hand.

    Raises Pause or Halt when Salesforce cannot be reached; a refusal of one change stands in that change.
    """
    wanted = _missing(schema, fields, key_field)
    made = [_field(wire, one, apply=apply) for one in wanted]
    ours = [one.name for one, change in zip(wanted, made, strict=True) if not change.by_hand]
    rights = [_grant(wire, ours, apply=apply)] if ours else []
    return [*made, *rights, *_marks(schema, key_field), *_conversion(fields, key_field)]


def _missing(schema: Schema, fields: Mapping[str, Field], key_field: str) -> list[_Wanted]:
    known = {name.casefold(): metadata for name, metadata in CUSTOM_FIELDS.items()}
    wanted = [] if schema.get(key_field) else [_Wanted(key_field, key_metadata())]
    return wanted + [_Wanted(n, known.get(n.casefold())) for n in fields if schema.get(n) is None]


def _field(wire: "Wire", one: _Wanted, *, apply: bool) -> Change:
    what = f"the field {one.name} on Lead"
    if one.metadata is None:
        return Change(what, done=False, by_hand=f"{_WHERE} > New: make it, or take it out of the mapping.")
    if not apply:
        return Change(what, done=False)
    body = {"FullName": f"Lead.{one.name}", "Metadata": one.metadata}
    done = _made(wire, "tooling/sobjects/CustomField", body, also=frozenset({"DUPLICATE_DEVELOPER_NAME"}))
    return Change(what, done=done, by_hand="" if done else _clicks(one))


def _clicks(one: _Wanted) -> str:
    metadata = one.metadata or {}
    size = metadata.get("length") or metadata.get("precision")
    parts = [
        f"{_WHERE} > New > {metadata.get('type', 'Text')}",
        f"field name {one.name.removesuffix('__c')}",
        *([f"length {size}"] if size else []),
        *(["tick External ID and Unique (case insensitive)"] if metadata.get("externalId") else []),
        "make it visible and editable for the run-as user.",
    ]
    return ", ".join(parts)


def _grant(wire: "Wire", names: Sequence[str], *, apply: bool) -> Change:
    """A permission set with read and edit on the fields, given to the run-as user."""
    what = f"the permission set {PERMISSION_SET} with {len(names)} fields, for the run-as user"
    by_hand = (
        "Setup > Permission Sets > New > Object Settings > Leads: tick Read and Edit for "
        f"{', '.join(names)}; then Manage Assignments > Add: the run-as user."
    )
    if not apply:
        return Change(what, done=False)
    try:
        done = _granted(wire, names)
    except (Refused, Halt):
        done = False
    return Change(what, done=done, by_hand="" if done else by_hand)


def _granted(wire: "Wire", names: Sequence[str]) -> bool:
    user = wire.user_id()
    parent = _permission_set(wire)
    if user is None or parent is None:
        return False
    rights = [
        {"ParentId": parent, "SobjectType": "Lead", "Field": f"Lead.{name}", "PermissionsRead": True, "PermissionsEdit": True}
        for name in names
    ]  # fmt: skip
    twice = frozenset({"DUPLICATE_VALUE"})
    done = [_made(wire, "sobjects/FieldPermissions", right, also=twice) for right in rights]
    assignment = {"PermissionSetId": parent, "AssigneeId": user}
    return _made(wire, "sobjects/PermissionSetAssignment", assignment, also=twice) and all(done)


def _permission_set(wire: "Wire") -> str | None:
    """Its id, found or made; None if it can be neither."""
    ours = Select("PermissionSet", ["Id"], {"Name": [PERMISSION_SET]})
    if found := wire.select(ours):
        return str(found[0]["Id"])
    if not _made(wire, "sobjects/PermissionSet", {"Name": PERMISSION_SET, "Label": "CTGO syncd"}):
        return None
    found = wire.select(ours)
    return str(found[0]["Id"]) if found else None


def _made(wire: "Wire", path: str, body: Mapping[str, Any], also: frozenset[str] = frozenset()) -> bool:
    """True if it is there now. `also`: codes of refusals that mean so."""
    try:
        answer = wire.call("POST", path, body=body)
    except (Refused, Halt) as why:
        return any(code in why.detail for code in also)
    if not isinstance(answer, Mapping):
        return False
    return answer.get("success") is True or problem(answer.get("errors")).code in also


def _marks(schema: Schema, key_field: str) -> list[Change]:
    key = schema.get(key_field)
    if key is None or (key.external_id and key.unique):
        return []
    by_hand = f"{_WHERE} > {key_field} > Edit: tick External ID and Unique. Values that are there twice must be merged first."
    return [Change(f"the field {key_field} marked External ID and Unique", done=False, by_hand=by_hand)]


def _conversion(fields: Mapping[str, Field], key_field: str) -> list[Change]:
    """The map that carries custom fields over when a lead is converted; no API of the rights we have shows it."""
    names = [key_field, *(name for name in fields if name.endswith("__c"))]
    by_hand = (
        f"If leads are converted here: make fields of the same names on Contact, then {_WHERE} > Map Lead Fields, "
        f"or they are lost on conversion: {', '.join(names)}"
    )
    return [Change("the lead conversion field map (cannot be seen from here)", done=False, by_hand=by_hand)]


def calls(budget: Budget, share: float) -> Finding:
    """Report that we are signed in, and how many of its calls the org has used."""
    used = (
        f"{budget.used} of {budget.total} API calls used in 24 hours"
        if budget.total
        else "the count of API calls is unknown"
    )
    return Finding("ok", "salesforce_ready", f"signed in; {used}; {share:.0%} of them may be ours")


def findings(fields: Mapping[str, Field], options: SalesforceOptions, schema: Schema) -> Sequence[Finding]:
    """Compare the mapping with the org's fields."""
    found = [
        *_blocking(fields, options, schema),
        *_required(fields, options, schema),
        *_picklists(fields, schema),
    ]
    return [*found, *_kept(fields), *_emails(fields)]


def _blocking(fields: Mapping[str, Field], options: SalesforceOptions, schema: Schema) -> list[Finding]:
    key, found = options.external_id_field, list[Finding]()
    try:
        join({}, key, schema, options.duplicates)
        found.append(Finding("ok", "salesforce_key", f"{key} is unique and an external id"))
        join(fields, key, schema, options.duplicates)
    except Halt as why:
        found.append(Finding("error", why.code, why.detail))
    return found


def _required(fields: Mapping[str, Field], options: SalesforceOptions, schema: Schema) -> list[Finding]:
    mapped = {name.casefold() for name in fields} | {options.external_id_field.casefold()}
    lacking = [name for name in schema.required() if name.casefold() not in mapped]
    if not lacking:
        return []
    detail = f"new leads need {', '.join(lacking)}, which the mapping does not write"
    return [Finding("error", "salesforce_required", detail)]


def _picklists(fields: Mapping[str, Field], schema: Schema) -> list[Finding]:
    """Constants that a restricted picklist does not hold."""
    found = []
    for name, field in fields.items():
        column = schema.get(name)
        if column is None or column.values is None or "{{" in field.value or field.value in column.values:
            continue
        optional = left_out(column, field.value)
        result = "it is left out" if optional else "every lead would be rejected"
        detail = f"{name} is a restricted picklist without the value that is mapped: {result}"
        found.append(Finding("warning" if optional else "error", "salesforce_picklist", detail))
    return found


def _kept(fields: Mapping[str, Field]) -> list[Finding]:
    kept = [
        name
        for name, field in fields.items()
        if name.casefold() in KEPT_ON_UPDATE and field.policy == "always"
    ]
    if not kept:
        return []
    detail = f"{', '.join(kept)} is set on new leads only: afterwards it is the salesperson's"
    return [Finding("warning", "salesforce_kept", detail)]


def _emails(fields: Mapping[str, Field]) -> list[Finding]:
    if vouched(fields) or not any(name.casefold() == "email" for name in fields):
        return []
    detail = "the mapping of Email does not ask for verified addresses, so nobody is looked up by theirs"
    return [Finding("warning", "salesforce_email", detail)]
