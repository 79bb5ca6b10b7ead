"""The Lead of this org, as `describe` lists it: which fields there are, and how a value is made to fit one.

Nothing here does I/O. Names are compared as Salesforce compares them, whatever their case.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CUT = frozenset({"string", "textarea", "encryptedstring", "combobox", "anyType"})
"""Types whose text may be cut. Half an address or half a URL is another one: it is left out instead."""
_NUMBERS = frozenset({"int", "double", "currency", "percent", "long"})


@dataclass(frozen=True, slots=True)
class Column:
    """One field of Lead. `length` in characters, 0 when it has none; `options`: of a picklist; `values`: if it is restricted."""

    name: str
    type: str
    length: int = 0
    createable: bool = True
    updateable: bool = True
    external_id: bool = False
    unique: bool = False
    required: bool = False
    values: frozenset[str] | None = None
    options: frozenset[str] | None = None
    plain: float = field(init=False)
    """Characters up to which printable ASCII fits as it is; below 0 where a value must be looked at."""

    def __post_init__(self) -> None:
        """Seen once, for every lead asks."""
        takes_text = self.type not in _NUMBERS | {"boolean", "date"} and self.values is None
        object.__setattr__(self, "plain", (self.length or math.inf) if takes_text else -1)


class Schema:
    """The fields of Lead that the run-as user can see."""

    def __init__(self, columns: Iterable[Column]) -> None:
        """See the class."""
        self._columns = {column.name.casefold(): column for column in columns}

    def get(self, name: str) -> Column | None:
        """The field of that API name, in any case; None if it is missing or hidden."""
        return self._columns.get(name.casefold())

    def required(self) -> list[str]:
        """Fields that a new lead cannot be without."""
        return sorted(column.name for column in self._columns.values() if column.required)


def read_schema(described: object) -> Schema:
    """Read the answer of `sobjects/Lead/describe`. Raises ValueError if it is none."""
    fields = described.get("fields") if isinstance(described, Mapping) else None
    if not isinstance(fields, list) or not fields:
        raise ValueError("it lists no fields")
    return Schema(_column(one) for one in fields if isinstance(one, Mapping) and one.get("name"))


def _column(found: Mapping[str, Any]) -> Column:
    length = found.get("length")
    return Column(
        name=str(found["name"]),
        type=str(found.get("type", "string")),
        length=length if isinstance(length, int) else 0,
        createable=found.get("createable") is True,
        updateable=found.get("updateable") is True,
        external_id=found.get("externalId") is True,
        unique=found.get("unique") is True,
        required=found.get("nillable") is False
        and found.get("defaultedOnCreate") is False
        and found.get("createable") is True,
        values=_options(found) if found.get("restrictedPicklist") is True else None,
        options=_options(found),
    )


def _options(found: Mapping[str, Any]) -> frozenset[str] | None:
    listed = found.get("picklistValues")
    if not isinstance(listed, list) or found.get("type") not in ("picklist", "multipicklist", "combobox"):
        return None
    return frozenset(
        str(one.get("value")) for one in listed if isinstance(one, Mapping) and one.get("active") is not False
    )


def fit(column: Column, value: object) -> object | None:
    """The value as the field takes it; None if no part of it can be kept.

    Text is cut to the field's length, counted in UTF-16 units as Salesforce's own Java does, and never inside a
    character. Numbers and truth values stay what they are in fields of their kind.
    """
    if column.type in _NUMBERS:
        return _number(value)
    if column.type == "boolean" and isinstance(value, bool | int | float):
        return value
    text = _text(value)
    if column.type == "date":
        return text[:10]
    if not column.length or _units(text) <= column.length:
        return text
    return _cut(text, column.length) or None if column.type in _CUT else None


def _number(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    text = _text(value)
    try:
        number = int(text) if text.strip().lstrip("+-").isdigit() else float(text)
    except ValueError:
        return text  # the remote will judge it
    return number if math.isfinite(number) else text


def _text(value: object) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def clean(text: str) -> str:
    """The text without what no field of Salesforce can hold: control characters and halves of characters."""
    if text.isascii() and text.isprintable():
        return text
    return _UNWRITABLE.sub("", text).encode("utf-8", "ignore").decode("utf-8")


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "replace")) // 2


def _cut(text: str, length: int) -> str:
    if text.isascii():
        return text[:length].rstrip()
    return (
        text.encode("utf-16-le", "replace")[: 2 * length]
        .decode("utf-16-le", "ignore")
        .rstrip("\u200d \t\n\r")
    )


_LENGTHS: Mapping[str, int] = MappingProxyType(
    {
        "FirstName": 40, "LastName": 80, "MiddleName": 40, "Suffix": 40, "Salutation": 40, "Company": 255, "Title": 128,
        "Street": 255, "City": 40, "State": 80, "PostalCode": 20, "Country": 80, "Description": 32_000,
    }
)  # fmt: skip
_WHOLE: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "Email": ("email", 80),
        "Phone": ("phone", 40),
        "MobilePhone": ("phone", 40),
        "Fax": ("phone", 40),
        "Website": ("url", 255),
    }
)
"""Fields whose values are never cut: type and length."""


def standard_columns() -> dict[str, Column]:
    """The fields of Lead that every org has, by lower-case name, as long as Salesforce documents them."""
    texts = [Column(name, "string", length) for name, length in _LENGTHS.items()]
    return {it.name.casefold(): it for it in (*texts, *(Column(n, *kind) for n, kind in _WHOLE.items()))}
