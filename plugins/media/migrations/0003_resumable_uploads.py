"""Uploads that are resumed, and the parts of them that have come."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "resumable_uploads",
        *tenant_columns(),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.Uuid()),
        sa.Column("held_until", sa.DateTime(timezone=True)),
        sa.Column("file_id", sa.Uuid()),
        tenant_reference("owner_id", "auth.users", ondelete="SET NULL"),
        tenant_reference("file_id", "media.files", ondelete="CASCADE"),
        one_of("kind", "video", "image", "file"),
        sa.CheckConstraint("received BETWEEN 0 AND length", name="received"),
        schema="media",
    )
    op.create_index(None, "resumable_uploads", ["tenant_id", "owner_id"], schema="media")
    op.create_index(None, "resumable_uploads", ["tenant_id", "expires_at"], schema="media")
    op.create_index(None, "resumable_uploads", ["tenant_id", "file_id"], schema="media")
    secure_tenant_table("media.resumable_uploads", audited=False)
    op.create_table(
        "upload_parts",
        *tenant_columns(),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at_byte", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        tenant_unique("upload_id", "starts_at_byte"),
        tenant_reference("upload_id", "media.resumable_uploads"),
        sa.CheckConstraint("size > 0", name="size"),
        schema="media",
    )
    secure_tenant_table("media.upload_parts", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("upload_parts", schema="media")
    op.drop_table("resumable_uploads", schema="media")
