"""Tenants, the outbox, the audit log, and the queue of background tasks."""

import sqlalchemy as sa
from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from kernel.ddl import definer_function, secure_tenant_table, tenant_columns

revision = "0001"
down_revision = None

_TENANT = "TABLE (id uuid, slug text, name text, is_active boolean, plugins text[], settings jsonb, version bigint, host text)"
_SELECT_TENANT = (
    "SELECT t.id, t.slug, t.name, t.is_active, t.plugins, t.settings, t.version,"
    " coalesce(h.host, (SELECT min(o.host) FROM kernel.tenant_hosts o WHERE o.tenant_id = t.id))"
    " FROM kernel.tenants t LEFT JOIN kernel.tenant_hosts h ON h.tenant_id = t.id AND h.host = {host}"
)

_TOUCH = """
CREATE FUNCTION kernel.touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$
"""

# Runs with the writer's rights: the app role may insert into the log, and row security holds there too.
_RECORD_CHANGE = """
CREATE FUNCTION kernel.record_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old_row jsonb;
  new_row jsonb;
  secret text;
  subject record;
BEGIN
  IF TG_OP = 'INSERT' THEN
    new_row := to_jsonb(NEW) - 'tenant_id' - 'created_at' - 'updated_at';
    subject := NEW;
  ELSIF TG_OP = 'DELETE' THEN
    old_row := to_jsonb(OLD) - 'tenant_id' - 'created_at' - 'updated_at';
    subject := OLD;
  ELSE
    subject := NEW;
    old_row := to_jsonb(OLD);
    SELECT jsonb_object_agg(each.key, each.value), jsonb_object_agg(each.key, old_row -> each.key)
      INTO new_row, old_row
      FROM jsonb_each(to_jsonb(NEW)) AS each
      WHERE each.key <> 'updated_at' AND each.value IS DISTINCT FROM old_row -> each.key;
    IF new_row IS NULL THEN
      RETURN NULL;
    END IF;
  END IF;
  FOREACH secret IN ARRAY TG_ARGV LOOP
    IF old_row ? secret THEN old_row := old_row || jsonb_build_object(secret, '***'); END IF;
    IF new_row ? secret THEN new_row := new_row || jsonb_build_object(secret, '***'); END IF;
  END LOOP;
  INSERT INTO kernel.audit_logs
    (tenant_id, id, user_id, action, entity_type, entity_id, old_values, new_values, ip_address, user_agent, request_id)
  VALUES (
    subject.tenant_id,
    uuidv7_or_random(),
    nullif(current_setting('app.actor', true), '')::uuid,
    TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
      || CASE TG_OP WHEN 'INSERT' THEN '.inserted' WHEN 'UPDATE' THEN '.updated' ELSE '.deleted' END,
    TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME,
    subject.id,
    old_row,
    new_row,
    nullif(current_setting('app.address', true), ''),
    nullif(current_setting('app.agent', true), ''),
    nullif(current_setting('app.request', true), '')
  );
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Apply."""
    _tenants()
    op.execute(_TOUCH)
    _audit_log()
    _outbox()
    _queue()


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
    op.create_table(
        "tenant_hosts",
        sa.Column("host", sa.Text(), primary_key=True),
        sa.Column(
            "tenant_id", sa.Uuid(), sa.ForeignKey("kernel.tenants.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        schema="kernel",
    )
    for table in ("tenants", "tenant_hosts"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON kernel.{table} TO collegium_operator")
    op.execute("GRANT USAGE ON SCHEMA kernel TO collegium_operator, collegium_app")
    definer_function(
        "kernel.tenant_by_host(host_name text)",
        _TENANT,
        _SELECT_TENANT.format(host="host_name")
        + " WHERE h.host IS NOT NULL OR (NOT EXISTS (SELECT FROM kernel.tenant_hosts o WHERE o.host = host_name)"
        " AND (SELECT count(*) FROM kernel.tenants) = 1)",
    )
    definer_function(
        "kernel.tenant_by_id(wanted uuid)", _TENANT, _SELECT_TENANT.format(host="NULL") + " WHERE t.id = wanted"
    )
    definer_function(
        "kernel.tenant_by_slug(wanted text)", _TENANT, _SELECT_TENANT.format(host="NULL") + " WHERE t.slug = wanted"
    )


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
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        schema="kernel",
    )
    op.create_index(None, "audit_logs", ["tenant_id", "created_at"], schema="kernel")
    op.create_index(None, "audit_logs", ["tenant_id", "entity_type", "entity_id"], schema="kernel")
    secure_tenant_table("kernel.audit_logs", audited=False, append_only=True)
    op.execute(_RECORD_CHANGE.replace("uuidv7_or_random()", "gen_random_uuid()"))


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
        sa.PrimaryKeyConstraint("tenant_id", "id"),
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
    queue = QueryBuilderEnvironment(DBSettings(db_schema="queue"))
    op.get_bind().exec_driver_sql("SET LOCAL search_path = queue, pg_catalog")
    for statement in _statements(queue.build_install_query(create_schema=False)):
        op.get_bind().exec_driver_sql(statement)
    op.get_bind().exec_driver_sql("SET LOCAL search_path = DEFAULT")
    op.execute("GRANT USAGE ON SCHEMA queue TO collegium_app, collegium_worker")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO collegium_worker")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO collegium_app, collegium_worker")
    op.execute("GRANT INSERT ON queue.pgqueuer TO collegium_app")
    op.execute("GRANT SELECT (id, entrypoint, priority, dedupe_key) ON queue.pgqueuer TO collegium_app")


def _statements(script: str) -> list[str]:
    """Return the statements of a script, which the driver takes one by one; dollar quotes stay whole."""
    parts = script.split("$$")
    statements = [""]
    for index, part in enumerate(parts):
        if index % 2:
            statements[-1] += f"$${part}$$"
            continue
        first, *rest = part.split(";")
        statements[-1] += first
        statements += rest
    return [statement for statement in statements if statement.strip()]


def downgrade() -> None:
    """Take back."""
    op.execute("DROP SCHEMA queue CASCADE")
    for table in ("outbox", "audit_logs"):
        op.drop_table(table, schema="kernel")
    for function in ("record_change()", "touch_updated_at()"):
        op.execute(f"DROP FUNCTION kernel.{function}")
    for function in ("tenant_by_host(text)", "tenant_by_id(uuid)", "tenant_by_slug(text)"):
        op.execute(f"DROP FUNCTION kernel.{function}")
    op.drop_table("tenant_hosts", schema="kernel")
    op.drop_table("tenants", schema="kernel")
