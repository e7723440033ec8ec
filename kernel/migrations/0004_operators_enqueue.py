"""Operators enqueue what follows from a change of theirs, as the app role does, and read no payload either."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.execute("GRANT USAGE ON SCHEMA queue TO collegium_operator")
    op.execute("GRANT INSERT, SELECT (id, entrypoint, priority, dedupe_key) ON queue.pgqueuer TO collegium_operator")
    op.execute("GRANT USAGE ON SEQUENCE queue.pgqueuer_id_seq TO collegium_operator")


def downgrade() -> None:
    """Take back."""
    op.execute("REVOKE ALL ON SEQUENCE queue.pgqueuer_id_seq FROM collegium_operator")
    op.execute("REVOKE ALL ON queue.pgqueuer FROM collegium_operator")
    op.execute("REVOKE USAGE ON SCHEMA queue FROM collegium_operator")
