"""A small SOQL: what the reference describes of SELECT, WHERE, ORDER BY, LIMIT and OFFSET, over rows of dicts.

Texts compare without case, an empty text is null, null is unequal to every value, as the SOQL reference says.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

TOKEN = re.compile(
    r"\s*(?:('(?:[^'\\]|\\.)*')|(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)|\d{4}-\d\d-\d\d)|(-?\d+(?:\.\d+)?)"
    r"|([A-Za-z_][\w.]*(?::\d+)?)|(<=|>=|!=|<>|[=<>(),]))"
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}

Row = dict[str, Any]
Test = Callable[[Row], bool]


class SoqlError(Exception):
    """A query that Salesforce would not run: the error code and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Query:
    """One parsed query."""

    columns: list[str]
    table: str
    where: Test
    order: list[tuple[str, bool, bool]]
    limit: int | None
    offset: int
    used: set[str]
    counts: bool = False


def sortable(value: Any) -> Any:
    """Bring two spellings of one value to one form."""
    if isinstance(value, str):
        moment = moment_of(value)
        return moment.timestamp() if moment else value.lower()
    return value


def moment_of(text: str) -> datetime | None:
    """Read a SOQL date or moment, or return None for any other text."""
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Parser:
    """A parser by recursive descent over the tokens of one query."""

    def __init__(self, text: str, now: datetime) -> None:
        self._now = now
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self.used: set[str] = set()
        end = 0
        text = text.strip()
        while end < len(text):
            found = TOKEN.match(text, end)
            if not found:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[end : end + 10]}'")
            kind = ("text", "moment", "number", "word", "sign")[(found.lastindex or 1) - 1]
            self._tokens.append((kind, found.group(found.lastindex or 1)))
            end = found.end()

    def _peek(self) -> str:
        return self._tokens[self._at][1].upper() if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        if self._at >= len(self._tokens):
            raise SoqlError("MALFORMED_QUERY", "unexpected token: '<EOF>'")
        token = self._tokens[self._at][1]
        if wanted and token.upper() not in wanted:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{token}'")
        self._at += 1
        return token

    def _skip(self, *words: str) -> bool:
        """Take these words where they come next."""
        following = [token[1].upper() for token in self._tokens[self._at : self._at + len(words)]]
        if following != list(words):
            return False
        self._at += len(words)
        return True

    def query(self) -> Query:
        self._take("SELECT")
        columns, counts = self._columns()
        self._take("FROM")
        table = self._take()
        where = self._any() if self._skip("WHERE") else lambda _: True
        order = self._order() if self._skip("ORDER", "BY") else []
        limit = int(self._take()) if self._skip("LIMIT") else None
        offset = int(self._take()) if self._skip("OFFSET") else 0
        self._skip("ALL", "ROWS")
        if self._at < len(self._tokens):
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self._peek()}'")
        self.used.update(columns)
        return Query(columns, table, where, order, limit, offset, self.used, counts)

    def _columns(self) -> tuple[list[str], bool]:
        columns = []
        while True:
            name = self._take()
            if self._skip("("):
                inner = "" if self._peek() == ")" else self._take()
                self._take(")")
                if name.upper() == "COUNT":
                    return [], True
                name = inner
            columns.append(name)
            if not self._skip(","):
                return columns, False

    def _order(self) -> list[tuple[str, bool, bool]]:
        order = []
        while True:
            name = self._take()
            self.used.add(name)
            down = self._skip("DESC") or (self._skip("ASC") and False)
            last = self._skip("NULLS", "LAST") or (self._skip("NULLS", "FIRST") and False)
            order.append((name, down, last))
            if not self._skip(","):
                return order

    def _any(self) -> Test:
        parts = [self._all()]
        while self._skip("OR"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _all(self) -> Test:
        parts = [self._not()]
        while self._skip("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _not(self) -> Test:
        if self._skip("NOT"):
            inner = self._not()
            return lambda row: not inner(row)
        if self._skip("("):
            inner = self._any()
            self._take(")")
            return inner
        return self._compare()

    def _compare(self) -> Test:
        name = self._take()
        self.used.add(name)
        negated = self._skip("NOT")
        sign = self._take("=", "!=", "<>", "<", "<=", ">", ">=", "LIKE", "IN").upper()
        if sign == "IN":
            among = {sortable(value) for value in self._values()}
            return lambda row: (sortable(row.get(name)) in among) != negated
        wanted = sortable(self._value())
        if sign == "LIKE":
            like = re.compile(
                re.escape(str(wanted)).replace("%", ".*").replace("_", "."), re.IGNORECASE | re.DOTALL
            )
            return lambda row: bool(like.fullmatch(str(row.get(name) or "")))
        return _comparison(name, sign, wanted)

    def _values(self) -> list[Any]:
        self._take("(")
        values = [self._value()]
        while self._skip(","):
            values.append(self._value())
        self._take(")")
        return values

    def _value(self) -> Any:
        kind, token = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        self._take()
        if kind == "text":
            return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), token[1:-1]) or None
        if kind == "moment":
            return token
        if kind == "number":
            return float(token)
        word = token.upper()
        if word in {"TRUE", "FALSE", "NULL"}:
            return {"TRUE": True, "FALSE": False, "NULL": None}[word]
        days = re.fullmatch(r"LAST_N_DAYS:(\d+)|TODAY|YESTERDAY", word)
        if not days:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{token}'")
        back = int(days[1]) if days[1] else int(word == "YESTERDAY")
        midnight = self._now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - timedelta(days=back)).isoformat()


def _comparison(name: str, sign: str, wanted: Any) -> Test:
    def test(row: Row) -> bool:
        own = sortable(row.get(name))
        if sign == "=":
            return bool(own == wanted)
        if sign in {"!=", "<>"}:
            return bool(own != wanted)
        if own is None or wanted is None or isinstance(own, str) != isinstance(wanted, str):
            return False
        return {
            "<": bool(own < wanted),
            "<=": bool(own <= wanted),
            ">": bool(own > wanted),
            ">=": bool(own >= wanted),
        }[sign]

    return test


def parse(text: str, now: datetime) -> Query:
    """Parse one query; raise SoqlError where Salesforce would refuse it."""
    return _Parser(text, now).query()


def run(query: Query, rows: Iterable[Row]) -> list[Row]:
    """Return the rows that a query chooses, in its order."""
    chosen = [row for row in rows if query.where(row)]
    for name, down, last in reversed(query.order):
        full = sorted(
            (r for r in chosen if r.get(name) is not None), key=lambda r: sortable(r[name]), reverse=down
        )
        empty = [r for r in chosen if r.get(name) is None]
        chosen = [*full, *empty] if last else [*empty, *full]
    end = None if query.limit is None else query.offset + query.limit
    return chosen[query.offset : end]
