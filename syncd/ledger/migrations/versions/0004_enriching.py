"""Enriching: what was asked and not answered yet, what each day's asks were, the credits that are left."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Enriching."""
    op.create_table(
        "ask",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("outputs", sa.String(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source", "person"),
    )
    op.create_table(
        "askday",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day"),
    )
    op.create_table(
        "credits",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("balance", sa.Integer(), nullable=True),
        sa.Column("told_at", sa.Float(), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_index(
        "lead_enriched",
        "lead",
        ["source", "person"],
        unique=False,
        sqlite_where=sa.text("enrichment IS NOT NULL"),
    )
