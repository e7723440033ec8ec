"""Things, attempts and sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE, INT4RANGE, JSONB

from kernel.ddl import secure_tenant_table, tenant_columns

revision = "0001"
down_revision = None

# What only the commit finds out, and no constraint of the kinds that mean a mistake of the caller.
_CURSE = """
CREATE FUNCTION lab.refuse_the_cursed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.name = 'cursed' THEN RAISE EXCEPTION 'cursed'; END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "things",
        *tenant_columns(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("spec", JSONB()),
        sa.Column("tags", ARRAY(sa.Text())),
        sa.Column("span", INT4RANGE()),
        sa.Column("spans", INT4MULTIRANGE()),
        sa.Column("twin_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint("tenant_id", "name"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "twin_id"], ["lab.things.tenant_id", "lab.things.id"], deferrable=True, initially="DEFERRED"
        ),
        schema="lab",
    )
    op.create_table(
        "attempts",
        *tenant_columns(),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        schema="lab",
    )
    op.create_table(
        "sessions",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        schema="lab",
    )
    for table in ("things", "attempts", "sessions"):
        secure_tenant_table(f"lab.{table}")
    op.execute(_CURSE)
    op.execute(
        "CREATE CONSTRAINT TRIGGER cursed AFTER INSERT ON lab.things DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION lab.refuse_the_cursed()"
    )


def downgrade() -> None:
    """Take back."""
    for table in ("sessions", "attempts", "things"):
        op.drop_table(table, schema="lab")
    op.execute("DROP FUNCTION lab.refuse_the_cursed()")
