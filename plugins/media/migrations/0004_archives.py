"""Archives, which a task unpacks or has packed."""

from alembic import op

revision = "0004"
down_revision = "0003"

_TABLES = ("files", "resumable_uploads")


def upgrade() -> None:
    """Apply."""
    for table in _TABLES:
        op.drop_constraint(f"ck_{table}_kind", table, schema="media")
        op.create_check_constraint("kind", table, "kind IN ('video', 'image', 'file', 'archive')", schema="media")


def downgrade() -> None:
    """Take back."""
    for table in _TABLES:
        op.execute(f"DELETE FROM media.{table} WHERE kind = 'archive'")
        op.drop_constraint(f"ck_{table}_kind", table, schema="media")
        op.create_check_constraint("kind", table, "kind IN ('video', 'image', 'file')", schema="media")
