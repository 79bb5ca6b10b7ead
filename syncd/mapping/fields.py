"""A connector's fields and its `where`, compiled once and evaluated for each lead: see the package."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from syncd.connector import Field
from syncd.core.lead import Lead
from syncd.mapping.variables import LONGEST, VARIABLES, Labels, Variable, failed, plain_parts, variables

if TYPE_CHECKING:
    from syncd.mapping.expressions import Computed, Condition, Expression

_JSON = frozenset({str, int, float, bool, list, dict})


class MappingError(ValueError):
    """A field or `where` that fails for every lead: a sentence that names it, and the text to write."""


class _Cell(NamedTuple):
    """The plan of a field: `form` (None: the value itself) and the keys of its values."""

    form: str | None
    keys: tuple[str, ...]


class FieldMap:
    """The fields of one connector. `uses`: the variables that `evaluate` needs."""

    def __init__(self, cells: Mapping[str, _Cell], computed: "Computed | None" = None) -> None:
        """See `compile`. An expression's key is a number, a space and its field's name: like no variable."""
        self._cells = cells
        self._computed = computed
        direct = frozenset(key for cell in cells.values() for key in cell.keys if key in VARIABLES)
        self.uses = direct | computed.uses if computed else direct

    @classmethod
    def compile(cls, owner: str, fields: Mapping[str, Field]) -> "FieldMap":
        """Compile `fields`; `owner`: the connector's name in messages. Raises MappingError."""
        cells: dict[str, _Cell] = {}
        expressions: dict[str, Expression] = {}
        where = f"{owner}.fields"
        try:
            for name, field in fields.items():
                where = f"{owner}.fields.{name}"
                cells[name], found = _taken_apart(name, field.value)
                expressions |= found
            return cls(cells, _computed(expressions) if expressions else None)
        except ValueError as error:
            raise MappingError(f"{where}: {error}") from None

    def of(
        self, lead: Lead, labels: Labels, enrichment: Mapping[str, Any] | None, now: float | None
    ) -> dict[str, object]:
        """Map a lead: `evaluate` its variables."""
        return self.evaluate(variables(lead, labels, enrichment, self.uses, now))

    def evaluate(self, values: Mapping[str, object]) -> dict[str, object]:
        """Map to JSON values by field, in the fields' order, without nulls and blank texts.

        `values` holds at least what `uses` names. Raises Reject("mapping_failed") naming the field.
        """
        scope = {**values, **self._computed(values)} if self._computed else values
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
                    raise failed(name, f"it gives a text of more than {LONGEST} characters")
                if not value or value.isspace():
                    continue
            elif type(value) not in _JSON or (type(value) is float and not math.isfinite(value)):
                raise failed(name, f"it gives a {type(value).__name__} that no connector can write")
            result[name] = value
        return result


def _taken_apart(name: str, text: str) -> tuple[_Cell, dict[str, "Expression"]]:
    """Split a field into its plan and its expressions. Raises ValueError."""
    if "{{" not in text and "{%" not in text:
        if (bare := text.strip("{} ")) in VARIABLES:
            raise ValueError(f"braces are missing: write {{{{ {bare} }}}}")
        return _Cell(_literal(text), ()), {}
    form = ""
    keys: list[str] = []
    expressions: dict[str, Expression] = {}
    parts = _parts(text)
    for part in parts:
        if isinstance(part, str):
            form += _literal(part)
            continue
        if isinstance(part, Variable):
            key = part.name
        else:
            key = f"{len(keys)} {name}"
            expressions[key] = part
        form += "{}"
        keys.append(key)
    return _Cell(None if len(parts) == 1 and keys else form, tuple(keys)), expressions


def _parts(text: str) -> "list[str | Variable | Expression]":
    plain = plain_parts(text)
    if plain is not None:
        return [*plain]
    from syncd.mapping.expressions import parts_of  # noqa: PLC0415 - Jinja2, for those who need it

    return [
        Variable(part.variable) if not isinstance(part, str) and part.variable else part
        for part in parts_of(text)
    ]


def _computed(expressions: Mapping[str, "Expression"]) -> "Computed":
    from syncd.mapping.expressions import Computed  # noqa: PLC0415 - as above

    return Computed(expressions)


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


class Filter:
    """A `where`. `uses`: the variables that `accepts` needs."""

    def __init__(self, condition: "Condition | None") -> None:
        """None accepts everything."""
        self._condition = condition
        self.uses = condition.uses if condition else frozenset[str]()
        self.parts: tuple[Filter, ...] = (self,)
        """Conditions that all must hold, each of which may be judged by itself."""

    @property
    def accepts_all(self) -> bool:
        """True if there is no condition."""
        return self._condition is None and len(self.parts) == 1

    def also(self, other: "Filter") -> "Filter":
        """Return a filter that accepts a lead if both do."""
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
        if not (text := text.strip()):
            return cls(None)
        from syncd.mapping.expressions import Condition  # noqa: PLC0415 - as above

        try:
            return cls(Condition(text))
        except ValueError as error:
            # The braces are ours
            reason = (
                str(error).replace("unexpected '}}'", "it ends too soon").replace("token '}}'", "its end")
            )
            raise MappingError(f"{owner}.where: {reason}") from None

    def accepts(self, values: Mapping[str, object]) -> bool:
        """Tell if the condition holds for a lead. Raises Reject("filter_failed"), without values in it."""
        if len(self.parts) > 1:
            return all(part.accepts(values) for part in self.parts)
        return self._condition is None or self._condition(values)
