"""Authenticator apps, recovery codes, and whether a session has proved a second factor."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0004"
down_revision = "0003"

_REASONS = ("unknown_user", "wrong_password", "suspended", "inactive", "email_not_verified")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "totp_factors",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="encrypted"),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.Integer(), comment="time step of the newest code that was used"),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id"),
        schema="auth",
    )
    secure_tenant_table("auth.totp_factors", secret=["secret"])
    op.create_table(
        "recovery_codes",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_key_id", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("user_id", "code_hash"),
        schema="auth",
    )
    secure_tenant_table("auth.recovery_codes", secret=["code_hash"])
    op.add_column(
        "sessions",
        sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        schema="auth",
    )
    _allow_reasons(*_REASONS[:2], "wrong_code", *_REASONS[2:])


def downgrade() -> None:
    """Take back; refused codes become refused passwords."""
    op.execute("SET LOCAL ROLE collegium_operator")
    op.execute("UPDATE auth.failed_logins SET reason = 'wrong_password' WHERE reason = 'wrong_code'")
    op.execute("RESET ROLE")
    _allow_reasons(*_REASONS)
    op.drop_column("sessions", "second_factor", schema="auth")
    op.drop_table("recovery_codes", schema="auth")
    op.drop_table("totp_factors", schema="auth")


def _allow_reasons(*reasons: str) -> None:
    allowed = ", ".join(f"'{reason}'" for reason in reasons)
    op.drop_constraint("ck_failed_logins_reason", "failed_logins", schema="auth")
    op.create_check_constraint("reason", "failed_logins", f"reason IN ({allowed})", schema="auth")
