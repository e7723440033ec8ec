"""Accounts without a password; how and when a session was opened."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.alter_column(
        "users", "password_hash", nullable=True, comment="null: signs in by other ways alone", schema="auth"
    )
    op.alter_column("users", "password_key_id", nullable=True, schema="auth")
    op.add_column(
        "sessions",
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="auth",
    )
    op.add_column(
        "sessions",
        sa.Column("method", sa.Text(), nullable=False, server_default=sa.text("'password'")),
        schema="auth",
    )


def downgrade() -> None:
    """Take back; accounts without a password get one that nothing matches."""
    op.drop_column("sessions", "method", schema="auth")
    op.drop_column("sessions", "opened_at", schema="auth")
    op.execute("SET LOCAL ROLE collegium_operator")
    op.execute("UPDATE auth.users SET password_hash = '', password_key_id = '' WHERE password_hash IS NULL")
    op.execute("RESET ROLE")
    op.alter_column("users", "password_key_id", nullable=False, schema="auth")
    op.alter_column("users", "password_hash", nullable=False, comment=None, schema="auth")
