"""A course's cover is a file of ours; the address that nothing has ever written goes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.add_column("courses", sa.Column("cover_file_id", sa.Uuid()), schema="courses")
    op.create_foreign_key(
        None,
        "courses",
        "files",
        ["tenant_id", "cover_file_id"],
        ["tenant_id", "id"],
        source_schema="courses",
        referent_schema="media",
        ondelete="RESTRICT",
    )
    op.create_index(None, "courses", ["tenant_id", "cover_file_id"], schema="courses")
    op.drop_column("courses", "thumbnail_url", schema="courses")


def downgrade() -> None:
    """Take back."""
    op.add_column("courses", sa.Column("thumbnail_url", sa.Text()), schema="courses")
    op.drop_column("courses", "cover_file_id", schema="courses")
