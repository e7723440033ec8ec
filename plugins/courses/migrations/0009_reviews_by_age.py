"""Reviews of many courses are read by age: all of them, and those that wait for an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_TABLE = "course_reviews"
_BY_AGE = ["tenant_id", "created_at", "id"]
_WAITING = "ix_course_reviews_tenant_id_created_at_id_waiting"


def upgrade() -> None:
    """Apply."""
    op.create_index(None, _TABLE, _BY_AGE, schema="courses")
    op.create_index(_WAITING, _TABLE, _BY_AGE, schema="courses", postgresql_where=sa.text("reply IS NULL"))


def downgrade() -> None:
    """Take back."""
    op.drop_index(_WAITING, _TABLE, schema="courses")
    op.drop_index("ix_course_reviews_tenant_id_created_at_id", _TABLE, schema="courses")
