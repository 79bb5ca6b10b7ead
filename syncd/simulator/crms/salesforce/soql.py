"""As much SOQL as a connector needs: SELECT fields FROM object [WHERE conditions] [ORDER BY fields] [LIMIT n].

A condition compares a field with text, an instant, a number or null; conditions are joined by AND or by OR, and not by both
without parentheses, as in the real one.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d+)|(?P<sign>!=|>=|<=|[=,()<>]))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le
}  # fmt: skip

Holds = Callable[[Mapping[str, Any]], bool]
"""Tells whether a record, with its names in lower case, meets a condition."""


class BadQueryError(ValueError):
    """MALFORMED_QUERY."""


@dataclass
class Query:
    """A query, parsed."""

    fields: list[str]
    what: str
    tests: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """The casefolded values of fields of which one alone lets a record pass: it is quickly found by them."""
    names: list[str] = field(default_factory=list)
    """The fields that the conditions and the order speak of."""
    holds: Holds = lambda _: True
    order: list[tuple[str, bool]] = field(default_factory=list)
    """Fields, and whether they descend."""
    limit: int | None = None

    def chosen(self, records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those that pass, in order, as many as were asked for."""
        found = [one for one in records if self.holds(_lowered(one))]
        for name, descends in reversed(self.order):
            found.sort(key=lambda one: _compared(_lowered(one).get(name.lower())), reverse=descends)
        return found[: self.limit]


def _lowered(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in record.items()}


def _compared(value: Any) -> str:
    """Instants are all written alike, so that text is ordered as they are; nulls come first."""
    return "" if value is None else str(value)


def parse(text: str) -> Query:
    """Raises BadQueryError."""
    tokens = _Tokens(text)
    tokens.word("SELECT")
    names = [tokens.name()]
    while tokens.sign(","):
        names.append(tokens.name())
    tokens.word("FROM")
    query = Query(names, tokens.name())
    if tokens.maybe("WHERE"):
        query.holds, simple = _joined(tokens, query.names)
        query.tests = simple or []
    if tokens.maybe("ORDER"):
        tokens.word("BY")
        query.order.append(_ordered(tokens, query.names))
        while tokens.sign(","):
            query.order.append(_ordered(tokens, query.names))
    if tokens.maybe("LIMIT"):
        query.limit = int(tokens.take("number"))
    if tokens.left():
        raise BadQueryError("unexpected token")
    return query


def _ordered(tokens: "_Tokens", names: list[str]) -> tuple[str, bool]:
    names.append(tokens.name())
    if tokens.maybe("DESC"):
        return names[-1], True
    tokens.maybe("ASC")
    return names[-1], False


Simple = list[tuple[str, frozenset[str]]] | None
"""As `Query.tests`; None: the condition is not of that kind."""


def _joined(tokens: "_Tokens", names: list[str]) -> tuple[Holds, Simple]:
    """Conditions with one word between them."""
    parts = [_condition(tokens, names)]
    joint = next((word for word in ("AND", "OR") if tokens.maybe(word)), "")
    if joint:
        parts.append(_condition(tokens, names))
        while tokens.maybe(joint):
            parts.append(_condition(tokens, names))
    each = [holds for holds, _ in parts]
    if joint == "AND":
        return (lambda record: all(holds(record) for holds in each)), None
    known = [simple for _, simple in parts]
    tests = None if None in known else [test for simple in known for test in simple or ()]
    return (lambda record: any(holds(record) for holds in each)), tests


def _condition(tokens: "_Tokens", names: list[str]) -> tuple[Holds, Simple]:
    if tokens.sign("("):
        inside = _joined(tokens, names)
        if not tokens.sign(")"):
            raise BadQueryError("expecting a right parenthesis")
        return inside
    name = tokens.name()
    names.append(name)
    key = name.lower()
    if tokens.maybe("IN"):
        values = _listed(tokens)
        return (lambda record: _folded(record.get(key)) in values), [(name, values)]
    sign = tokens.take("sign")
    if tokens.maybe("NULL"):
        if sign not in {"=", "!="}:
            raise BadQueryError("null is equal or not")
        return (lambda record: (record.get(key) in (None, "")) == (sign == "=")), None
    value, is_text = tokens.value()
    if sign == "=" and is_text:
        wanted = frozenset([value.casefold()])
        return (lambda record: _folded(record.get(key)) in wanted), [(name, wanted)]
    return _comparison(key, sign, value, is_text=is_text), None


def _comparison(key: str, sign: str, value: str, *, is_text: bool) -> Holds:
    read: Callable[[str], Any] = str if is_text else _moment
    wanted = read(value)
    if sign == "=":
        return lambda record: record.get(key) is not None and read(str(record[key])) == wanted
    if sign == "!=":
        return lambda record: record.get(key) is None or read(str(record[key])) != wanted
    if sign not in _ORDERED:
        raise BadQueryError(f"unexpected {sign}")
    compare = _ORDERED[sign]
    return lambda record: record.get(key) is not None and compare(read(str(record[key])), wanted)


def _moment(text: str) -> Any:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return float(text)


def _folded(value: Any) -> str:
    return str(value or "").casefold()


def _listed(tokens: "_Tokens") -> frozenset[str]:
    if not tokens.sign("("):
        raise BadQueryError("expecting a left parenthesis")
    values = [tokens.text()]
    while tokens.sign(","):
        values.append(tokens.text())
    if not tokens.sign(")"):
        raise BadQueryError("expecting a right parenthesis")
    return frozenset(value.casefold() for value in values)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._tokens = list(_scan(text))

    def left(self) -> bool:
        return bool(self._tokens)

    def take(self, kind: str, accept: Callable[[str], bool] = lambda _: True) -> str:
        if not self._tokens or self._tokens[0][0] != kind or not accept(self._tokens[0][1]):
            raise BadQueryError(f"expecting a {kind}")
        return self._tokens.pop(0)[1]

    def word(self, wanted: str) -> None:
        self.take("word", lambda found: found.upper() == wanted)

    def name(self) -> str:
        return self.take("word")

    def text(self) -> str:
        literal = self.take("text")[1:-1]
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), literal)

    def value(self) -> tuple[str, bool]:
        """A literal, and whether it is text."""
        for kind in ("instant", "number"):
            try:
                return self.take(kind), False
            except BadQueryError:
                continue
        return self.text(), True

    def maybe(self, wanted: str) -> bool:
        try:
            self.word(wanted)
        except BadQueryError:
            return False
        return True

    def sign(self, wanted: str) -> bool:
        try:
            self.take("sign", lambda found: found == wanted)
        except BadQueryError:
            return False
        return True


def _scan(text: str) -> Iterable[tuple[str, str]]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise BadQueryError("unexpected character")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()
