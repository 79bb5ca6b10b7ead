"""The Lead object of the pretended org: its fields, and what Salesforce says of a record that does not fit them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KEY = "CTGO_X_User_Id__c"
_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+")


@dataclass
class LeadField:
    """A field as `describe` shows it. `granted`: the run-as user may see and edit it; `listed`: `describe` shows it."""

    name: str
    type: str = "string"
    length: int = 255
    nillable: bool = True
    defaulted: bool = False
    writable: bool = True
    external_id: bool = False
    unique: bool = False
    granted: bool = True
    listed: bool = True
    values: tuple[str, ...] | None = None
    restricted: bool = False

    def described(self) -> dict[str, Any]:
        """Describe the field as the API does."""
        return {
            "name": self.name,
            "type": self.type,
            "length": self.length if self.type not in {"double", "boolean", "datetime"} else 0,
            "byteLength": 3 * self.length,
            "nillable": self.nillable,
            "defaultedOnCreate": self.defaulted,
            "createable": self.writable,
            "updateable": self.writable,
            "externalId": self.external_id,
            "unique": self.unique,
            "restrictedPicklist": self.restricted,
            "picklistValues": [
                {"value": v, "label": v, "active": True, "defaultValue": False} for v in self.values or ()
            ],
        }


def standard_fields() -> list[LeadField]:
    """List the fields of every Lead that matter here."""
    return [
        LeadField("Id", "id", 18, nillable=False, defaulted=True, writable=False),
        LeadField("IsConverted", "boolean", nillable=False, defaulted=True, writable=False),
        LeadField("ConvertedContactId", "reference", 18, writable=False),
        LeadField("IsDeleted", "boolean", nillable=False, defaulted=True, writable=False),
        LeadField("MasterRecordId", "reference", 18, writable=False),
        LeadField("FirstName", length=40),
        LeadField("LastName", length=80, nillable=False),
        LeadField("Company", nillable=False),
        LeadField("Email", "email", 80),
        LeadField("Title", length=128),
        LeadField("Phone", "phone", 40),
        LeadField("Website", "url"),
        LeadField("Description", "textarea", 32_000),
        LeadField("LeadSource", "picklist", values=("Web", "Catch The Good Ones")),
        LeadField("Rating", "picklist", values=("Hot", "Warm", "Cold")),
        LeadField(
            "Status",
            "picklist",
            nillable=False,
            defaulted=True,
            values=("Open - Not Contacted", "Working", "Closed - Converted", "Closed - Not Converted"),
        ),
        LeadField("SystemModstamp", "datetime", nillable=False, defaulted=True, writable=False),
        LeadField("LastModifiedDate", "datetime", nillable=False, defaulted=True, writable=False),
        LeadField("OwnerId", "reference", 18, nillable=False, defaulted=True),
    ]


_CUSTOM_TYPES = {
    "Text": ("string", 255),
    "TextArea": ("textarea", 255),
    "Url": ("url", 255),
    "Email": ("email", 80),
    "Number": ("double", 0),
    "DateTime": ("datetime", 0),
}


def custom_field(name: str, metadata: Mapping[str, Any], *, granted: bool) -> LeadField:
    """A field as the Tooling API makes it. Raises KeyError for a type that it does not know."""
    kind, length = _CUSTOM_TYPES[metadata["type"]]
    return LeadField(
        name,
        kind,
        metadata.get("length", length),
        external_id=bool(metadata.get("externalId")),
        unique=bool(metadata.get("unique")),
        granted=granted,
    )


def error(code: str, message: str, *fields: str) -> dict[str, Any]:
    """An error of a row."""
    return {"statusCode": code, "message": message, "fields": list(fields)}


def mistyped(field: LeadField, value: object) -> bool:
    """Tell whether JSON of this type cannot be read into the field at all."""
    if value is None:
        return False
    if field.type == "double":
        return isinstance(value, bool | str | list | dict)
    if field.type == "boolean":
        return not isinstance(value, bool)
    if not isinstance(value, str):
        return True
    return "\x00" in value or value != value.encode("utf-8", "replace").decode("utf-8")


def misfits(fields: Mapping[str, LeadField], record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the reasons to refuse a row, field by field."""
    for name, value in record.items():
        field = fields[name.lower()]
        if not isinstance(value, str):
            continue
        # Java counts UTF-16 units, and it is the stricter way to count.
        if field.length and len(value.encode("utf-16-le")) // 2 > field.length:
            yield error("STRING_TOO_LONG", f"{name}: data value too large: {value}", name)
        elif field.type == "email" and value and not _EMAIL.fullmatch(value):
            yield error("INVALID_EMAIL_ADDRESS", f"{name}: invalid email address: {value}", name)
        elif field.restricted and value not in (field.values or ()):
            yield error(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"bad value for restricted picklist field: {value}",
                name,
            )


def lacking(fields: Mapping[str, LeadField], record: Mapping[str, Any]) -> list[str]:
    """Required fields that a new record has not."""
    given = {name.lower() for name, value in record.items() if value not in (None, "")}
    return [
        f.name for f in fields.values() if not f.nillable and not f.defaulted and f.name.lower() not in given
    ]
