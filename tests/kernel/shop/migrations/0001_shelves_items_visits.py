"""Shelves, items, visits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "shelves",
        *tenant_columns(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text()),
        tenant_unique("name"),
        schema="shop",
    )
    op.create_index(
        None, "shelves", ["tenant_id", "label"], unique=True, schema="shop", postgresql_where="label IS NOT NULL"
    )
    secure_tenant_table("shop.shelves")
    op.create_table(
        "items",
        *tenant_columns(),
        sa.Column("shelf_id", sa.Uuid(), nullable=False),
        sa.Column("spare_shelf_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False, server_default="plain"),
        sa.Column("token", sa.LargeBinary()),
        sa.Column("price", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("tags", ARRAY(sa.Text()), nullable=False, server_default="{}"),
        sa.Column("details", JSONB()),
        tenant_reference("shelf_id", "shop.shelves"),
        tenant_reference("spare_shelf_id", "shop.shelves", ondelete="SET NULL"),
        one_of("kind", "plain", "seller's own"),
        schema="shop",
        comment="what is sold",
    )
    secure_tenant_table("shop.items", secret=["token"])
    op.create_table("visits", *tenant_columns(), sa.Column("path", sa.Text(), nullable=False), schema="shop")
    secure_tenant_table("shop.visits", audited=False, append_only=True)


def downgrade() -> None:
    """Take back."""
    for table in ("visits", "items", "shelves"):
        op.drop_table(table, schema="shop")
