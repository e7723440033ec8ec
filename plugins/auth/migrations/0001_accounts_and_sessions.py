"""Accounts, profiles, sessions, failed sign-ins."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    _users()
    _user_profiles()
    _sessions()
    _failed_logins()


def _users() -> None:
    op.create_table(
        "users",
        *tenant_columns(),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_key_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default=sa.text("'active'")),
        sa.Column("last_login", sa.DateTime(timezone=True)),
        sa.Column("email_verified", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("is_operator", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        tenant_unique("email"),
        one_of("role", "admin", "instructor", "student"),
        one_of("status", "active", "inactive", "suspended"),
        schema="auth",
    )
    secure_tenant_table("auth.users", secret=["password_hash"])


def _user_profiles() -> None:
    op.create_table(
        "user_profiles",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text()),
        sa.Column("avatar_url", sa.Text()),
        sa.Column("bio", sa.Text()),
        sa.Column("date_of_birth", sa.Date()),
        sa.Column("address", sa.Text()),
        sa.Column("city", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("timezone", sa.Text(), nullable=False, server_default=sa.text("'UTC'")),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        schema="auth",
    )
    secure_tenant_table("auth.user_profiles")


def _sessions() -> None:
    op.create_table(
        "sessions",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "refresh_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the newest refresh token's secret"
        ),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("absolute_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        tenant_reference("user_id", "auth.users"),
        schema="auth",
    )
    op.create_index(None, "sessions", ["tenant_id", "user_id"], schema="auth")
    # Every refresh changes the row, which would bury the audit log.
    secure_tenant_table("auth.sessions", audited=False)


def _failed_logins() -> None:
    op.create_table(
        "failed_logins",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        tenant_reference("user_id", "auth.users"),
        one_of("reason", "unknown_user", "wrong_password", "suspended", "inactive", "email_not_verified"),
        schema="auth",
    )
    op.create_index(None, "failed_logins", ["tenant_id", "user_id"], schema="auth")
    secure_tenant_table("auth.failed_logins", audited=False, append_only=True)


def downgrade() -> None:
    """Take back."""
    for table in ("failed_logins", "sessions", "user_profiles", "users"):
        op.drop_table(table, schema="auth")
