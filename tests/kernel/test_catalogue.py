"""T2: the catalogue shows that tenants are kept apart, each way out of it is named, and PostgreSQL behaves so."""

from collections.abc import Mapping
from uuid import UUID

import asyncpg
import pytest

from kernel.catalogue import catalogue_problems
from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.migrate import upgrade
from kernel.settings import Settings
from kernel.testing import at_database, make_database
from tests.kernel.databases import KERNEL, SHOP, connected, new_database, transaction

ADD_SHELF = "INSERT INTO shop.shelves (id, name) VALUES ($1, $2)"
ADD_ITEM = "INSERT INTO shop.items (id, shelf_id) VALUES ($1, $2)"


@pytest.fixture(scope="module")
async def urls(stack: Stack, run_worker_name: str) -> Mapping[str, str]:
    """The address for each role of a database with the kernel's tables and the shop's."""
    urls = await new_database(stack, f"catalogue_{run_worker_name or 'gw0'}")
    await upgrade(urls["owner"], [KERNEL, SHOP])
    return urls


async def shelf(urls: Mapping[str, str], tenant_id: UUID) -> UUID:
    """Make a shelf with an item in a tenant."""
    async with transaction(urls["app"], tenant_id) as connection:
        shelf_id = new_id()
        await connection.execute(ADD_SHELF, shelf_id, str(shelf_id))
        await connection.execute(ADD_ITEM, new_id(), shelf_id)
        return shelf_id


@pytest.mark.parametrize("role", ["app", "worker", "operator", "owner"])
async def test_migrated_database_has_no_problem(urls: Mapping[str, str], role: str) -> None:
    async with connected(urls[role]) as connection:
        assert await catalogue_problems(connection) == []


async def test_installed_plugins_have_no_problem(stack: Stack, settings: Settings, run_worker_name: str) -> None:
    installed = at_database(settings, stack, f"installed_{run_worker_name or 'gw0'}")
    await make_database(stack, installed)
    async with connected(installed.database_url) as connection:
        assert await catalogue_problems(connection) == []


