"""Ingesting a page: its leads, their payloads and their deliveries are written in one transaction."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, literal_column, or_, select

from syncd.core.lead import Lead, LeadKey, Malformed, identity
from syncd.core.lead_state import UNSETTLED, LeadState
from syncd.ledger.deliveries.flood_gate import UNASKED
from syncd.ledger.leads.settlement import reopen_gone
from syncd.ledger.schema import Delivery, Export, Payload, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sources import save_labels
from syncd.ledger.sql import Books, among, array, execute_many, insert_rows, is_standing, quoted, upsert
from syncd.ledger.twins import shared_host, twins_of_new

_lead, _delivery, _export = table(LeadRow), table(Delivery), table(Export)
_payload = table(Payload)
_KNOWN = select(_lead.c.source, _lead.c.lead_id, _lead.c.stream_id, _lead.c.segment_id, _lead.c.person).where(
    _lead.c.source == bindparam("source"),
    among(_lead.c.lead_id, "ids"),
    _lead.c.state != quoted("quarantined"),
)


NAME_UNKNOWN = "name_unknown"
WAITS_FOR_NAME = "Its `where` needs a name that CTGO has not told yet."
NOT_ENRICHED = "not_enriched"
NO_ANSWER = "Its `where` needs what CTGO gave no answer about: {}."
WAITS_FOR_ANSWER = "Its `where` needs what CTGO was not asked for yet."


class NewDelivery(NamedTuple):
    """A delivery to make for a new lead.

    If its `where` cannot be evaluated, it begins as rejected. If the `where` needs a name that is not known yet, it is
    pending and judged before it is sent. If it needs enriching that was not asked for (`unasked`), it is held until then.
    """

    connector: str
    required: bool
    code: str = ""
    detail: str = ""

    @property
    def state(self) -> str:
        """The state it begins in."""
        return "rejected" if self.code and self.code not in {NAME_UNKNOWN, UNASKED} else "pending"

    @property
    def held(self) -> str:
        """The kind of hold that it begins with, or empty."""
        return UNASKED if self.code == UNASKED else ""


class Admission(NamedTuple):
    """A parsed lead and what was decided about it, should it be new."""

    lead: Lead
    payload: str
    state: LeadState
    deliveries: Sequence[NewDelivery] = ()
    marked_elsewhere: bool = False
    """Somebody else exported it and it is delivered all the same: it owes no export."""


@dataclass(slots=True)
class Ingested:
    """The result of a page."""

    new: int = 0
    quarantined: int = 0
    states: dict[str, int] = field(default_factory=dict)
    connectors: set[str] = field(default_factory=set)
    admitted: Sequence[tuple[int, Admission]] = ()
    """The new leads, by sequence number."""


class ExportUnderWay(Exception):  # noqa: N818 - an answer, not an error: come back when it is over
    """A new row's id is being exported. Ingest it afterwards: the export's promise (I-1) covers only rows known when it began."""


def exported_here(connection: Connection, source: str, leads: Sequence[Lead]) -> set[int]:
    """Return the ids of these leads that this ledger exported, or may have, through this source or a twin at another.

    An export whose answer was lost counts as well, and one that CTGO refused: an error may come after the mark was made.
    """
    if not leads:
        return set()
    people = [(lead.id, lead.person) for lead in leads]
    each = {source: {lead.id for lead in leads}, **twins_of_new(connection, source, people)}
    found = (
        connection.execute(_EXPORTED, {"source": name, "ids": array(ids)}).scalars()
        for name, ids in each.items()
    )
    return set(chain.from_iterable(found))


def may_have_marked(connection: Connection, source: str) -> bool:
    """Tell if an export may have marked leads of a source: one by this ledger, or by another key for the same address."""
    return (
        bool(shared_host(connection, source))
        or connection.execute(_MARKED, {"source": source}).first() is not None
    )


_EXPORTED = select(_export.c.lead_id).where(
    _export.c.source == bindparam("source"),
    among(_export.c.lead_id, "ids"),
    or_(
        _export.c.state.in_([quoted(state) for state in ("pending", "delivered", "rejected", "dropped")]),
        _export.c.maybe_sent,
    ),
)

_MARKED = (
    select(_export.c.id)
    .where(
        _export.c.source == bindparam("source"),
        or_(_export.c.state == quoted("delivered"), _export.c.maybe_sent),
    )
    .limit(1)
)


def known_keys(connection: Connection, source: str, ids: Collection[int]) -> dict[LeadKey, str]:
    """Return the keys that the ledger holds for these ids, each with its person, without quarantined rows."""
    rows = connection.execute(_KNOWN, {"source": source, "ids": array(ids)})
    return {LeadKey(*key): person for *key, person in rows}


def _reused(lead: Lead, person: str) -> bool:
    """Tell if a known lead is listed as another person now. One without an X id stands for itself, and a forgotten one for nobody."""
    return "" != person != lead.person and not any(it.startswith("lead-") for it in (person, lead.person))


def _unclear(again: Admission) -> Malformed:
    lead, reason = again.lead, "CTGO gave its id to another person before: nobody knows which lead this is."
    return Malformed(lead.key, identity(lead.raw), again.payload, reason)


def ingest(
    connection: Connection,
    in_flight: Collection[tuple[str, int]],
    admissions: Sequence[Admission],
    malformed: Sequence[Malformed],
    now: float,
    *,
    refill: bool = False,
) -> Ingested:
    """Insert what is not known yet. A row that was quarantined gives way to one that parses; an id that is used again goes there.

    `refill`: also give known leads their payload back, where retention has dropped it.

    Raises ExportUnderWay, after which the transaction must be rolled back.
    """
    result, books = Ingested(), Books(connection, now)
    by_key = {admission.lead.key: admission for admission in admissions}
    for source in {key.source for key in by_key}:
        ids = [lead_id for its, lead_id, _, _ in by_key if its == source]
        people = known_keys(connection, source, ids)
        listed = [found for key in people if (found := by_key.pop(key, None))]
        known = [found for found in listed if not _reused(found.lead, people[found.lead.key])]
        if len(known) < len(listed):
            reused = (found for found in listed if _reused(found.lead, people[found.lead.key]))
            malformed = [*malformed, *map(_unclear, reused)]
        if refill:
            execute_many(connection, _REFILL, [
                {**dict(zip(_KEY, found.lead.key, strict=True)), "text": found.payload, "now": now}
                for found in known
            ])  # fmt: skip
        known_as_new = [found.lead.id for found in known if found.lead.exported_at is None]
        if known_as_new:
            reopen_gone(books, source, known_as_new)
    if in_flight and any((key.source, key.id) in in_flight for key in by_key):
        raise ExportUnderWay
    open_ids = _ids_of(connection, [a.lead for a in by_key.values() if a.state in UNSETTLED])
    if any(lead_id in open_ids.get(name, ()) for name, lead_id in in_flight):
        raise ExportUnderWay
    _release_quarantined(books, by_key)
    admitted = _insert_leads(books, by_key)
    result.states = dict(Counter(admission.state for _, admission in admitted))
    result.new, result.admitted = len(admitted), admitted
    result.connectors = insert_deliveries(books, ((seq, admission.deliveries) for seq, admission in admitted))
    _note_elsewhere(books, [a.lead for _, a in admitted if a.marked_elsewhere and a.state in UNSETTLED])
    _withdraw_exports(books, open_ids)
    result.quarantined = _quarantine(books, malformed)
    books.close()
    for source in {key.source for key in by_key}:
        streams = {key.stream_id: None for key in by_key if key.source == source and key.stream_id}
        save_labels(connection, source, "stream", streams, now)
    return result


def _ids_of(connection: Connection, leads: Sequence[Lead]) -> dict[str, set[int]]:
    """Return the ids of new leads by source: at their own source, and at sources that have twins of them."""
    found: dict[str, set[int]] = {}
    for source in {lead.source for lead in leads}:
        people = [(lead.id, lead.person) for lead in leads if lead.source == source]
        found.setdefault(source, set()).update(lead_id for lead_id, _ in people)
        for name, ids in twins_of_new(connection, source, people).items():
            found.setdefault(name, set()).update(ids)
    return found


_LAST = select(func.max(_lead.c.seq))
_KEY = ("source", "lead_id", "stream_id", "segment_id")


def _keep(*rows: Any) -> Any:
    """Make the statement that gives a known lead its payload back, if it has none and these conditions hold."""
    mine = [_lead.c[name] == bindparam(name) for name in _KEY]
    found = select(_lead.c.seq, bindparam("text"), bindparam("now")).where(*mine, *rows)
    return upsert(_payload).from_select(["seq", "text", "refilled_at"], found).on_conflict_do_nothing()


_REFILL = _keep(_lead.c.state != quoted("forgotten"))
_KEEP_MALFORMED = _keep(_lead.c.digest == bindparam("digest"), _lead.c.state == quoted("quarantined"))
_INSERT_MALFORMED = upsert(_lead).on_conflict_do_nothing().returning(_lead.c.source)
_INSERT_DELIVERIES = (
_delivery.insert().from_select(
    ["lead_seq", "connector", "required", "state", "attempts", "due_at", "suspect", "maybe_sent", "code", "detail", "held", "created"],
    select(
        func.json_each(bindparam("seqs")).table_valued("value").c.value,
        bindparam("connector"), bindparam("required"), bindparam("state"),
        *(literal_column(n) for n in ("0", "0.0", "0", "0")),
        bindparam("code"), bindparam("detail"), bindparam("held"), literal_column("0"),
    ),
)
)  # fmt: skip
"""A delivery to one connector for each of these leads, all in the same state."""


class _Quarantined(NamedTuple):
    seq: int
    source: str
    lead_id: int
    stream_id: int
    segment_id: int
    digest: str


_QUARANTINED = select(*(_lead.c[name] for name in _Quarantined._fields)).where(
    is_standing(_lead), _lead.c.state == quoted("quarantined")
)


def _release_quarantined(books: Books, admissions: Mapping[LeadKey, Admission]) -> None:
    """Remove the quarantined rows of these leads: a handful at most, found through the partial index."""
    rows = [_Quarantined(*row) for row in books.connection.execute(_QUARANTINED).all()]
    if not rows:
        return
    digests = (
        {identity(a.lead.raw) for a in admissions.values()} if any(row.digest for row in rows) else set()
    )
    readable = [row for row in rows if row.digest in digests or any(_is_it(row, key) for key in admissions)]
    if readable:
        for rows_of in (_payload, _lead):
            books.connection.execute(
                delete(rows_of).where(among(rows_of.c.seq, "seqs")),
                {"seqs": array(row.seq for row in readable)},
            )
        for row in readable:
            books.move("lead", row.source, 1, old="quarantined")


def _is_it(row: _Quarantined, key: LeadKey) -> bool:
    """True if a quarantined row may be this lead: a part of its key that could not be read is 0."""
    return (
        (row.source, row.lead_id) == (key.source, key.id)
        and row.stream_id in {0, key.stream_id}
        and row.segment_id in {0, key.segment_id}
    )


_NEW_LEAD = (
    "seq", "source", "lead_id", "stream_id", "segment_id", "digest", "person", "discovered_at", "state",
    "ingested_at", "settled_at", "code", "detail",
)  # fmt: skip


def _insert_leads(books: Books, admissions: Mapping[LeadKey, Admission]) -> list[tuple[int, Admission]]:
    """Insert them all under sequence numbers of our own: nobody else writes during this transaction."""
    if not admissions:
        return []
    now, last = books.now, books.connection.execute(_LAST).scalar() or 0
    admitted = list(enumerate(admissions.values(), last + 1))
    rows = [
        (
            seq, *lead.key, "", lead.person, lead.discovered_at.timestamp(), state, now,
            None if state in UNSETTLED else now, "", "",
        )
        for seq, (lead, _, state, _, _) in admitted
    ]  # fmt: skip
    insert_rows(books.connection, _lead, _NEW_LEAD, rows)
    texts = [(seq, admission.payload) for seq, admission in admitted]
    insert_rows(books.connection, _payload, ("seq", "text"), texts)
    for (source, state), n in Counter((a.lead.source, a.state) for _, a in admitted).items():
        books.move("lead", source, n, new=state)
    return admitted


def insert_deliveries(books: Books, wanted: Iterable[tuple[int, Sequence[NewDelivery]]]) -> set[str]:
    """Make the deliveries of leads, given by sequence number; return their connectors."""
    alike: defaultdict[NewDelivery, list[int]] = defaultdict(list)
    before: Sequence[NewDelivery] = ()
    chosen: list[list[int]] = []
    for seq, deliveries in wanted:
        if deliveries is not before:  # mostly they are the very same
            before, chosen = deliveries, [alike[new] for new in deliveries]
        for seqs in chosen:
            seqs.append(seq)
    for new, seqs in alike.items():
        values = {**new._asdict(), "held": new.held, "state": new.state, "seqs": array(seqs)}
        books.connection.execute(_INSERT_DELIVERIES, values)
        books.move("delivery", new.connector, len(seqs), new=new.state)
    return {new.connector for new in alike}


def _note_elsewhere(books: Books, leads: Sequence[Lead]) -> None:
    rows = [
        {"source": lead.source, "lead_id": lead.id, "state": "elsewhere", "settled_at": books.now}
        for lead in leads
    ]
    if rows:
        new = upsert(_export).on_conflict_do_nothing().returning(_export.c.source)
        for (source,) in books.connection.execute(new, rows):
            books.move("export", source, 1, new="elsewhere")


_WITHDRAW = delete(_export).where(
    _export.c.source == bindparam("source"),
    _export.c.state == quoted("pending"),
    # One that was tried stays: it may have been heard, and then the mark on a later row is ours
    _export.c.attempts == 0,
    ~_export.c.maybe_sent,
    _export.c.code == quoted(""),
    among(_export.c.lead_id, "ids"),
)


def _withdraw_exports(books: Books, each: Mapping[str, Collection[int]]) -> None:
    """Withdraw the export of each id with a new row to deliver; it is owed again when that row settles."""
    for source, ids in each.items():
        gone = books.connection.execute(_WITHDRAW, {"source": source, "ids": array(ids)}).rowcount
        books.move("export", source, gone, old="pending")


def _quarantine(books: Books, malformed: Sequence[Malformed]) -> int:
    rows = [
        {
            **dict(zip(_KEY, bad.key, strict=True)),
            "digest": bad.digest, "person": "", "discovered_at": books.now, "state": "quarantined",
            "ingested_at": books.now,
            "settled_at": None, "code": "lead_malformed", "detail": bad.reason,
        }
        for bad in malformed
    ]  # fmt: skip
    new = [row[0] for row in books.connection.execute(_INSERT_MALFORMED, rows)] if rows else []
    for source in new:
        books.move("lead", source, 1, new="quarantined")
    kept = [{**row, "text": bad.payload, "now": None} for row, bad in zip(rows, malformed, strict=True)]
    execute_many(books.connection, _KEEP_MALFORMED, kept)
    return len(new)
