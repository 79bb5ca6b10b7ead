"""The address of each source: sources of one address may be one account."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """The address of each source that is configured; the next start fills it in."""
    op.add_column("source", sa.Column("host", sa.String(), nullable=False, server_default=""))
