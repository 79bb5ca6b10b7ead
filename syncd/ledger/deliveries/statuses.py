"""Statuses from a CRM: a page of them, and the leads that they are about.

A status names a person, or the remote id that this connector gave them. An unknown or forgotten person is nobody. Their
leads are those that this connector has delivered. If it has delivered none, they are those on their way: the CRM knows
them, so an answer was lost, or the process died before it was written.

Finding leads by person needs an index that nothing else needs. The first poll of the first connector with feedback makes
it, so a ledger without feedback does not pay: such an index doubles the bytes that a page of new leads writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, or_, select, update

from syncd.core.feedback import FeedbackRow, state_after
from syncd.ledger.schema import Delivery, Feedback, Heard, Hearing, Person, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import Books, among, array, execute_many, is_there, quoted, upsert

_lead, _delivery, _person = table(LeadRow), table(Delivery), table(Person)
_feedback, _heard, _hearing = table(Feedback), table(Heard), table(Hearing)

LEAD_PERSON = "CREATE INDEX IF NOT EXISTS lead_person ON lead (person)"
INDEXES = (
    LEAD_PERSON,
    "CREATE INDEX IF NOT EXISTS person_remote ON person (connector, remote_id)",
)


class Report(NamedTuple):
    """A status of somebody, as a judgement. `word`: its line, see `syncd.core.feedback.Judgement`."""

    person: str
    remote_id: str
    word: str


class Judged(NamedTuple):
    """A lead in a segment with a new judgement. `id`: of its row, None: it gets one; `before`, `state`: of that."""

    source: str
    lead_id: int
    segment_id: int
    word: str
    id: int | None
    before: str
    state: str


@dataclass(frozen=True, slots=True)
class News:
    """The news in a page of statuses. `words`: by person, of those who are known; `rows`: the changes of their leads."""

    words: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[Judged] = ()


def make_indexes(connection: Connection) -> None:
    """Make the indexes that find leads by person; costs nothing when they exist."""
    for statement in INDEXES:
        connection.exec_driver_sql(statement)


def load_cursor(connection: Connection, connector: str, mark: str) -> str:
    """Return the cursor to go on from; empty: from the beginning, also when the `feedback` table was changed."""
    row = connection.execute(select(_hearing).where(_hearing.c.connector == connector)).first()
    return row.cursor if row is not None and row.mark == mark else ""


def save_cursor(connection: Connection, connector: str, mark: str, cursor: str, now: float) -> None:
    """Move the cursor; part of the transaction that writes down what it covers."""
    row = {"connector": connector, "mark": mark, "cursor": cursor, "heard_at": now}
    connection.execute(
        upsert(_hearing).values(row).on_conflict_do_update(index_elements=["connector"], set_=row)
    )


def news_in(connection: Connection, connector: str, reports: Sequence[Report]) -> News:
    """Find the news in these statuses; reads only."""
    words = _by_person(connection, connector, reports)
    known = connection.execute(_HEARD, {"connector": connector, "persons": array(words)})
    for person, word in known.all():
        if words[person] == word:
            del words[person]
    if not words:
        return News()
    rows: dict[tuple[str, int, int], Judged] = {}
    about: dict[str, str] = {}
    found = connection.execute(_LEADS, {"connector": connector, "persons": array(words)}).all()
    there = {row.person for row in found if row.there}
    for person, known, source, lead_id, segment_id, id_, *standing in found:
        if person in there and not known:
            continue
        word = about[person] = words[person]
        before = None if id_ is None else FeedbackRow(*standing)
        state = state_after(before, word, segment=segment_id)
        if state is not None:
            was = before.state if before else ""
            rows[source, lead_id, segment_id] = Judged(source, lead_id, segment_id, word, id_, was, state)
    return News(about, list(rows.values()))


def take_in(connection: Connection, connector: str, news: News, now: float) -> set[str]:
    """Write the news; return the sources that now have feedback to send."""
    books = Books(connection, now)
    execute_many(connection, _HEAR, [{"connector": connector, "person": person, "word": word, "heard_at": now}
         for person, word in news.words.items()])  # fmt: skip
    rows = [(it, _values(it, connector, now)) for it in news.rows]
    execute_many(
        connection,
        _ADD,
        [{**values, "maybe_sent": False, "told": ""} for it, values in rows if it.id is None],
    )
    execute_many(connection, _CHANGE, [{f"new_{name}": value for name, value in values.items()} | {"row": it.id}
         for it, values in rows if it.id is not None])  # fmt: skip
    for it in news.rows:
        books.move("feedback", it.source, 1, old=it.before, new=it.state)
    books.close()
    return {it.source for it in news.rows if it.state == "pending"}


def _by_person(connection: Connection, connector: str, reports: Sequence[Report]) -> dict[str, str]:
    """The last judgement of each person. An object may stand for several, of whom it names one."""
    ids = {it.remote_id for it in reports if it.remote_id}
    sharing: dict[str, list[str]] = {}
    for remote_id, person in connection.execute(_SHARING, {"connector": connector, "ids": array(ids)}):
        sharing.setdefault(remote_id, []).append(person)
    words: dict[str, str] = {}
    for it in reports:
        for person in {it.person, *sharing.get(it.remote_id, ())} - {""}:
            words[person] = it.word
    return words


def _values(it: Judged, connector: str, now: float) -> dict[str, object]:
    return {
        "source": it.source, "lead_id": it.lead_id, "segment_id": it.segment_id, "connector": connector,
        "word": it.word, "heard_at": now, "state": it.state, "attempts": 0, "due_at": 0.0, "suspect": False,
        "mark": None, "failing_since": None, "code": "", "detail": "", "settled_at": None if it.state == "pending" else now,
    }  # fmt: skip


_SHARING = select(_person.c.remote_id, _person.c.person).where(
    _person.c.connector == bindparam("connector"), among(_person.c.remote_id, "ids")
)
_HEARD = select(_heard.c.person, _heard.c.word).where(
    _heard.c.connector == bindparam("connector"), among(_heard.c.person, "persons")
)
_OURS = (_delivery.c.lead_seq == _lead.c.seq) & (_delivery.c.connector == bindparam("connector"))
_SAME = (
    (_feedback.c.source == _lead.c.source)
    & (_feedback.c.lead_id == _lead.c.lead_id)
    & (_feedback.c.segment_id == _lead.c.segment_id)
)
_LEADS = (
    select(
        _lead.c.person, is_there(_delivery).label("there"), _lead.c.source, _lead.c.lead_id,
        _lead.c.segment_id, _feedback.c.id, _feedback.c.state, _feedback.c.word, _feedback.c.told, _feedback.c.maybe_sent,
    )
    .join(_delivery, _OURS)
    .outerjoin(_feedback, _SAME)
    .where(
        among(_lead.c.person, "persons"),
        _lead.c.lead_id > 0,
        or_(is_there(_delivery), _delivery.c.state == quoted("pending")),
    )
    .order_by(_lead.c.seq)
)  # fmt: skip

_NEW_WORD = upsert(_heard)
_HEAR = _NEW_WORD.on_conflict_do_update(
    index_elements=["connector", "person"],
    set_={"word": _NEW_WORD.excluded.word, "heard_at": _NEW_WORD.excluded.heard_at},
)
_SET = (
    "connector", "word", "heard_at", "state", "attempts", "due_at", "suspect", "mark", "failing_since", "code", "detail",
    "settled_at",
)  # fmt: skip
_ADD = _feedback.insert()
_CHANGE = (
    update(_feedback)
    .where(_feedback.c.id == bindparam("row"))
    .values({name: bindparam(f"new_{name}") for name in _SET})
)
