"""Files and uploads under way."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "files",
        *tenant_columns(),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        tenant_unique("storage_key"),
        tenant_reference("owner_id", "auth.users", ondelete="SET NULL"),
        one_of("kind", "video", "image", "file"),
        sa.CheckConstraint("size > 0", name="size"),
        schema="media",
    )
    op.create_index(None, "files", ["tenant_id", "owner_id", "id"], schema="media")
    secure_tenant_table("media.files")
    op.create_table(
        "uploads",
        *tenant_columns(),
        sa.Column("owner_id", sa.Uuid()),
        sa.Column("storage_key", sa.Text(), nullable=False),
        tenant_reference("owner_id", "auth.users", ondelete="SET NULL"),
        schema="media",
    )
    op.create_index(None, "uploads", ["tenant_id", "owner_id"], schema="media")
    op.create_index(None, "uploads", ["tenant_id", "created_at"], schema="media")
    secure_tenant_table("media.uploads", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("uploads", schema="media")
    op.drop_table("files", schema="media")
