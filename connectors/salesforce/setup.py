"""What must exist in the org before the first lead: custom fields, and the right to write them.

The rights to make them ("Customize Application", "Manage Profiles and Permission Sets") are far above what
delivering needs, so the run-as user mostly lacks them: every change then says where to click. Sources: Salesforce's
Tooling API guide, "CustomField"; its object reference, "FieldPermissions" and "PermissionSetAssignment".
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.salesforce.defaults import CUSTOM_FIELDS, key_metadata
from connectors.salesforce.errors import problem
from connectors.salesforce.lead_fields import Schema
from connectors.salesforce.org import Select
from syncd.connector import Change, Field, Halt, Refused

if TYPE_CHECKING:
    from connectors.salesforce.api import Wire

PERMISSION_SET = "CTGO_syncd"
_WHERE = "Setup > Object Manager > Lead > Fields & Relationships"


class _Wanted(NamedTuple):
    """A field to be made. `metadata` None: it is not one of ours, so only its owner knows what it should be."""

    name: str
    metadata: Mapping[str, Any] | None


def changes(
    wire: "Wire", schema: Schema, fields: Mapping[str, Field], key_field: str, *, apply: bool
) -> Sequence[Change]:
    """What is missing; with `apply` made, or, where the rights do not reach, said how to make by hand.

    Raises Pause or Halt when Salesforce cannot be reached; a refusal of one change is told in that change.
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
    """Whether it is there now. `also`: refusals that say so."""
    try:
        answer = wire.call("POST", path, body=body)
    except (Refused, Halt) as why:
        return any(word in why.detail for word in also)
    if not isinstance(answer, Mapping):
        return False
    errors = answer.get("errors")
    first = problem(errors[0] if isinstance(errors, list) and errors else None)
    return answer.get("success") is True or first.word in also


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
