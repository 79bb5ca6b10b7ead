"""A request in the making: a model whose mistakes are sentences, for whoever wrote the file or the command.

Field names may be the vendor's (`syncTimes`) or their like in TOML (`sync_times`). No sentence repeats a value: any of them may
be a secret.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails


class DraftError(ValueError):
    """It cannot be sent as it is. `mistakes` holds one sentence each, `str()` one line each. Values are not repeated."""

    def __init__(self, message: str, *more: str) -> None:
        """`message`: the first mistake; `more`: the others."""
        super().__init__("\n".join((message, *more)))
        self.mistakes = (message, *more)


class Draft(BaseModel):
    """The later body or query of a request."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        str_strip_whitespace=True,
        defer_build=True,
    )

    NULLABLE: ClassVar[frozenset[str]] = frozenset()
    """Fields that may be sent as null."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Check what a file or a command line says. Raises DraftError."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            details = error.errors(include_url=False)
            found = {_sentence(cls, it): None for it in details if not _follows(it, details)}
        raise DraftError(*found)

    def body(self) -> dict[str, Any]:
        """The JSON object to send: what was said, and nothing else."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    @model_validator(mode="after")
    def _says_no_null(self) -> Self:
        for name in self.model_fields_set - self.NULLABLE:
            if getattr(self, name) is None:
                raise ValueError(f"{to_camel(name)} may not be null: leave it out")
        return self


_SAID = {
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """True if a list is too short only because what is wrong in it does not count."""
    where = detail["loc"]
    within = (it for it in details if len(it["loc"]) > len(where) and it["loc"][: len(where)] == where)
    return detail["type"] == "too_short" and any(within)


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    """`pairs[1].accountTier: must be 'starter', 'growth' or 'pro'`."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])[:200]
    kind, text = detail["type"], detail["msg"]
    if kind in _SAID:
        text = _SAID[kind]
    elif kind == "extra_forbidden":
        text = "unknown key" + _hint(str(detail["loc"][-1]), _keys(model))
    else:
        text = re.sub(r"^\w+ should", "must", text.removeprefix("Value error, "))
        text = re.sub(r" after validation.*|, unable to .*", "", text)
    named = "".join(character for character in where.lstrip(".") if character.isprintable())
    return f"{named}: {text}" if named else text


def _keys(annotation: Any) -> set[str]:
    """The vendor's names of all fields of a draft and of those within it."""
    if isinstance(annotation, type) and issubclass(annotation, Draft):
        fields = annotation.model_fields
        within = (_keys(field.annotation) for field in fields.values())
        return {to_camel(name) for name in fields}.union(*within)
    return set().union(*(_keys(part) for part in get_args(annotation)))


def _hint(word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(to_camel(word), known, n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else f", known keys are: {', '.join(sorted(known))}"
