"""Tenants, the audit log, the outbox, and the queue of background tasks."""

from typing import cast

import sqlalchemy as sa
from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from sqlalchemy import AdaptedConnection
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from kernel.ddl import definer_function, secure_tenant_table, tenant_columns
from kernel.queue import NAMES

revision = "0001"
down_revision = None

_TENANT = (
    "TABLE (id uuid, slug text, name text, is_active boolean, plugins text[], settings jsonb, version bigint,"
    " host text)"
)
_SELECT_TENANT = (
    "SELECT t.id, t.slug, t.name, t.is_active, t.plugins, t.settings, t.version,"
    " coalesce(h.host, (SELECT min(o.host) FROM kernel.tenant_hosts o WHERE o.tenant_id = t.id))"
    " FROM kernel.tenants t LEFT JOIN kernel.tenant_hosts h ON h.tenant_id = t.id AND h.host = {host}"
)

_TOUCH = """
CREATE FUNCTION kernel.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := pg_catalog.now();
  RETURN NEW;
END $$
"""

# One statement a change, because the log stands in the way of every write: it costs about two rows more.
# It runs with the writer's rights, who may insert into the log and is under row-level security there too; from
# PostgreSQL 18 on the rows of a cascade are written by the owner, whose key it is. Its search_path is not fixed, which
# would cost a quarter more: no role may create anything that could stand before what it calls.
_RECORD_CHANGE = """
CREATE FUNCTION kernel.record_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entity text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
  mask jsonb := TG_ARGV[0];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Old and new row have the same keys in the same order, so one walk over both compares them.
    INSERT INTO kernel.audit_logs ({columns})
    SELECT NEW.tenant_id, NEW.id, entity, entity || '.updated',
      jsonb_object_agg(c.key, coalesce(mask -> c.key, c.old)), jsonb_object_agg(c.key, coalesce(mask -> c.key, c.new)),
      {circumstances}
    FROM ROWS FROM (jsonb_each(to_jsonb(OLD)), jsonb_each(to_jsonb(NEW))) AS c (key, old, same_key, new)
    WHERE c.old <> c.new AND c.key <> 'updated_at'
    HAVING count(*) > 0;
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO kernel.audit_logs ({columns})
    VALUES (NEW.tenant_id, NEW.id, entity, entity || '.inserted',
      NULL, to_jsonb(NEW) - '{{tenant_id,created_at,updated_at}}'::text[] || mask, {circumstances});
  ELSE
    INSERT INTO kernel.audit_logs ({columns})
    VALUES (OLD.tenant_id, OLD.id, entity, entity || '.deleted',
      to_jsonb(OLD) - '{{tenant_id,created_at,updated_at}}'::text[] || mask, NULL, {circumstances});
  END IF;
  RETURN NULL;
END $$
"""
_COLUMNS = (
    "tenant_id, entity_id, entity_type, action, old_values, new_values, id, user_id, request_id, ip_address, user_agent"
)
_CIRCUMSTANCES = (
    "{new_id}, nullif(current_setting('app.actor', true), '')::uuid, nullif(current_setting('app.request', true), ''),"
    " nullif(current_setting('app.address', true), ''), nullif(current_setting('app.agent', true), '')"
)


def upgrade() -> None:
    """Apply."""
    _functions()
    _tenants()
    _audit_log()
    _outbox()
    _queue()


