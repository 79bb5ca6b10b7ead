"""The flood gate: deliveries that are held, and each connector's gate."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The flood gate."""
    op.create_table(
        "gate",
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.Float(), nullable=True),
        sa.Column("approved", sa.Integer(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connector"),
    )
    # Not in batch mode: a constant default needs no copy of the table, and the copy would lose nothing but time
    op.add_column("delivery", sa.Column("held", sa.String(), server_default=sa.text("''"), nullable=False))
    op.drop_index("delivery_pending", "delivery")
    op.create_index(
        "delivery_pending",
        "delivery",
        ["connector", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND held = ''"),
    )
    op.create_index(
        "delivery_held",
        "delivery",
        ["connector", "lead_seq", "held"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND held <> ''"),
    )
