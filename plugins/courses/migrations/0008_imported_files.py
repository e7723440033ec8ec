"""Files of imports under way."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "imported_files",
        *tenant_columns(),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        tenant_unique("import_id", "name"),
        tenant_reference("file_id", "media.files"),
        schema="courses",
    )
    op.create_index(None, "imported_files", ["tenant_id", "file_id"], schema="courses")
    op.create_index(None, "imported_files", ["tenant_id", "created_at"], schema="courses")
    secure_tenant_table("courses.imported_files", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("imported_files", schema="courses")
