"""Names of campaigns, segments and tracked accounts, as CTGO's lists last said them."""

from sqlalchemy import Connection, select

from syncd.ledger.tables import Label, table

_label = table(Label)

Names = dict[int, str]


def load_names(connection: Connection, source: str) -> tuple[Names, Names, Names]:
    """The names that are known for a source, by id: campaigns, segments, tracked accounts."""
    found: dict[str, Names] = {"stream": {}, "segment": {}, "account": {}}
    for kind, number, name in connection.execute(
        select(_label.c.kind, _label.c.id, _label.c.name).where(
            _label.c.source == source, _label.c.name.is_not(None)
        )
    ):
        if kind in found:
            found[kind][number] = name
    return found["stream"], found["segment"], found["account"]
