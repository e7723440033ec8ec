"""Materials, and who has downloaded them."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "course_materials",
        *tenant_columns(),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("section_id", sa.Uuid()),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("file_id", sa.Uuid()),
        sa.Column("external_url", sa.Text()),
        sa.Column("file_type", sa.Text()),
        sa.Column("file_size", sa.BigInteger()),
        sa.Column("is_downloadable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default=sa.text("0"), nullable=False),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("section_id", "courses.course_sections"),
        tenant_reference("file_id", "media.files", ondelete="RESTRICT"),
        sa.CheckConstraint("(file_id IS NULL) <> (external_url IS NULL)", name="source"),
        sa.CheckConstraint(
            "(file_id IS NULL) = (file_type IS NULL) AND (file_id IS NULL) = (file_size IS NULL)", name="file"
        ),
        schema="courses",
    )
    columns = ["tenant_id", "course_id", "section_id", "sort_order", "id"]
    op.create_index(None, "course_materials", columns, schema="courses")
    op.create_index(None, "course_materials", ["tenant_id", "section_id"], schema="courses")
    op.create_index(None, "course_materials", ["tenant_id", "file_id"], schema="courses")
    secure_tenant_table("courses.course_materials")
    op.create_table(
        "material_downloads",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("material_id", sa.Uuid(), nullable=False),
        tenant_unique("user_id", "material_id"),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("material_id", "courses.course_materials"),
        schema="courses",
    )
    op.create_index(None, "material_downloads", ["tenant_id", "material_id"], schema="courses")
    secure_tenant_table("courses.material_downloads", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("material_downloads", schema="courses")
    op.drop_table("course_materials", schema="courses")
