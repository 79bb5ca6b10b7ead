"""A change of a lead's state writes little: no payload in it, and one index less.

A payload is a row of its own. Leads on their way to a connector leave the index of those that are not settled, for their
pending deliveries tell of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Payloads apart, and an index of leads that stand."""
    op.create_table(
        "payload",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("refilled_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["seq"], ["lead.seq"]),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.execute(
        "INSERT INTO payload (seq, text, refilled_at) "
        "SELECT seq, payload, refilled_at FROM lead WHERE payload IS NOT NULL ORDER BY seq"
    )
    op.drop_index("lead_kept", table_name="lead")
    op.drop_index("lead_unsettled", table_name="lead")
    # Not in batch mode, which would copy the table under the deliveries that refer to it
    op.execute("ALTER TABLE lead DROP COLUMN payload")
    op.execute("ALTER TABLE lead DROP COLUMN refilled_at")
    op.create_index(
        "lead_standing",
        "lead",
        ["state", "ingested_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('enriching', 'rejected', 'exporting', 'quarantined')"),
    )
