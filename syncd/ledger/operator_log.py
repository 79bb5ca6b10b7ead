"""The operator's log: each change that a person made to the ledger, and who made it."""

from sqlalchemy import Connection

from syncd.ledger.schema import Action, table


def log_action(
    connection: Connection, now: float, *, who: str, verb: str, name: str = "", detail: str = ""
) -> None:
    """Note who did what, and when; part of the transaction that does it."""
    connection.execute(table(Action).insert().values(at=now, who=who, verb=verb, name=name, detail=detail))
