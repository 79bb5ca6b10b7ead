"""Push: what each source has subscribed to at CTGO."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Subscriptions."""
    op.create_table(
        "subscription",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("remote_id", sa.Integer(), nullable=True),
        sa.Column("subscribed_at", sa.Float(), nullable=False),
        sa.Column("leaving", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
