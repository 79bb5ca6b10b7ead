"""Forgetting a person: find them, erase them, leave tombstones. See `syncd.core.tombstone` for those.

A forgotten lead's row stays, so that the books still add up, and says nothing: its key is a negative number, its person
is empty, its times are the ledger's own. Its deliveries keep their states and lose their remote ids.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, case, delete, func, or_, select, update
from sqlmodel import AutoString

from syncd.core.texts import bare, clean, fold
from syncd.core.tombstone import Sighting, Trace, left_by, marks, new_key, of_row, profile_of, spellings
from syncd.ledger.admin.maintenance import rewrite
from syncd.ledger.history import OWED, log_action, note_done
from syncd.ledger.schema import Delivery, Export, Feedback, Forgotten, Payload, Secret, Source, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.schema_history import METADATA, Look
from syncd.ledger.sql import Books, among, array, execute_many, is_there, quoted, upsert
from syncd.ledger.tombstones import keys, known_marks

_lead, _delivery, _export, _payload = table(LeadRow), table(Delivery), table(Export), table(Payload)
_feedback, _secret, _forgotten, _source = table(Feedback), table(Secret), table(Forgotten), table(Source)
_look = table(Look)

SHORTEST_NAME = 4
"""Characters. A shorter display name is a word, and is not looked for in sentences."""

_ADDRESS = re.compile(r'(?<![^\s"@\\])[^\s"@\\]+@[^\s"@\\]+\.[^\s"@\\]+')
"""From the beginning of a word only: from each letter on, a long one without an @ takes the square of its length."""


def is_forgotten(connection: Connection, sought: "PersonQuery") -> bool:
    """True if there is a tombstone of this person. Emails leave none."""
    traces = {Trace("handle", name) for name in spellings(sought.handle) | spellings(f"@{sought.handle}")}
    if sought.person:
        traces.add(Trace("person", sought.person))
    if sought.lead_id:
        sources = connection.execute(select(_source.c.name)).scalars()
        traces |= {Trace("lead", f"{name}\0{sought.lead_id}") for name in sources}
    return bool(traces and known_marks(connection, marks(keys(connection), traces)))


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """A person to forget, named by one of these."""

    handle: str = ""
    email: str = ""
    lead_id: int = 0
    person: str = ""


_ROW = (
    _lead.c.seq, _lead.c.source, _lead.c.lead_id, _lead.c.digest, _lead.c.person, _payload.c.text.label("payload"),
    _lead.c.enrichment, _lead.c.state, _lead.c.discovered_at,
)  # fmt: skip
_ROWS = select(*_ROW).outerjoin(_payload, _payload.c.seq == _lead.c.seq)


class Sentence(NamedTuple):
    """A sentence that names a forgotten person: its row by primary key, and what it shall be."""

    column: Any
    key: tuple[Any, ...]
    text: str


class Found(NamedTuple):
    """The result of a search: rows of leads, and the sentences elsewhere that name these people.

    `last`: the newest lead at the time of the search. Forgetting searches newer leads again, so that its transaction need
    not read every lead.
    """

    rows: Sequence[Any]
    sentences: Sequence[Sentence]
    last: int


def find(connection: Connection, sought: PersonQuery) -> Found:
    """Every row of the people who are sought; reads every lead, and is for people only."""
    last = connection.execute(select(func.max(_lead.c.seq))).scalar() or 0
    first = connection.execute(_ROWS.where(_matches(sought), _lead.c.state != "forgotten")).all()
    rows = _with_siblings(connection, first, after=0)
    names = {name for row in rows for name in _names(row)}
    names |= {it.remote_id for it in _farewell(connection, rows).remains if it.remote_id}
    return Found(rows, sentences_with(connection, names), last)


def _matches(sought: PersonQuery) -> Any:
    if sought.lead_id:
        return _lead.c.lead_id == sought.lead_id
    if sought.person:
        return _lead.c.person == sought.person
    text, place = (fold(sought.email.strip()), "") if sought.email else (bare(sought.handle), "handle")
    return or_(*(func.holds(column, text, place) for column in (_payload.c.text, _lead.c.enrichment)))


def _with_siblings(connection: Connection, first: Sequence[Any], after: int) -> list[Any]:
    """These rows and all others of the same people and of the same lead ids, from beyond a sequence number."""
    if not first:
        return []
    people = sorted({row.person for row in first if row.person})
    ids = sorted({row.lead_id for row in first if row.lead_id})
    sources = {row.source for row in first}
    more = connection.execute(
        _ROWS.where(
            _lead.c.seq > after,
            _lead.c.state != "forgotten",
            or_(among(_lead.c.person, "people"), among(_lead.c.lead_id, "ids")),
        ),
        {"people": array(people), "ids": array(ids)},
    ).all()
    pairs = {(row.source, row.lead_id) for row in first}
    found = {row.seq: row for row in first if row.seq > after}
    found |= {
        row.seq: row
        for row in more
        if row.person in people or (row.source in sources and (row.source, row.lead_id) in pairs)
    }
    return sorted(found.values(), key=lambda row: row.seq)


class Remains(NamedTuple):
    """An object of a forgotten person that a connector has, or may have. `sure`: it was delivered."""

    connector: str
    lead_id: int
    remote_id: str | None
    sure: bool
    discovered_at: float


@dataclass(slots=True)
class Farewell:
    """The result of forgetting. `unexported`: (source, lead id) that CTGO still lists as new."""

    people: int = 0
    leads: list[tuple[str, int]] = field(default_factory=list)
    remains: list[Remains] = field(default_factory=list)
    unexported: list[tuple[str, int]] = field(default_factory=list)
    waiting: int = 0
    """Deliveries that were pending: one that an engine is sending at this very moment still arrives."""


def forget(connection: Connection, found: Found, now: float, *, who: str) -> Farewell:
    """Erase the people behind these rows, and leave marks of them; one transaction, with what came in meanwhile."""
    rows = [*found.rows, *_with_siblings(connection, found.rows, after=found.last)]
    farewell = _farewell(connection, rows)
    sightings = [of_row(row.source, row.lead_id, row.digest, row.person, row.payload) for row in rows]
    leave_marks(connection, _by_person(rows, sightings))
    unname(connection, found.sentences)
    erase(Books(connection, now), [row.seq for row in rows])
    note_done(connection, "vacuum", now, OWED)
    detail = f"people: {farewell.people}, leads: {len(rows)}"
    log_action(connection, now, who=who, verb="forget", detail=detail)
    return farewell


def refuse(connection: Connection, person: str, now: float, *, who: str) -> Farewell:
    """Never take in somebody who has no lead here."""
    leave_marks(connection, [[Sighting("", 0, "", person, "")]])
    log_action(connection, now, who=who, verb="forget", detail="people: 1, leads: 0")
    return Farewell(people=1)


def _by_person(rows: Sequence[Any], sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    groups: dict[str, list[Sighting]] = {}
    for row, sighting in zip(rows, sightings, strict=True):
        groups.setdefault(row.person or f"row {row.seq}", []).append(sighting)
    return list(groups.values())


def leave_marks(connection: Connection, people: Iterable[Collection[Sighting]]) -> None:
    """Write the tombstones of people, so that they are not taken in again."""
    known = keys(connection)
    if not known:
        known = [new_key()]
        connection.execute(_secret.insert(), {"key": known[0]})
    signs = {sign for sightings in people for sign in marks(known, left_by(sightings))}
    rows = [{"mark": sign} for sign in sorted(signs)]
    execute_many(connection, upsert(_forgotten).on_conflict_do_nothing(), rows)


def _farewell(connection: Connection, rows: Sequence[Any]) -> Farewell:
    by_seq = {row.seq: row for row in rows}
    farewell = Farewell(
        people=len({row.person or row.seq for row in rows}),
        leads=sorted({(row.source, row.lead_id) for row in rows}),
    )
    deliveries = connection.execute(
        select(_delivery).where(among(_delivery.c.lead_seq, "seqs")), {"seqs": array(by_seq)}
    ).all()
    for it in deliveries:
        row = by_seq[it.lead_seq]
        farewell.waiting += it.state == "pending"
        sure = it.state == "delivered" or it.remote_id is not None
        if sure or it.maybe_sent:
            farewell.remains.append(Remains(it.connector, row.lead_id, it.remote_id, sure, row.discovered_at))
    query = select(_export.c.source, _export.c.lead_id).where(
        among(_export.c.lead_id, "ids"), _export.c.state.in_(("delivered", "gone", "elsewhere"))
    )
    exports = connection.execute(query, {"ids": array({row.lead_id for row in rows})})
    marked = {(row.source, row.lead_id) for row in exports}
    marked |= {(row.source, row.lead_id) for row in rows if row.state in {"exported", "elsewhere", "gone"}}
    farewell.unexported = [pair for pair in farewell.leads if pair[1] and pair not in marked]
    return farewell


def _names(row: Any) -> set[str]:
    """Return the names by which a sentence may mention this person."""
    profile = profile_of(row.payload)
    handle = str(profile.get("handle") or "").strip().removeprefix("@")
    names = {handle, str(profile.get("xUserId") or ""), row.person}
    shown = str(profile.get("displayName") or "").strip()
    if len(shown) >= SHORTEST_NAME:
        names.add(shown)
    for text in (row.payload, row.enrichment):
        names |= addresses(_unescaped(text))
    return {name for name in names if len(name) > 1}


def _unescaped(text: str | None) -> str:
    """Stored JSON with its letters as they are read, as far as it is JSON."""
    try:
        return json.dumps(clean(json.loads(text or "null")), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text or ""


def addresses(text: str) -> set[str]:
    """The email addresses and LinkedIn pages in a text, in a time that grows as the text does."""
    return set(_ADDRESS.findall(text)) | set(re.findall(r'https?://(?:\w+\.)?linkedin\.com/[^\s"\\]+', text))


# Erasure

INSTEAD = "[forgotten]"
"""The text in place of a forgotten person's name."""


