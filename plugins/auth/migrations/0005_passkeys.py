"""Passkeys."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference, tenant_unique

revision = "0005"
down_revision = "0004"

_REASONS = ("unknown_user", "wrong_password", "wrong_code", "suspended", "inactive", "email_not_verified")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "passkeys",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False, comment="by which browsers know it"),
        sa.Column("public_key", sa.LargeBinary(), nullable=False, comment="COSE"),
        sa.Column("sign_count", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("backed_up", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        tenant_reference("user_id", "auth.users"),
        tenant_unique("credential_id"),
        schema="auth",
    )
    op.create_index(None, "passkeys", ["tenant_id", "user_id"], schema="auth")
    secure_tenant_table("auth.passkeys")
    _allow_reasons(*_REASONS[:3], "passkey_refused", "passkey_copied", *_REASONS[3:])


def downgrade() -> None:
    """Take back; refused passkeys become refused passwords."""
    op.execute("SET LOCAL ROLE collegium_operator")
    op.execute("UPDATE auth.failed_logins SET reason = 'wrong_password' WHERE reason LIKE 'passkey%'")
    op.execute("RESET ROLE")
    _allow_reasons(*_REASONS)
    op.drop_table("passkeys", schema="auth")


def _allow_reasons(*reasons: str) -> None:
    allowed = ", ".join(f"'{reason}'" for reason in reasons)
    op.drop_constraint("ck_failed_logins_reason", "failed_logins", schema="auth")
    op.create_check_constraint("reason", "failed_logins", f"reason IN ({allowed})", schema="auth")
