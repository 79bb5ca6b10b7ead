"""Mistakes in a configuration, each as one sentence: where it stands, the key, what is wrong, the nearest right one.

What pydantic found is retold here. No sentence repeats a value, for any of them may be a secret; a key is repeated,
but not more than a line of it.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

KeyPath = tuple[str, ...]
"""A key with the tables it stands in: `("sources", "main", "poll")`."""


class SettingsError(Exception):
    """The configuration cannot be used. `mistakes` holds one sentence each, `str()` one line each."""

    def __init__(self, message: str, *more: str) -> None:
        """`message`: the first mistake; `more`: the others."""
        super().__init__(message)
        self.mistakes = (message, *more)

    def __str__(self) -> str:
        return "\n".join(self.mistakes)


def dotted(path: Sequence[str]) -> str:
    """The key as TOML writes it, safe to print."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) else ascii(part[:64]) for part in path)


def hint(word: str, known: Collection[str], noun: str = "known keys") -> str:
    """`did you mean poll?`, or what is known if nothing is near."""
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"{noun} are: {', '.join(sorted(known))}" if known else f"there are no {noun}"


def sentences(
    error: ValidationError,
    data: Any,
    model: type[BaseModel],
    *,
    origin: Callable[[KeyPath], str],
    table: KeyPath = (),
    also_known: Collection[str] = (),
) -> list[str]:
    """Retell what pydantic found, one sentence for each key.

    Args:
        error: what validating `data` against `model` raised.
        data: what was validated.
        model: the model of the whole.
        origin: which file or variable set the value at a path.
        table: where the model's table stands in the configuration.
        also_known: keys that may stand in that table besides the model's own.
    """
    found: dict[KeyPath, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = _path(detail, data)
        if detail["type"] == "missing":
            what = f"is missing; it may be set as SYNCD_{'__'.join(table + path).upper()} too"
        else:
            what = _what(detail, path, model, also_known)
        found.setdefault(path, what)
    return [sentence(origin, table + path, what) for path, what in found.items()]


def sentence(origin: Callable[[KeyPath], str], path: KeyPath, what: str) -> str:
    """One mistake: where it stands, its key, what is wrong."""
    return f"{origin(path)}: {dotted(path)}: {what}" if path else f"{origin(path)}: {what}"


def known_keys(model: type[BaseModel]) -> set[str]:
    """The keys that may be written for a model: its fields, by name and by alias."""
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        keys.update(alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str))
    return keys


def _path(detail: ErrorDetails, data: Any) -> KeyPath:
    """The keys of pydantic's location that are in the data; it also holds names of types and branches of unions."""
    path: list[str] = []
    last = len(detail["loc"]) - 1
    for position, part in enumerate(detail["loc"]):
        if _holds(data, part):
            data = data[part]
        elif detail["type"] != "missing" or position != last:
            continue
        path.append(str(part))
    return tuple(path)


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)


_SAID = {
    "string_pattern_mismatch": "must begin with a small letter and hold small letters, digits and _ only",
    "string_type": "must be text in quotes",
    "tuple_type": 'must be a list, as in ["a", "b"]',
    "list_type": 'must be a list, as in ["a", "b"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def _what(detail: ErrorDetails, path: KeyPath, model: type[BaseModel], also_known: Collection[str]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = {key for table in _models_at(model, path[:-1]) for key in known_keys(table)}
        return f"unknown key, {hint(path[-1], known | (set(also_known) if len(path) == 1 else set()))}"
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    text = re.sub(r"^Input should", "must", text)
    return _SAID.get(kind) or re.sub(r", unable to .*$", "", text)


def _models_at(model: type[BaseModel], path: KeyPath) -> list[type[BaseModel]]:
    """The models whose table stands at `path` below `model`."""
    current: list[Any] = [model]
    for part in path:
        below: list[Any] = []
        for here in current:
            if _is_model(here):
                below += [here.model_fields[part].annotation] if part in here.model_fields else []
            else:
                below += get_args(here)
        current = [branch for item in below for branch in _branches(item)]
    return [item for item in current if _is_model(item)]


def _is_model(annotation: Any) -> bool:
    return (
        isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel)
    )


def _branches(annotation: Any) -> list[Any]:
    """An annotation without `Annotated` and, if it is a union, its members."""
    if get_origin(annotation) is Annotated:
        return _branches(get_args(annotation)[0])
    if get_origin(annotation) in {dict, tuple, list, Literal} or not get_args(annotation):
        return [annotation]
    return [branch for argument in get_args(annotation) for branch in _branches(argument)]
