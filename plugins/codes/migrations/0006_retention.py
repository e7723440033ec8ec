"""Codes that expired long ago lose their text; attempts of long ago are deleted, which no role that serves may do."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0006"
down_revision = "0005"

_SECRETS: dict[str, sa.types.TypeEngine[Any]] = {
    "code_lookup": sa.LargeBinary(),
    "lookup_kid": sa.Text(),
    "code_display": sa.Text(),
}
_AS_A_WHOLE = "(code_lookup IS NULL) = (code_display IS NULL) AND (code_lookup IS NULL) = (lookup_kid IS NULL)"
# Oldest first along the primary key, whose ids are ordered by time.
_OLD = f"""
    WITH gone AS (
        DELETE FROM codes.redemption_attempts
        WHERE tenant_id = {CURRENT_TENANT} AND id = ANY (ARRAY(
            SELECT old.id FROM codes.redemption_attempts AS old
            WHERE old.tenant_id = {CURRENT_TENANT}
              AND old.attempted_at < now() - make_interval(days => greatest(kept_days, 30))
            ORDER BY old.id LIMIT most))
        RETURNING 1)
    SELECT count(*) FROM gone
"""


def upgrade() -> None:
    """Apply."""
    for name, kind in _SECRETS.items():
        op.alter_column("access_codes", name, existing_type=kind, nullable=True, schema="codes")
    op.create_check_constraint("forgotten_as_a_whole", "access_codes", _AS_A_WHOLE, schema="codes")
    op.create_index(
        None,
        "access_codes",
        ["tenant_id", "expires_at"],
        schema="codes",
        postgresql_where=sa.text("expires_at IS NOT NULL AND code_display IS NOT NULL"),
    )
    # Never less than 30 days, whatever it is called with.
    definer_function(
        "codes.forget_old_attempts(kept_days integer, most integer)",
        "bigint",
        _OLD,
        to="collegium_worker",
        writes=True,
    )


def downgrade() -> None:
    """Take back; codes without a text can be found by nobody, and go."""
    op.execute("DROP FUNCTION codes.forget_old_attempts(integer, integer)")
    op.drop_index("ix_access_codes_tenant_id_expires_at", "access_codes", schema="codes")
    op.drop_constraint("ck_access_codes_forgotten_as_a_whole", "access_codes", schema="codes")
    op.execute("SET LOCAL ROLE collegium_operator")
    op.execute("DELETE FROM codes.access_codes WHERE code_display IS NULL")
    op.execute("RESET ROLE")
    for name, kind in _SECRETS.items():
        op.alter_column("access_codes", name, existing_type=kind, nullable=False, schema="codes")
