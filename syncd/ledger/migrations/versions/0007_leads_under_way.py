"""Leads on their way to a connector leave the index of those that are not settled: their deliveries tell of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """An index of the others."""
    op.drop_index("lead_unsettled", table_name="lead")
    op.create_index(
        "lead_standing",
        "lead",
        ["state", "ingested_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('enriching', 'rejected', 'exporting', 'quarantined')"),
    )
