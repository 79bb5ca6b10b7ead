"""Alembic's entry: the migrations, on the connection and in the transaction that the caller opened."""

from alembic import context

from syncd.ledger.schema_history import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
