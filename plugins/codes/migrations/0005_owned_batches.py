"""Batches know whose course they are for, as their codes do, and are listed by it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.add_column("code_batches", sa.Column("instructor_id", sa.Uuid()), schema="codes")
    op.execute("SET LOCAL ROLE collegium_operator")
    op.execute("""
        UPDATE codes.code_batches SET instructor_id = codes.instructor_id
        FROM (SELECT DISTINCT ON (tenant_id, batch_id) tenant_id, batch_id, instructor_id FROM codes.access_codes) codes
        WHERE code_batches.tenant_id = codes.tenant_id AND code_batches.id = codes.batch_id
    """)
    op.execute("RESET ROLE")
    op.create_foreign_key(
        None,
        "code_batches",
        "users",
        ["tenant_id", "instructor_id"],
        ["tenant_id", "id"],
        source_schema="codes",
        referent_schema="auth",
        ondelete="SET NULL (instructor_id)",
    )
    op.create_index(None, "code_batches", ["tenant_id", "course_id", "id"], schema="codes")
    op.create_index(None, "code_batches", ["tenant_id", "instructor_id", "id"], schema="codes")


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_code_batches_tenant_id_course_id_id", "code_batches", schema="codes")
    op.drop_column("code_batches", "instructor_id", schema="codes")
