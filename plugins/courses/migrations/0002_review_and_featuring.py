"""When a course was submitted and featured, and what reviewers decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.add_column("courses", sa.Column("submitted_at", sa.DateTime(timezone=True)), schema="courses")
    op.add_column("courses", sa.Column("featured_at", sa.DateTime(timezone=True)), schema="courses")
    op.create_index(
        None,
        "courses",
        ["tenant_id", "featured_at", "id"],
        schema="courses",
        postgresql_where=sa.text("featured_at IS NOT NULL"),
    )
    op.create_table(
        "course_verdicts",
        *tenant_columns(),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer_id", sa.Uuid()),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("notes", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("reviewer_id", "auth.users", ondelete="SET NULL"),
        one_of("decision", "approved", "rejected"),
        schema="courses",
    )
    op.create_index(None, "course_verdicts", ["tenant_id", "course_id", "id"], schema="courses")
    op.create_index(None, "course_verdicts", ["tenant_id", "reviewer_id"], schema="courses")
    secure_tenant_table("courses.course_verdicts")


def downgrade() -> None:
    """Take back."""
    op.drop_table("course_verdicts", schema="courses")
    op.drop_column("courses", "featured_at", schema="courses")
    op.drop_column("courses", "submitted_at", schema="courses")
