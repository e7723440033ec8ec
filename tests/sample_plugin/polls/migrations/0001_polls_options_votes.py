"""Polls, options and votes."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "polls",
        *tenant_columns(),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid()),
        sa.Column("closes_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("votes", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="kept by a listener"),
        tenant_reference("author_id", "auth.users", ondelete="SET NULL"),
        schema="polls",
    )
    op.create_index(
        None,
        "polls",
        ["tenant_id", "closes_at"],
        schema="polls",
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    secure_tenant_table("polls.polls")
    op.create_table(
        "options",
        *tenant_columns(),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        tenant_reference("poll_id", "polls.polls"),
        tenant_unique("poll_id", "position"),
        schema="polls",
    )
    secure_tenant_table("polls.options")
    op.create_table(
        "votes",
        *tenant_columns(),
        sa.Column("poll_id", sa.Uuid(), nullable=False),
        sa.Column("option_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("remark", sa.Text(), comment="encrypted"),
        tenant_unique("poll_id", "user_id"),
        tenant_reference("poll_id", "polls.polls"),
        tenant_reference("option_id", "polls.options"),
        tenant_reference("user_id", "auth.users", ondelete="SET NULL"),
        schema="polls",
    )
    op.create_index(None, "votes", ["tenant_id", "option_id"], schema="polls")
    op.create_index(None, "votes", ["tenant_id", "user_id"], schema="polls")
    secure_tenant_table("polls.votes", secret=["option_id", "remark"])


def downgrade() -> None:
    """Take back."""
    for table in ("votes", "options", "polls"):
        op.drop_table(table, schema="polls")