def erase(books: Books, seqs: Sequence[int]) -> None:
    """Take everything personal out of these rows, and close what is still open about them. Nothing is exported."""
    connection, parameters = books.connection, {"seqs": array(seqs)}
    rows = connection.execute(
        select(
            _lead.c.seq, _lead.c.source, _lead.c.lead_id, _lead.c.state, _lead.c.person, _lead.c.ingested_at
        ).where(among(_lead.c.seq, "seqs")),
        parameters,
    ).all()
    _close_deliveries(books, parameters)
    for row in rows:
        books.move("lead", row.source, 1, old=row.state, new="forgotten")
        _close_export(books, row)
    _erase_feedback(books, {(row.source, row.lead_id) for row in rows if row.lead_id})
    people = array({row.person for row in rows if row.person})
    for about_people in METADATA.sorted_tables:
        if "person" in about_people.c and about_people is not _lead:
            connection.execute(
                delete(about_people).where(among(about_people.c.person, "people")), {"people": people}
            )
    connection.execute(delete(_payload).where(among(_payload.c.seq, "seqs")), parameters)
    # Whoever the answers are about: they live ten minutes
    connection.execute(delete(_look).where(_look.c.answer.is_not(None)))
    rewrite(connection, seqs, lambda row: {
        **row,
        "lead_id": -row["seq"], "stream_id": 0, "segment_id": 0, "digest": "", "person": "",
        "discovered_at": row["ingested_at"], "settled_at": row["settled_at"] or books.now, "state": "forgotten",
        "code": "", "detail": "", "enrichment": None,
    })  # fmt: skip
    books.close()


