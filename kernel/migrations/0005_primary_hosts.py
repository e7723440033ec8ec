"""One host of each tenant is its own: the one that links lead to, whichever host a request came to."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import definer_function

revision = "0005"
down_revision = "0004"

_TENANT = (
    "TABLE (id uuid, slug text, name text, is_active boolean, plugins text[], settings jsonb, version bigint,"
    " host text)"
)
_SELECT = (
    "SELECT t.id, t.slug, t.name, t.is_active, t.plugins, t.settings, t.version, {host} FROM kernel.tenants t {join}"
    " WHERE {condition}"
)
_PRIMARY = (
    "(SELECT o.host FROM kernel.tenant_hosts o WHERE o.tenant_id = t.id ORDER BY o.is_primary DESC, o.host LIMIT 1)"
)
_FUNCTIONS = {
    # An unknown host leads to the only tenant, and to none as soon as there are two.
    "tenant_by_host(wanted text)": (
        "LEFT JOIN kernel.tenant_hosts h ON h.tenant_id = t.id AND h.host = lower(wanted)",
        "h.host IS NOT NULL OR (NOT EXISTS (SELECT FROM kernel.tenant_hosts o WHERE o.host = lower(wanted))"
        " AND (SELECT count(*) FROM kernel.tenants) = 1)",
    ),
    "tenant_by_id(wanted uuid)": ("", "t.id = wanted"),
    "tenant_by_slug(wanted text)": ("", "t.slug = wanted"),
}


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "tenant_hosts",
        sa.Column("is_primary", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        schema="kernel",
    )
    op.execute(
        "UPDATE kernel.tenant_hosts SET is_primary = true"
        " WHERE host IN (SELECT min(host) FROM kernel.tenant_hosts GROUP BY tenant_id)"
    )
    op.create_index(
        "uq_tenant_hosts_primary",
        "tenant_hosts",
        ["tenant_id"],
        unique=True,
        schema="kernel",
        postgresql_where=sa.text("is_primary"),
    )
    _make_functions(_PRIMARY)


def _make_functions(host: str) -> None:
    for signature, (join, condition) in _FUNCTIONS.items():
        name, _, argument = signature.removesuffix(")").partition("(")
        op.execute(f"DROP FUNCTION kernel.{name}({argument.partition(' ')[2]})")
        body = _SELECT.format(host=host, join=join, condition=condition)
        definer_function(f"kernel.{signature}", _TENANT, body, across_tenants=True)


def downgrade() -> None:
    """Take back."""
    _make_functions("(SELECT min(o.host) FROM kernel.tenant_hosts o WHERE o.tenant_id = t.id)")
    op.drop_column("tenant_hosts", "is_primary", schema="kernel")
