"""As much SOQL as a connector needs: SELECT fields FROM object [WHERE field = or IN values, joined by OR] [LIMIT n]."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d+)|(?P<sign>[=,()]))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class BadQueryError(ValueError):
    """MALFORMED_QUERY."""


@dataclass
class Query:
    fields: list[str]
    what: str
    tests: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """Fields and what they may hold, casefolded: text is compared whatever its case."""
    limit: int | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether it passes one of the tests."""
        lowered = {name.lower(): value for name, value in record.items()}
        return not self.tests or any(
            str(lowered.get(name.lower()) or "").casefold() in values for name, values in self.tests
        )


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
        query.tests.append(_test(tokens))
        while tokens.maybe("OR"):
            query.tests.append(_test(tokens))
    if tokens.maybe("LIMIT"):
        query.limit = int(tokens.take("number"))
    if tokens.left():
        raise BadQueryError("unexpected token")
    return query


def _test(tokens: "_Tokens") -> tuple[str, frozenset[str]]:
    name = tokens.name()
    if tokens.sign("="):
        return name, frozenset([tokens.text().casefold()])
    tokens.word("IN")
    if not tokens.sign("("):
        raise BadQueryError("expecting a left parenthesis")
    values = [tokens.text()]
    while tokens.sign(","):
        values.append(tokens.text())
    if not tokens.sign(")"):
        raise BadQueryError("expecting a right parenthesis")
    return name, frozenset(value.casefold() for value in values)


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
