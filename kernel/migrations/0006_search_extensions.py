"""Trigrams, edit distance and indexes that begin with the tenant, for searching: extensions that an owner may make."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    for extension in ("pg_trgm", "fuzzystrmatch", "btree_gin"):
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA kernel")


def downgrade() -> None:
    """Take back."""
    for extension in ("btree_gin", "fuzzystrmatch", "pg_trgm"):
        op.execute(f"DROP EXTENSION {extension}")
