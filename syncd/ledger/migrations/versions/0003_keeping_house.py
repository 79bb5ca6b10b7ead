"""The tables, the column and the index for house-keeping and forgetting."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Keep house, and forget."""
    # Not in batch mode, which would copy every lead: a column that may be null is only written down
    op.add_column("lead", sa.Column("refilled_at", sa.Float(), nullable=True))
    op.create_index(
        "lead_kept",
        "lead",
        ["settled_at"],
        unique=False,
        sqlite_where=sa.text("payload IS NOT NULL AND settled_at IS NOT NULL"),
    )
    op.create_table(
        "upkeep",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("done_at", sa.Float(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "secret",
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "forgotten",
        sa.Column("mark", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("mark"),
    )
