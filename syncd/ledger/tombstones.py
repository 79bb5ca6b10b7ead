"""Tombstones, as pulls ask for them: nobody who was forgotten is taken in again.

See `syncd.core.tombstone` for how they are recognised, and `syncd.ledger.admin.forgotten` for how one is forgotten.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from syncd.core.lead import Lead, Malformed
from syncd.core.tombstone import Trace, carried_by, marks, of_lead, of_malformed, spellings
from syncd.ledger.schema import Forgotten, Secret, table
from syncd.ledger.sql import among, array

_secret, _forgotten = table(Secret), table(Forgotten)


def keys(connection: Connection) -> list[str]:
    """Return the keys of the tombstones; none when nobody was ever forgotten."""
    return list(connection.execute(_KEYS).scalars())


_KEYS = select(_secret.c.key)
_KNOWN_MARKS = select(_forgotten.c.mark).where(among(_forgotten.c.mark, "marks"))


def known_marks(connection: Connection, signs: Sequence[str]) -> set[str]:
    """Return those of these digests that are tombstones."""
    return set(connection.execute(_KNOWN_MARKS, {"marks": array(signs)}).scalars())


def without_forgotten(
    connection: Connection, leads: Sequence[tuple[Lead, str]], malformed: Sequence[Malformed]
) -> tuple[Sequence[tuple[Lead, str]], Sequence[Malformed]]:
    """A page's rows without those of people who were forgotten. Asked for every page, so it costs one look at no rows."""
    known = keys(connection)
    if not known:
        return leads, malformed
    signs = [marks(known, carried_by(of_lead(lead))) for lead, _ in leads]
    bad_signs = [marks(known, carried_by(of_malformed(bad))) for bad in malformed]
    found = known_marks(connection, [sign for many in (*signs, *bad_signs) for sign in many])
    if not found:
        return leads, malformed
    return (
        [it for it, many in zip(leads, signs, strict=True) if found.isdisjoint(many)],
        [it for it, many in zip(malformed, bad_signs, strict=True) if found.isdisjoint(many)],
    )


def without_forgotten_names(
    connection: Connection, handles: Mapping[int, str | None]
) -> Mapping[int, str | None]:
    """Handles by some number, None in the place of those of people who were forgotten."""
    known = keys(connection)
    if not known:
        return handles
    signs = {
        number: marks(known, [Trace("handle", name) for name in spellings(handle or "")])
        for number, handle in handles.items()
    }
    bearing = known_marks(connection, [sign for many in signs.values() for sign in many])
    return {
        number: handle if bearing.isdisjoint(signs[number]) else None for number, handle in handles.items()
    }
