"""The books of each source against CTGO's."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Reconciliation."""
    op.create_table(
        "reconciliation",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("drift", sa.Integer(), nullable=True),
        sa.Column("unmet", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("swept", sa.Boolean(), nullable=False),
        sa.Column("restless", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
