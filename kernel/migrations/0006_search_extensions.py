"""Trigrams and indexes that begin with the tenant, for searching: two of PostgreSQL's own trusted extensions."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    for extension in ("pg_trgm", "btree_gin"):
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA kernel")


def downgrade() -> None:
    """Take back."""
    for extension in ("btree_gin", "pg_trgm"):
        op.execute(f"DROP EXTENSION {extension}")
