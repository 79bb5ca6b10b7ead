"""Expressions in a connector's fields and conditions. Only a configuration with expressions imports this, and Jinja2 with it."""

from collections.abc import Mapping

from syncd.core.failure import Reject
from syncd.mapping.limits import NullUsed
from syncd.mapping.plain_text import failed
from syncd.mapping.sandbox import Expression, compiled, parse, why


class Computed:
    """The expressions of a connector's fields. `uses`: the variables that they must be given."""

    def __init__(self, expressions: Mapping[str, Expression]) -> None:
        """By key: a number, a space and the field's name. Raises ValueError for what cannot be compiled."""
        self._all = compiled(expressions)
        self._single = {key: compiled({key: expression}) for key, expression in expressions.items()}
        self.uses = _uses(expressions)

    def __call__(self, values: Mapping[str, object]) -> dict[str, object]:
        """Their values by key, for one lead's. Raises Reject("mapping_failed") naming the field."""
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
            raise failed(key.partition(" ")[2], why(error)) from None


class Condition:
    """A `where`. `uses`: the variables that it must be given."""

    def __init__(self, text: str) -> None:
        """`text`: one expression. Raises ValueError with what is wrong with it."""
        if text.startswith("{{"):
            raise ValueError("it is an expression as it stands: leave the braces out")
        parts = parse("{{ " + text + " }}")
        if len(parts) != 1 or isinstance(parts[0], str):
            raise ValueError("it must be one expression")
        self._evaluate = compiled({"where": parts[0]})
        self.uses = parts[0].uses

    def __call__(self, values: Mapping[str, object]) -> bool:
        """Return the truth of the condition for one lead's values. Raises Reject("filter_failed"), without values in it."""
        try:
            return bool(self._evaluate(values)["where"])
        except NullUsed:
            nulls = sorted(name for name in self.uses if values.get(name) is None)
            reason = f"it compares or changes a null: {', '.join(nulls) or 'a part of raw'}"
        except Exception as error:  # noqa: BLE001 - an operator's expression may raise anything
            reason = why(error)
        raise Reject("filter_failed", f"where: {reason}")


def parts_of(text: str) -> list[str | Expression]:
    """The parts of a field. Raises ValueError with what is wrong with one of them."""
    parts = parse(text)
    found = {str(n): part for n, part in enumerate(parts) if not isinstance(part, str)}
    compiled(found)  # all of a connector are compiled again together; here a mistake has a name
    return parts


def _uses(expressions: Mapping[str, Expression]) -> frozenset[str]:
    return frozenset[str]().union(*(expression.uses for expression in expressions.values()))
