"""Feedback: what was heard of people, how far each connector was asked, and what CTGO is told."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Feedback."""
    op.create_table(
        "feedback",
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
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("told_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "lead_id", "segment_id"),
    )
    op.create_index(
        "feedback_pending",
        "feedback",
        ["source", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "feedback_rejected",
        "feedback",
        ["source", "code"],
        unique=False,
        sqlite_where=sa.text("state = 'rejected'"),
    )
    op.create_table(
        "heard",
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "person"),
    )
    op.create_table(
        "hearing",
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("connector"),
    )
