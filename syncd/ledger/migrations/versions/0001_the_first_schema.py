"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """The first schema."""
    op.create_table(
        "action",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "budget",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("server_limit", sa.Integer(), nullable=True),
        sa.Column("blocked_until", sa.Float(), nullable=False),
        sa.Column("pull_at", sa.Float(), nullable=True),
        sa.Column("pull_needs", sa.Integer(), nullable=False),
        sa.Column("pull_every", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "export",
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=True),
        sa.Column("failing_since", sa.Float(), nullable=True),
        sa.Column("call_limit", sa.Integer(), nullable=True),
        sa.Column("maybe_sent", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "lead_id"),
    )
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.create_index(
            "export_pending",
            ["source", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "export_rejected", ["source", "code"], unique=False, sqlite_where=sa.text("state = 'rejected'")
        )

    op.create_table(
        "label",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "id"),
    )
    op.create_table(
        "lane",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=True),
        sa.Column("probing", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.Integer(), nullable=False),
        sa.Column("alike_code", sa.String(), nullable=False),
        sa.Column("alike", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_table(
        "lead",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("lead_id", sa.Integer(), nullable=False),
        sa.Column("stream_id", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("discovered_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ingested_at", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=True),
        sa.Column("enrichment", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("source", "lead_id", "stream_id", "segment_id", "digest"),
    )
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index(
            "lead_unsettled",
            ["state", "ingested_at"],
            unique=False,
            sqlite_where=sa.text(
                "state IN ('enriching', 'delivering', 'rejected', 'exporting', 'quarantined')"
            ),
        )

    op.create_table(
        "person",
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.Column("discovered_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "person"),
    )
    op.create_table(
        "slot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("free_at", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.create_index("slot_budget", ["budget", "free_at"], unique=False)

    op.create_table(
        "source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("watermark", sa.Float(), nullable=True),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("floor", sa.Float(), nullable=True),
        sa.Column("listing", sa.String(), nullable=False),
        sa.Column("pulled_at", sa.Float(), nullable=True),
        sa.Column("reconciled_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tally",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.CheckConstraint("n >= 0"),
        sa.PrimaryKeyConstraint("kind", "name", "state"),
    )
    op.create_table(
        "delivery",
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=True),
        sa.Column("failing_since", sa.Float(), nullable=True),
        sa.Column("call_limit", sa.Integer(), nullable=True),
        sa.Column("maybe_sent", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lead_seq", sa.Integer(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lead_seq"],
            ["lead.seq"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("lead_seq", "connector"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "delivery_pending",
            ["connector", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "delivery_rejected",
            ["connector", "code"],
            unique=False,
            sqlite_where=sa.text("state = 'rejected'"),
        )
