"""What students say of courses."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "course_reviews",
        *tenant_columns(),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("reply", sa.Text()),
        sa.Column("replied_at", sa.DateTime(timezone=True)),
        tenant_unique("user_id", "course_id"),
        tenant_reference("course_id", "courses.courses"),
        tenant_reference("user_id", "auth.users"),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        sa.CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name="reply"),
        schema="courses",
    )
    op.create_index(None, "course_reviews", ["tenant_id", "course_id", "id"], schema="courses")
    secure_tenant_table("courses.course_reviews")


def downgrade() -> None:
    """Take back."""
    op.drop_table("course_reviews", schema="courses")