def _close_deliveries(books: Books, parameters: Mapping[str, str]) -> None:
    """Drop pending deliveries; what is there stays delivered, without its remote id."""
    mine = among(_delivery.c.lead_seq, "seqs")
    open_ = _delivery.c.state.in_(("pending", "rejected"))
    new = case((is_there(_delivery), quoted("delivered")), else_=quoted("dropped"))
    states = (_delivery.c.connector, _delivery.c.state, new)
    counted = select(*states, func.count()).where(mine, open_).group_by(*states)
    for connector, state, end, n in books.connection.execute(counted, parameters):
        books.move("delivery", connector, n, old=state, new=end)
    books.connection.execute(
        update(_delivery)
        .where(mine, open_)
        .values(state=new, code="", settled_at=books.now, call_limit=None, held=""),
        parameters,
    )
    books.connection.execute(update(_delivery).where(mine).values(remote_id=None, detail=""), parameters)
    dropped = update(_delivery).where(mine, _delivery.c.state == "dropped")
    books.connection.execute(dropped.values(code="forgotten"), parameters)


def _close_export(books: Books, row: Any) -> None:
    """One that is owed is dropped: a lead that nobody has any more is not exported early, nor late."""
    where = (_export.c.source == row.source, _export.c.lead_id == row.lead_id)
    found = books.connection.execute(select(_export.c.id, _export.c.state).where(*where)).first()
    if found is None or not row.lead_id:
        return
    values: dict[str, Any] = {"lead_id": -row.seq, "detail": ""}
    if found.state in {"pending", "rejected", "shelved"}:
        values |= {"state": "dropped", "code": "forgotten", "settled_at": books.now}
        books.move("export", row.source, 1, old=found.state, new="dropped")
    books.connection.execute(update(_export).where(_export.c.id == found.id).values(values))


