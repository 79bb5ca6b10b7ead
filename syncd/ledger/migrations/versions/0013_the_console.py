"""Counts by the hour, the budget of a source, acts that can be taken back, questions to a remote, asks that found nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Flow, looks, and columns for the console and for enriching."""
    op.create_table(
        "flow",
        sa.Column("span", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("span", "kind", "state", "at", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("done_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("ask", sa.Column("refused_at", sa.Float(), nullable=True))
    op.add_column("source", sa.Column("budget", sa.String(), nullable=False, server_default=""))
    op.add_column("action", sa.Column("via", sa.String(), nullable=False, server_default="cli"))
    op.add_column("action", sa.Column("touched", sa.String(), nullable=True))
    op.add_column("gate", sa.Column("first", sa.String(), nullable=False, server_default="[]"))
