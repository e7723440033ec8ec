"""Searching accounts by parts of names and addresses, and indexes for their list."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0009"
down_revision = "0008"

_NAMES = "lower(normalize(first_name || ' ' || last_name, NFKC))"
# `%` and `_` are letters here like any other.
_PATTERN = (
    "'%' || replace(replace(replace(lower(normalize(words, NFKC)), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'"
)
_MATCHING = f"""
    SELECT p.user_id FROM auth.user_profiles p WHERE p.tenant_id = {CURRENT_TENANT} AND p.searched LIKE {_PATTERN}
    UNION SELECT u.id FROM auth.users u WHERE u.tenant_id = {CURRENT_TENANT} AND u.email LIKE {_PATTERN}
"""


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "user_profiles",
        sa.Column("searched", sa.Text(), sa.Computed(_NAMES, persisted=True), nullable=False),
        schema="auth",
    )
    for table, column in (("user_profiles", "searched"), ("users", "email")):
        op.create_index(
            None,
            table,
            ["tenant_id", column],
            schema="auth",
            postgresql_using="gin",
            postgresql_ops={column: "kernel.gin_trgm_ops"},
            postgresql_with={"fastupdate": "off"},
        )
    op.create_index(None, "user_profiles", ["tenant_id", "last_name", "first_name", "user_id"], schema="auth")
    op.create_index(None, "users", ["tenant_id", "role", "status"], schema="auth")
    definer_function("auth.matching(words text)", "TABLE (id uuid)", _MATCHING)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION auth.matching(text)")
    op.drop_index("ix_users_tenant_id_role_status", "users", schema="auth")
    op.drop_index("ix_user_profiles_tenant_id_last_name_first_name_user_id", "user_profiles", schema="auth")
    op.drop_index("ix_users_tenant_id_email", "users", schema="auth")
    op.drop_column("user_profiles", "searched", schema="auth")