def _erase_feedback(books: Books, leads: Collection[tuple[str, int]]) -> None:
    """Erase feedback on them, sent or not: CTGO receives nothing more about a forgotten person."""
    chosen = among(_feedback.c.lead_id, "ids")
    rows = books.connection.execute(
        select(_feedback.c.id, _feedback.c.source, _feedback.c.lead_id, _feedback.c.state).where(chosen),
        {"ids": array({lead_id for _, lead_id in leads})},
    ).all()
    mine = [row for row in rows if (row.source, row.lead_id) in leads]
    books.connection.execute(
        delete(_feedback).where(among(_feedback.c.id, "ids")), {"ids": array(row.id for row in mine)}
    )
    for row in mine:
        books.move("feedback", row.source, 1, old=row.state)


_OURS = frozenset({
    "state", "held", "code", "alike_code", "alike", "doubts", "connector", "source", "kind", "status", "boot", "budget",
    "listing", "outputs", "verb", "by", "who", "payload.text", "enrichment", "digest", "key", "mark", "person", "remote_id",
    "action.name", "word", "told", "cursor", "via", "touched", "first",
})  # fmt: skip
"""Columns that are no sentences, by name or by table and name: our own words, what a row is found by, who operated.

An id of one person at one place may be another's at the next, or their id on X: it is taken from the rows of whose it is.
"""


def sentences_with(connection: Connection, names: Collection[str]) -> list[Sentence]:
    """Every sentence in the ledger that names somebody so: reasons, notes, acts, labels."""
    if not names:
        return []
    words = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
    found: list[Sentence] = []
    for kept in METADATA.sorted_tables:
        for column in kept.c:
            if (
                isinstance(column.type, AutoString | String)
                and not column.primary_key
                and _OURS.isdisjoint({column.name, f"{kept.name}.{column.name}"})
            ):
                found += _sentences_in(connection, column, words, pattern)
    return found


def _sentences_in(
    connection: Connection, column: Any, words: Sequence[str], pattern: re.Pattern[str]
) -> list[Sentence]:
    named = or_(*(func.instr(func.fold(column), fold(word)) > 0 for word in words))
    rows = connection.execute(select(*column.table.primary_key, column).where(column != "", named)).all()
    return [Sentence(column, tuple(row[:-1]), pattern.sub(INSTEAD, row[-1])) for row in rows]


def unname(connection: Connection, sentences: Sequence[Sentence]) -> None:
    """Take the names out of these."""
    for column, key, text in sentences:
        same = [part == value for part, value in zip(column.table.primary_key, key, strict=True)]
        connection.execute(update(column.table).where(*same).values({column.name: text}))
