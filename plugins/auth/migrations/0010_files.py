"""Students' files and instructors' profiles."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "student_files",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("education_level", sa.Text()),
        sa.Column("enrollment_date", sa.Date()),
        sa.Column("notes", sa.Text(), comment="of the staff; the student does not see them in the file"),
        sa.Column("assigned_instructor", sa.Uuid()),
        tenant_reference("user_id", "auth.users"),
        tenant_reference("assigned_instructor", "auth.users", ondelete="SET NULL"),
        tenant_unique("user_id"),
        schema="auth",
    )
    op.create_index(None, "student_files", ["tenant_id", "assigned_instructor"], schema="auth")
    secure_tenant_table("auth.student_files")
    op.create_table(
        "instructor_profiles",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("specialization", sa.Text()),
        sa.Column("qualification", sa.Text()),
        sa.Column("experience_years", sa.Integer()),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        sa.CheckConstraint("experience_years BETWEEN 0 AND 80", name="experience_years"),
        schema="auth",
    )
    secure_tenant_table("auth.instructor_profiles")


def downgrade() -> None:
    """Take back."""
    for table in ("instructor_profiles", "student_files"):
        op.drop_table(table, schema="auth")
