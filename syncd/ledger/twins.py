"""Sources that may be one account: two keys of a team, each with its campaigns.

CTGO marks an id once, for the whole account. No configuration shows whether two keys belong to one; the rows do. Where two
sources of one address list the same id with the same X user, these rows are *twins*: an export waits for the deliveries
of both, and a mark that came with the export of one is no stranger's at the other. A bare id is no evidence, for accounts of
their own may count alike.

Twins are found by id through an index that the first start with two sources of one address makes: a ledger of one source
pays for none of this.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, exists, not_, select, update

from syncd.core.lead_state import HOLDS_EXPORT
from syncd.ledger.schema import Export, Source, table
from syncd.ledger.schema import Lead as LeadRow
from syncd.ledger.sql import among, array, quoted, upsert

_lead, _source, _export = table(LeadRow), table(Source), table(Export)
_twin, _other = _lead.alias("twin"), _source.alias("other")

INDEX = "CREATE INDEX IF NOT EXISTS lead_id ON lead (lead_id)"


def set_addresses(connection: Connection, addresses: Mapping[str, str]) -> None:
    """A start, or a reload: the configured sources, by name, ask at these addresses; all others at none."""
    gone = (_source.c.host != quoted(""), not_(_source.c.name.in_(list(addresses))))
    connection.execute(update(_source).where(*gone).values(host=""))
    for name, address in addresses.items():
        new = upsert(_source).values(name=name, started=False, listing="all", host=address)
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["name"], set_={"host": address}, where=_source.c.host != address
            )
        )
    if len(set(addresses.values())) < len(addresses):
        connection.exec_driver_sql(INDEX)


def shared_host(connection: Connection, source: str) -> str:
    """The address of a source that shares it with another configured one; empty: it has none to share with."""
    return connection.execute(_SHARED, {"source": source}).scalar() or ""


_SHARED = select(_source.c.host).where(
    _source.c.name == bindparam("source"),
    _source.c.host != quoted(""),
    exists().where(_other.c.host == _source.c.host, _other.c.name != _source.c.name),
)


def is_evidence(person: str) -> bool:
    """True if this identifies a person at other sources too: a lead without an X id stands for itself."""
    return bool(person) and not person.startswith("lead-")


def _twins(*columns: Any) -> Any:
    """Rows of other sources at `host` that are twins of rows of `source` with these `ids`."""
    # `+`: by the index over ids, and not once for each source there is
    return (
        select(*columns)
        .join(_twin, (_twin.c.lead_id == _lead.c.lead_id) & (_twin.c.person == _lead.c.person))
        .where(
            _lead.c.source == bindparam("source"),
            among(_lead.c.lead_id, "ids"),
            _lead.c.person != quoted(""),
            _lead.c.person.not_like("lead-%"),
            _twin.c.source != bindparam("source"),
            (_twin.c.source.concat("")).in_(select(_other.c.name).where(_other.c.host == bindparam("host"))),
        )
        .distinct()
    )


_IDS = _twins(_twin.c.source, _twin.c.lead_id)
_HELD = _twins(_lead.c.lead_id).where(_twin.c.state.in_([quoted(state) for state in HOLDS_EXPORT]))


def twins(connection: Connection, source: str, host: str, ids: Collection[int]) -> dict[str, set[int]]:
    """By source: which of these ids it lists too, for the same person. `host`: of `shared_host`."""
    found: dict[str, set[int]] = {}
    for name, lead_id in connection.execute(_IDS, {"source": source, "host": host, "ids": array(ids)}):
        found.setdefault(name, set()).add(lead_id)
    return found


def held(connection: Connection, source: str, ids: Collection[int]) -> set[int]:
    """Return those of a source's ids that a twin at another source still holds."""
    host = shared_host(connection, source) if ids else ""
    if not host:
        return set()
    return set(connection.execute(_HELD, {"source": source, "host": host, "ids": array(ids)}).scalars())


_PEOPLE = select(_twin.c.source, _twin.c.lead_id, _twin.c.person).where(
    among(_twin.c.lead_id, "ids"),
    _twin.c.source != bindparam("source"),
    (_twin.c.source.concat("")).in_(select(_other.c.name).where(_other.c.host == bindparam("host"))),
)


def twins_of_new(
    connection: Connection, source: str, people: Iterable[tuple[int, str]]
) -> dict[str, set[int]]:
    """By source: which of these (id, person), not in the ledger yet, it lists too."""
    host = shared_host(connection, source)
    known = {(lead_id, person) for lead_id, person in people if is_evidence(person)} if host else set()
    if not known:
        return {}
    found: dict[str, set[int]] = {}
    parameters = {"source": source, "host": host, "ids": array({lead_id for lead_id, _ in known})}
    for name, lead_id, person in connection.execute(_PEOPLE, parameters):
        if (lead_id, person) in known:
            found.setdefault(name, set()).add(lead_id)
    return found
