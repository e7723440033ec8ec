"""Mails that wait to be sent, and tenants' own words for them."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "outgoing_mails",
        *tenant_columns(),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("content_encrypted", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        sa.Column("last_answer", sa.Text()),
        schema="kernel",
    )
    op.create_index(None, "outgoing_mails", ["tenant_id", "failed_at"], schema="kernel")
    secure_tenant_table("kernel.outgoing_mails", audited=False)
    op.create_table(
        "mail_templates",
        *tenant_columns(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("tenant_id", "name", "locale"),
        schema="kernel",
    )
    secure_tenant_table("kernel.mail_templates")


def downgrade() -> None:
    """Take back."""
    op.drop_table("mail_templates", schema="kernel")
    op.drop_table("outgoing_mails", schema="kernel")
