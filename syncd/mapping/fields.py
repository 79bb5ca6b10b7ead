"""A connector's fields and its `where`, compiled once and evaluated for each lead: see the package."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from syncd.connector import Field
from syncd.failure import Reject
from syncd.mapping.sandbox import LONGEST, Expression, NullUsed, compiled, parse, why
from syncd.mapping.variables import VARIABLES

_JSON = frozenset({str, int, float, bool, list, dict})


class MappingError(ValueError):
    """A field or `where` that cannot work, whatever the lead: one sentence that names it and what to write."""


class _Cell(NamedTuple):
    """How a field is put together: `form` (None: the value itself) and the keys of its values."""

    form: str | None
    keys: tuple[str, ...]


class FieldMap:
    """The fields of one connector. `uses`: the variables that `evaluate` must be given."""

    def __init__(self, cells: Mapping[str, _Cell], expressions: Mapping[str, Expression]) -> None:
        """See `compile`. An expression's key is a number, a space and its field's name: like no variable."""
        self._cells = cells
        # Most fields are one variable each, which needs no putting together
        self._plain = all(cell.form is None for cell in cells.values()) and not expressions
        self._variables = [(name, cell.keys[0]) for name, cell in cells.items() if cell.keys]
        self._all = compiled(expressions)
        self._single = {key: compiled({key: expression}) for key, expression in expressions.items()}
        direct = {key for cell in cells.values() for key in cell.keys if key not in expressions}
        self.uses = frozenset(direct.union(*(expression.uses for expression in expressions.values())))

    @classmethod
    def compile(cls, owner: str, fields: Mapping[str, Field]) -> "FieldMap":
        """Compile `fields`; `owner` is how messages call their connector. Raises MappingError."""
        cells: dict[str, _Cell] = {}
        expressions: dict[str, Expression] = {}
        where = f"{owner}.fields"
        try:
            for name, field in fields.items():
                where = f"{owner}.fields.{name}"
                cells[name], found = _taken_apart(name, field.value)
                if found:
                    compiled(found)  # all are compiled again together; here a mistake has a name
                expressions |= found
            return cls(cells, expressions)
        except ValueError as error:
            raise MappingError(f"{where}: {error}") from None

    def evaluate(self, values: Mapping[str, object]) -> dict[str, object]:
        """The mapped result: JSON values by field, in the fields' order, nulls and blank texts left out.

        `values` holds at least what `uses` names. Raises Reject("mapping_failed") naming the field.
        """
        if self._plain:
            result: dict[str, object] = {}
            for name, key in self._variables:
                value = values[key]
                # What is plain at a glance; the other way knows what to say of the rest
                if type(value) is str:
                    if not 0 < len(value) <= LONGEST or value.isspace():
                        break
                elif value is None:
                    continue
                elif type(value) is not int:
                    break
                result[name] = value
            else:
                return result
        return self._put_together(values)

    def _put_together(self, values: Mapping[str, object]) -> dict[str, object]:
        scope = {**values, **self._computed(values)} if self._single else values
        result: dict[str, object] = {}
        for name, (form, keys) in self._cells.items():
            if form is None:
                value = scope[keys[0]]
            else:
                parts = [scope[key] for key in keys]
                value = None if None in parts else form.format(*parts)
            if value is None:
                continue
            if type(value) is str:
                if len(value) > LONGEST:
                    raise _failed(name, f"it gives a text of more than {LONGEST} characters")
                if not value or value.isspace():
                    continue
            elif type(value) not in _JSON or (type(value) is float and not math.isfinite(value)):
                raise _failed(name, f"it gives a {type(value).__name__} that no connector can write")
            result[name] = value
        return result

    def _computed(self, values: Mapping[str, object]) -> dict[str, object]:
        try:
            return self._all(values)
        except Exception:  # noqa: BLE001 - whatever it was, it comes again below, where the field is known
            return {key: self._alone(key, values) for key in self._single}

    def _alone(self, key: str, values: Mapping[str, object]) -> object:
        try:
            return self._single[key](values)[key]
        except NullUsed:
            return None
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            raise _failed(key.partition(" ")[2], why(error)) from None


def _failed(field: str, reason: str) -> Reject:
    return Reject("mapping_failed", f"field {field}: {reason}")


def _taken_apart(name: str, text: str) -> tuple[_Cell, dict[str, Expression]]:
    """One field, and those of its parts that are more than a variable. Raises ValueError."""
    if "{{" not in text and "{%" not in text:
        if (bare := text.strip("{} ")) in VARIABLES:
            raise ValueError(f"braces are missing: write {{{{ {bare} }}}}")
        return _Cell(_literal(text), ()), {}
    parts = parse(text)
    form = ""
    keys: list[str] = []
    expressions: dict[str, Expression] = {}
    for part in parts:
        if isinstance(part, str):
            form += _literal(part)
            continue
        key = part.variable or f"{len(keys)} {name}"
        if part.variable is None:
            expressions[key] = part
        form += "{}"
        keys.append(key)
    return _Cell(None if len(parts) == 1 and keys else form, tuple(keys)), expressions


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


class Filter:
    """A `where`. `uses`: the variables that `accepts` must be given."""

    def __init__(self, expression: Expression | None) -> None:
        """None accepts everything. Raises ValueError if the expression cannot be compiled."""
        self._evaluate = compiled({"where": expression}) if expression else None
        self.uses = expression.uses if expression else frozenset[str]()
        self.parts: tuple[Filter, ...] = (self,)
        """Conditions that all must hold, each of which may be judged by itself."""

    @property
    def accepts_all(self) -> bool:
        """Whether there is no condition."""
        return self._evaluate is None and len(self.parts) == 1

    def also(self, other: "Filter") -> "Filter":
        """What both accept."""
        if other.accepts_all:
            return self
        if self.accepts_all:
            return other
        both = Filter(None)
        both.parts = (*self.parts, *other.parts)
        both.uses = self.uses | other.uses
        return both

    @classmethod
    def compile(cls, owner: str, text: str) -> "Filter":
        """Compile the `where` of `owner`; a blank text accepts everything. Raises MappingError."""
        try:
            return cls(_condition(text.strip()))
        except ValueError as error:
            # The braces are ours
            reason = (
                str(error).replace("unexpected '}}'", "it ends too soon").replace("token '}}'", "its end")
            )
            raise MappingError(f"{owner}.where: {reason}") from None

    def accepts(self, values: Mapping[str, object]) -> bool:
        """Whether the expression is true for a lead. Raises Reject("filter_failed"), without values in it."""
        if len(self.parts) > 1:
            return all(part.accepts(values) for part in self.parts)
        if self._evaluate is None:
            return True
        try:
            return bool(self._evaluate(values)["where"])
        except NullUsed:
            nulls = sorted(name for name in self.uses if values.get(name) is None)
            reason = f"it compares or changes a null: {', '.join(nulls) or 'a part of raw'}"
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            reason = why(error)
        raise Reject("filter_failed", f"where: {reason}")


def _condition(text: str) -> Expression | None:
    if not text:
        return None
    if text.startswith("{{"):
        raise ValueError("it is an expression as it stands: leave the braces out")
    parts = parse("{{ " + text + " }}")
    if len(parts) != 1 or isinstance(parts[0], str):
        raise ValueError("it must be one expression")
    return parts[0]
