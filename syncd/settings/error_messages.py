"""Mistakes in a configuration, each as one sentence: its file or variable, the key, the mistake, the nearest right key.

pydantic's findings are translated here. No sentence repeats a value, for any value may be a secret; a key is repeated, but
not more than a line of it.
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
    """The configuration cannot be used. `mistakes`: a sentence for each; `str()`: a line for each."""

    def __init__(self, message: str, *more: str, rest: Any = None) -> None:
        """`message`: the first mistake; `more`: the others. `rest`: the settings without what is wrong, to look for more."""
        super().__init__(message)
        self.mistakes = (message, *more)
        self.rest = rest

    def __str__(self) -> str:
        return "\n".join(self.mistakes)


def dotted(path: Sequence[str]) -> str:
    """Write a key as TOML does, safe to print."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) else ascii(part[:64]) for part in path)


def hint(word: str, known: Collection[str], noun: str = "known keys") -> str:
    """Suggest the nearest known word: `did you mean poll?`; list all of them if none is near."""
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
    """Translate pydantic's findings, one sentence for each key.

    Args:
        error: from validating `data` against `model`.
        data: the validated data.
        model: the model of the whole.
        origin: names the file or the variable that set the value at a path.
        table: the path of the model's table in the configuration.
        also_known: keys that the table may have besides the model's own.
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


def places(error: ValidationError, data: Any) -> list[KeyPath]:
    """Return the paths of what pydantic found; that of a missing key is its table's."""
    details = error.errors(include_url=False, include_input=False)
    return [_path(it, data)[: -1 if it["type"] == "missing" else None] for it in details]


def sentence(origin: Callable[[KeyPath], str], path: KeyPath, what: str) -> str:
    """Write one mistake: its file or variable, its key, and what is wrong."""
    return f"{origin(path)}: {dotted(path)}: {what}" if path else f"{origin(path)}: {what}"


def known_keys(model: type[BaseModel]) -> set[str]:
    """List the keys that a model accepts: its fields, by name and by alias."""
    aliases = (alias for it in model.model_fields.values() for alias in (it.alias, it.validation_alias))
    return {*model.model_fields, *(alias for alias in aliases if isinstance(alias, str))}


def _path(detail: ErrorDetails, data: Any) -> KeyPath:
    """Keep the keys of pydantic's location that are in the data; it also has names of types and branches of unions."""
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


_SENTENCES = {
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
    return _SENTENCES.get(kind) or re.sub(r", unable to .*$", "", text)


def _models_at(model: type[BaseModel], path: KeyPath) -> list[type[BaseModel]]:
    """Find the models of the table at `path` below `model`."""
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
    return isinstance(annotation, type) and not get_origin(annotation) and issubclass(annotation, BaseModel)


def _branches(annotation: Any) -> list[Any]:
    """Unwrap an annotation from `Annotated`; return the members of a union."""
    if get_origin(annotation) is Annotated:
        return _branches(get_args(annotation)[0])
    if get_origin(annotation) in {dict, tuple, list, Literal} or not get_args(annotation):
        return [annotation]
    return [branch for argument in get_args(annotation) for branch in _branches(argument)]