AS_OWNER = "SET ROLE collegium_owner; "
FULL = "DELETE, INSERT, SELECT, UPDATE"
SHOULD = f"it should be: collegium_app has {FULL}; collegium_operator has {FULL}."
OPERATORS = f"collegium_operator has {FULL}"
BREAKS = {
    "ALTER TABLE shop.items DISABLE ROW LEVEL SECURITY": ["shop.items: row-level security is not on."],
    "ALTER TABLE shop.items NO FORCE ROW LEVEL SECURITY": [
        "shop.items: row-level security is not forced on its owner."
    ],
    "DROP POLICY tenant ON shop.items": ["shop.items: the policy tenant is missing or is not as it should be."],
    "CREATE POLICY everything ON shop.items USING (true)": [
        "shop.items: the policy everything is none of those that the table should have."
    ],
    "ALTER POLICY tenant ON shop.items WITH CHECK (true)": [
        "shop.items: the policy tenant is missing or is not as it should be.",
        "shop.items: the policy tenant is none of those that the table should have.",
    ],
    "DROP POLICY worker ON kernel.outbox": ["kernel.outbox: the policy worker is missing or is not as it should be."],
    AS_OWNER + "CREATE TABLE shop.loose (id int)": [
        "shop.loose: it has no column tenant_id uuid NOT NULL.",
        "shop.loose: row-level security is not on.",
        "shop.loose: row-level security is not forced on its owner.",
        "shop.loose: it has no primary key.",
        "shop.loose: the policy tenant is missing or is not as it should be.",
        f"shop.loose: no rights; {SHOULD}",
    ],
    "ALTER TABLE shop.shelves ADD UNIQUE (name)": [
        "shop.shelves: the unique shelves_name_key does not begin with tenant_id."
    ],
    "CREATE UNIQUE INDEX by_name ON shop.shelves (lower(name), tenant_id)": [
        "shop.shelves: the unique by_name does not begin with tenant_id."
    ],
    "ALTER TABLE shop.shelves ADD CONSTRAINT alone EXCLUDE USING btree (label WITH =)": [
        "shop.shelves: the unique alone does not begin with tenant_id."
    ],
    "ALTER TABLE shop.shelves ADD UNIQUE (id); ALTER TABLE shop.items ADD CONSTRAINT plain"
    " FOREIGN KEY (shelf_id) REFERENCES shop.shelves (id)": [
        "shop.shelves: the unique shelves_id_key does not begin with tenant_id.",
        "shop.items: the foreign key plain does not begin with tenant_id on both sides.",
    ],
    "ALTER TABLE shop.items ADD CONSTRAINT school FOREIGN KEY (tenant_id) REFERENCES kernel.tenants": [
        "shop.items: the foreign key school does not begin with tenant_id on both sides."
    ],
    "ALTER TABLE shop.items ADD CONSTRAINT swapped FOREIGN KEY (shelf_id, tenant_id) REFERENCES shop.shelves": [
        "shop.items: the foreign key swapped does not begin with tenant_id on both sides."
    ],
    "ALTER TABLE shop.items ADD CONSTRAINT emptying"
    " FOREIGN KEY (tenant_id, shelf_id) REFERENCES shop.shelves ON DELETE SET NULL": [
        "shop.items: the foreign key emptying empties tenant_id when the other row goes."
    ],
    AS_OWNER + "CREATE VIEW shop.seen AS SELECT * FROM shop.items": ["shop.seen: the view has no security_invoker."],
    AS_OWNER + "CREATE VIEW shop.seen WITH (security_invoker = on) AS SELECT * FROM shop.items": [],
    AS_OWNER + "CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.items": [
        "shop.kept: a materialized view keeps rows outside of row-level security."
    ],
    "CREATE RULE quiet AS ON DELETE TO shop.items DO INSTEAD NOTHING": [
        "shop.items: the rule quiet rewrites statements."
    ],
    "ALTER TABLE shop.items OWNER TO postgres": ["shop.items: it belongs to postgres, not to collegium_owner."],
    AS_OWNER + "CREATE FUNCTION shop.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS"
    " 'SELECT count(*) FROM shop.items'": [
        "shop.peek: everybody may call it.",
        "shop.peek: it belongs to collegium_owner, not to collegium_operator.",
        "shop.peek: it runs as its owner and was not made by definer_function.",
        "shop.peek: its search_path is not fixed.",
    ],
    "ALTER FUNCTION kernel.touch_updated_at() LEAKPROOF": ["kernel.touch_updated_at: it claims to leak nothing."],
    "ALTER FUNCTION kernel.tenant_by_id SET SCHEMA shop": [
        "shop.tenant_by_id: it works across tenants, as the kernel's own functions alone may."
    ],
    "GRANT EXECUTE ON FUNCTION kernel.tenant_by_id TO PUBLIC": ["kernel.tenant_by_id: everybody may call it."],
    "GRANT TRUNCATE ON shop.items TO collegium_app": [
        f"shop.items: collegium_app has DELETE, INSERT, SELECT, TRUNCATE, UPDATE; {OPERATORS}; {SHOULD}"
    ],
    "GRANT SELECT ON shop.items TO PUBLIC": [
        f"shop.items: collegium_app has {FULL}; {OPERATORS}; everybody has SELECT; {SHOULD}"
    ],
    "GRANT UPDATE ON kernel.audit_logs TO collegium_app": [
        f"kernel.audit_logs: collegium_app has INSERT, SELECT, UPDATE; {OPERATORS}; "
        f"it should be: collegium_app has INSERT, SELECT; {OPERATORS}."
    ],
    "GRANT SELECT ON kernel.outbox TO collegium_app": [
        f"kernel.outbox: collegium_app has INSERT, SELECT; {OPERATORS}; collegium_worker has DELETE, SELECT, UPDATE; "
        f"it should be: collegium_app has INSERT; {OPERATORS}; collegium_worker has DELETE, SELECT, UPDATE."
    ],
    "GRANT SELECT ON kernel.tenants TO collegium_app": [
        f"kernel.tenants: collegium_app has SELECT; {OPERATORS}; it should be: {OPERATORS}."
    ],
    "GRANT SELECT (payload) ON queue.pgqueuer TO collegium_app": [
        "queue.pgqueuer: collegium_app has the right SELECT on the column payload."
    ],
    "GRANT SELECT ON shop.items TO collegium_app WITH GRANT OPTION": [
        "shop.items: collegium_app may hand its rights on."
    ],
    "GRANT UPDATE ON SEQUENCE queue.pgqueuer_id_seq TO collegium_app": [
        "queue.pgqueuer_id_seq: collegium_app has UPDATE, USAGE."
    ],
    "GRANT INSERT ON shop.alembic_version TO collegium_app": [
        "shop.alembic_version: collegium_app has INSERT, SELECT; collegium_operator has SELECT; "
        "it should be: collegium_app has SELECT; collegium_operator has SELECT."
    ],
    "ALTER ROLE collegium_owner SUPERUSER": ["The role collegium_owner is a superuser."],
    "ALTER ROLE collegium_app BYPASSRLS CREATEROLE CREATEDB REPLICATION": [
        "The role collegium_app may make databases.",
        "The role collegium_app may make roles.",
        "The role collegium_app may pass row-level security by.",
        "The role collegium_app may read the log of the whole server.",
    ],
    "GRANT collegium_operator TO collegium_app": ["The role collegium_app may become collegium_operator."],
    "GRANT CREATE ON SCHEMA shop TO collegium_app": [
        "The role collegium_app may create things in the schema shop.",
        "The role collegium_worker may create things in the schema shop.",
    ],
    "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO collegium_operator', current_database()); END $$": [
        "The role collegium_operator has the right TEMPORARY on the database."
    ],
    "ALTER DEFAULT PRIVILEGES FOR ROLE collegium_owner GRANT SELECT ON TABLES TO collegium_app": [
        "Default privileges of collegium_owner grant what no migration wrote down."
    ],
}


