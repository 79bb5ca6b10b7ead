"""The deliveries that a lane in doubt has asked about, explained pauses in a row, and since when a delivery waits."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Doubts, pauses, waits."""
    op.add_column("lane", sa.Column("doubts", sa.String(), nullable=False, server_default=sa.text("'[]'")))
    op.add_column("lane", sa.Column("pauses", sa.Integer(), nullable=False, server_default=sa.text("0")))
    for name in ("delivery", "export", "feedback"):
        op.add_column(name, sa.Column("waits_from", sa.Float(), nullable=True))
