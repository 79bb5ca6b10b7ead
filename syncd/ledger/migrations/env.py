"""Alembic's entry: the migrations, on the connection and in the transaction that the caller opened."""

from alembic import context
from sqlmodel import SQLModel

from syncd.ledger import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
assert schema.SCHEMA  # noqa: S101 - the tables are imported so that the metadata holds them
context.run_migrations()