@pytest.mark.parametrize("statement", BREAKS)
async def test_each_way_out_is_named(urls: Mapping[str, str], statement: str) -> None:
    async with connected(urls["superuser"]) as connection:
        await connection.execute(f"BEGIN; {statement}")
        assert await catalogue_problems(connection) == BREAKS[statement]
        await connection.execute("ROLLBACK")


async def test_without_a_tenant_there_is_no_row_to_see_or_write(urls: Mapping[str, str]) -> None:
    await shelf(urls, new_id())
    async with connected(urls["app"]) as connection:
        for table in ("shop.shelves", "shop.items", "shop.visits", "kernel.audit_logs"):
            assert await connection.fetch(f"SELECT * FROM {table}") == []
        assert await connection.execute("UPDATE shop.items SET price = 9") == "UPDATE 0"
        assert await connection.execute("DELETE FROM shop.items") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(ADD_SHELF, new_id(), "nobody's")
    async with transaction(urls["app"], None) as connection:
        assert await connection.fetch("SELECT * FROM shop.items") == []


async def test_tenant_sees_and_changes_its_own_rows_alone(urls: Mapping[str, str]) -> None:
    ours, theirs = new_id(), new_id()
    own_shelf, other_shelf = await shelf(urls, ours), await shelf(urls, theirs)
    async with transaction(urls["app"], ours) as connection:
        assert [row[0] for row in await connection.fetch("SELECT id FROM shop.shelves")] == [own_shelf]
        everyone = "SELECT DISTINCT tenant_id FROM kernel.audit_logs"
        assert [row[0] for row in await connection.fetch(everyone)] == [ours]
        assert await connection.execute("UPDATE shop.shelves SET label = 'x' WHERE id = $1", other_shelf) == "UPDATE 0"
        assert await connection.execute("DELETE FROM shop.shelves WHERE id = $1", other_shelf) == "DELETE 0"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO shop.visits (tenant_id, id, path) VALUES ('{theirs}', '{id}', '/')", "row-level security"),
        ("INSERT INTO shop.items (id, shelf_id) VALUES ('{id}', '{their_shelf}')", "violates foreign key"),
        ("UPDATE shop.items SET shelf_id = '{their_shelf}'", "violates foreign key"),
        ("UPDATE shop.items SET tenant_id = '{theirs}'", "row-level security"),
        ("INSERT INTO kernel.audit_logs (tenant_id, id, action, entity_type) VALUES ('{theirs}', '{id}', 'a', 'b')",
         "row-level security"),
        ("INSERT INTO kernel.outbox (tenant_id, id, listener, event, event_version, payload, request_id)"
         " VALUES ('{theirs}', '{id}', 'a', 'b', 1, '{{}}', '')", "row-level security"),
        ("COPY shop.visits FROM STDIN", "COPY FROM not supported with row-level security"),
        ("TRUNCATE shop.items", "permission denied"),
        ("UPDATE shop.visits SET path = '/'", "permission denied"),
        ("DELETE FROM kernel.audit_logs", "permission denied"),
        ("SELECT * FROM kernel.outbox", "permission denied"),
        ("SELECT * FROM kernel.tenants", "permission denied"),
        ("SELECT payload FROM queue.pgqueuer", "permission denied"),
        ("DELETE FROM queue.pgqueuer", "permission denied"),
        ("SELECT * FROM queue.pgqueuer_log", "permission denied"),
        ("SELECT * FROM kernel.active_tenants()", "permission denied"),
        ("UPDATE shop.alembic_version SET version_num = '9'", "permission denied"),
        ("CREATE TABLE shop.mine (id int)", "permission denied"),
        ("CREATE TEMPORARY TABLE mine (id int)", "permission denied"),
        ("ALTER TABLE shop.items DISABLE ROW LEVEL SECURITY", "must be owner"),
        ("SET ROLE collegium_operator", "permission denied"),
        ("SET ROLE collegium_owner", "permission denied"),
        ("SET ROLE collegium_worker", "permission denied"),
        ("SET SESSION AUTHORIZATION postgres", "permission denied"),
    ],
)  # fmt: skip
async def test_app_role_is_refused(urls: Mapping[str, str], statement: str, error: str) -> None:
    ours, theirs = new_id(), new_id()
    await shelf(urls, ours)
    names = {"theirs": theirs, "their_shelf": await shelf(urls, theirs), "id": new_id()}
    with pytest.raises(asyncpg.PostgresError, match=error):
        async with transaction(urls["app"], ours) as connection:
            await connection.execute(statement.format(**names))


async def test_worker_takes_rows_of_the_outbox_from_every_tenant(urls: Mapping[str, str]) -> None:
    ours, theirs = sorted((new_id(), new_id()))
    for tenant_id in (ours, theirs):
        async with transaction(urls["app"], tenant_id) as connection:
            await connection.execute(
                "INSERT INTO kernel.outbox (id, listener, event, event_version, payload, request_id)"
                " VALUES ($1, 'a', 'b', 1, '{}', '')", new_id())  # fmt: skip
    async with transaction(urls["worker"], None) as connection:
        rows = await connection.fetch("DELETE FROM kernel.outbox RETURNING tenant_id")
        assert sorted(row[0] for row in rows) == [ours, theirs]
        assert await connection.fetch("SELECT * FROM shop.shelves") == []


async def test_owner_is_under_row_level_security_and_the_operator_is_not(urls: Mapping[str, str]) -> None:
    own_shelf = await shelf(urls, new_id())
    found = "SELECT id FROM shop.shelves WHERE id = $1"
    async with connected(urls["owner"]) as owner, connected(urls["operator"]) as operator:
        assert await owner.fetchval(found, own_shelf) is None
        assert await operator.fetchval(found, own_shelf) == own_shelf