def _functions() -> None:
    version = int(op.get_bind().exec_driver_sql("SHOW server_version_num").scalar_one())
    # Ordered by time where the server can, so that the log grows at one end of its index.
    new_id = "uuidv7()" if version >= 180000 else "gen_random_uuid()"
    circumstances = _CIRCUMSTANCES.format(new_id=new_id)
    op.get_bind().exec_driver_sql(_TOUCH)
    op.get_bind().exec_driver_sql(_RECORD_CHANGE.format(columns=_COLUMNS, circumstances=circumstances))


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("slug", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("plugins", ARRAY(sa.Text()), comment="null: every loaded plugin"),
        sa.Column("settings", JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="kernel",
    )
    op.execute(
        "CREATE TRIGGER touch BEFORE UPDATE ON kernel.tenants FOR EACH ROW EXECUTE FUNCTION kernel.touch_updated_at()"
    )
    op.create_table(
        "tenant_hosts",
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column(
            "tenant_id", sa.Uuid(), sa.ForeignKey("kernel.tenants.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.CheckConstraint("host = lower(host)", name="host"),
        schema="kernel",
    )
    for table in ("tenants", "tenant_hosts"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON kernel.{table} TO collegium_operator")
    for name, condition in (
        # An unknown host leads to the only tenant, and to none as soon as there are two.
        (
            "tenant_by_host(wanted text)",
            "h.host IS NOT NULL OR (NOT EXISTS (SELECT FROM kernel.tenant_hosts o WHERE o.host = lower(wanted))"
            " AND (SELECT count(*) FROM kernel.tenants) = 1)",
        ),
        ("tenant_by_id(wanted uuid)", "t.id = wanted"),
        ("tenant_by_slug(wanted text)", "t.slug = wanted"),
    ):
        host = "lower(wanted)" if "host" in name else "NULL"
        body = f"{_SELECT_TENANT.format(host=host)} WHERE {condition}"
        definer_function(f"kernel.{name}", _TENANT, body, across_tenants=True)


def _audit_log() -> None:
    op.create_table(
        "audit_logs",
        *tenant_columns(),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid()),
        sa.Column("old_values", JSONB()),
        sa.Column("new_values", JSONB()),
        sa.Column("ip_address", sa.Text()),
        sa.Column("user_agent", sa.Text()),
        sa.Column("request_id", sa.Text()),
        schema="kernel",
    )
    op.create_index(None, "audit_logs", ["tenant_id", "created_at"], schema="kernel")
    op.create_index(None, "audit_logs", ["tenant_id", "entity_type", "entity_id"], schema="kernel")
    secure_tenant_table("kernel.audit_logs", audited=False, append_only=True)
    # An operator deletes outside of any tenant; what the cascade takes along is recorded by the owner.
    op.execute("CREATE POLICY cascades ON kernel.audit_logs FOR INSERT TO collegium_owner WITH CHECK (true)")


def _outbox() -> None:
    op.create_table(
        "outbox",
        *tenant_columns(),
        sa.Column("listener", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("event_version", sa.Integer(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("dead_at", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text()),
        schema="kernel",
    )
    op.create_index(
        None, "outbox", ["available_at", "id"], schema="kernel", postgresql_where=sa.text("dead_at IS NULL")
    )
    secure_tenant_table("kernel.outbox", audited=False)
    # The app role only leaves rows here; the worker takes them, from every tenant.
    op.execute("REVOKE SELECT, UPDATE, DELETE ON kernel.outbox FROM collegium_app")
    op.execute("GRANT SELECT, UPDATE, DELETE ON kernel.outbox TO collegium_worker")
    op.execute("CREATE POLICY worker ON kernel.outbox TO collegium_worker USING (true) WITH CHECK (true)")


def _queue() -> None:
    op.execute("CREATE SCHEMA queue")
    script = QueryBuilderEnvironment(NAMES).build_install_query(create_schema=False)
    # A script of many statements, which the driver takes whole only by its own method.
    connection = cast("AdaptedConnection", op.get_bind().connection.dbapi_connection)
    connection.run_async(lambda driver: driver.execute(script))
    op.execute("GRANT USAGE ON SCHEMA queue TO collegium_app, collegium_worker")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO collegium_worker")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO collegium_worker")
    # No tenant reads another's payload.
    op.execute("GRANT INSERT, SELECT (id, entrypoint, priority, dedupe_key) ON queue.pgqueuer TO collegium_app")
    op.execute("GRANT USAGE ON SEQUENCE queue.pgqueuer_id_seq TO collegium_app")


def downgrade() -> None:
    """Take back."""
    op.execute("DROP SCHEMA queue CASCADE")
    for table in ("outbox", "audit_logs", "tenant_hosts", "tenants"):
        op.drop_table(table, schema="kernel")
    for function in (
        "tenant_by_host(text)",
        "tenant_by_id(uuid)",
        "tenant_by_slug(text)",
        "record_change()",
        "touch_updated_at()",
    ):
        op.execute(f"DROP FUNCTION kernel.{function}")
