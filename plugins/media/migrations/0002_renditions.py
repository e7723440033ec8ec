"""What is made of a file, beside it."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "renditions",
        *tenant_columns(),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        tenant_unique("file_id", "name"),
        tenant_unique("storage_key"),
        tenant_reference("file_id", "media.files"),
        sa.CheckConstraint("size > 0", name="size"),
        schema="media",
    )
    secure_tenant_table("media.renditions", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("renditions", schema="media")
