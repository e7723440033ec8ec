"""The log is read by time and id, and by kind, without sorting what was written in one transaction."""

from alembic import op

revision = "0012"
down_revision = "0011"

_TABLE = "audit_logs"


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_audit_logs_tenant_id_created_at", _TABLE, schema="kernel")
    op.create_index("ix_audit_logs_tenant_id_created_at_id", _TABLE, ["tenant_id", "created_at", "id"], schema="kernel")
    op.create_index(
        "ix_audit_logs_tenant_id_entity_type_created_at_id",
        _TABLE,
        ["tenant_id", "entity_type", "created_at", "id"],
        schema="kernel",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_audit_logs_tenant_id_entity_type_created_at_id", _TABLE, schema="kernel")
    op.drop_index("ix_audit_logs_tenant_id_created_at_id", _TABLE, schema="kernel")
    op.create_index("ix_audit_logs_tenant_id_created_at", _TABLE, ["tenant_id", "created_at"], schema="kernel")
