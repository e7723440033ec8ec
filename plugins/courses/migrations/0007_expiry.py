"""Enrolments and grants that end by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    for table in ("course_enrollments", "video_grants"):
        column = sa.Column("expires_at", sa.DateTime(timezone=True), comment="null: it does not end by itself")
        op.add_column(table, column, schema="courses")
    op.create_index(
        None,
        "course_enrollments",
        ["tenant_id", "expires_at"],
        schema="courses",
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_course_enrollments_tenant_id_expires_at", "course_enrollments", schema="courses")
    for table in ("course_enrollments", "video_grants"):
        op.drop_column(table, "expires_at", schema="courses")
