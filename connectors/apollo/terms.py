"""The options and the mapping in one object, for the modules that do the work."""

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.connector import Field


@dataclass(frozen=True, slots=True)
class Terms:
    """The options and the mapping. `optional`: custom fields that may be absent in Apollo."""

    fields: Mapping[str, Field]
    optional: frozenset[str]
    labels: tuple[str, ...]
    key_field: str
    owner_id: str
    creates_without_email: bool
    fills: bool
    recreates: bool
