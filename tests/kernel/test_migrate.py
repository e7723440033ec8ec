"""Migrations: up, down, two at a time, and whether the database is then what the table classes say."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.adapters.persistence.queries import Queries

from kernel.drafts import new_revision
from kernel.drift import drift
from kernel.embedded import Stack
from kernel.migrate import downgrade, ensure_default_tenant, upgrade
from kernel.plugin import PluginError, discover
from kernel.queue import NAMES
from kernel.registry import load_registry
from kernel.revisions import MigrationChain, pending
from kernel.settings import Settings
from kernel.testing import at_database, make_database
from tests.kernel.databases import KERNEL, SHOP, connected, new_database

BOTH = (KERNEL, SHOP)
NUMBERS = KERNEL.revisions()
EVERYTHING = [*(f"kernel {number}" for number in NUMBERS), "shop 0001"]
_RELATIONS = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('kernel', 'shop', 'queue') AND c.relkind = 'r' ORDER BY 1
"""


@pytest.fixture
async def urls(stack: Stack, run_worker_name: str) -> Mapping[str, str]:
    """An empty database's address for each role."""
    return await new_database(stack, f"migrate_{run_worker_name or 'gw0'}")


def revision(number: str, down: str | None, body: str = "pass") -> str:
    """Return the text of a revision."""
    before = f'"{down}"' if down else None
    return (
        f'"""Step {number}."""\n\nfrom alembic import op\n\nrevision = "{number}"\ndown_revision = {before}\n\n\n'
        f'def upgrade():\n    {body}\n\n\ndef downgrade():\n    op.execute("SELECT 1")\n'
    )


async def test_upgrade_applies_every_revision_in_order(urls: Mapping[str, str]) -> None:
    said: list[str] = []
    await upgrade(urls["owner"], BOTH, said.append)
    assert said[0] == "kernel 0001: Tenants, the audit log, the outbox, and the queue of background tasks."
    assert said[-1] == "shop 0001: Shelves, items, visits."
    assert [each.partition(":")[0] for each in said] == EVERYTHING
    await upgrade(urls["owner"], BOTH, said.append)
    assert len(said) == len(EVERYTHING)


async def test_pending_names_what_is_missing_to_every_role(urls: Mapping[str, str]) -> None:
    assert await pending(urls["app"], BOTH) == EVERYTHING
    await upgrade(urls["owner"], [KERNEL])
    for role in ("app", "worker", "operator", "owner"):
        assert await pending(urls[role], BOTH) == ["shop 0001"]
    await upgrade(urls["owner"], BOTH)
    assert await pending(urls["app"], BOTH) == []
    await downgrade(urls["owner"], SHOP)
    assert await pending(urls["app"], BOTH) == ["shop 0001"]


async def test_upgrade_downgrade_upgrade_comes_back_to_the_same(urls: Mapping[str, str]) -> None:
    async with connected(urls["superuser"]) as connection:
        await upgrade(urls["owner"], BOTH)
        first = [row[0] for row in await connection.fetch(_RELATIONS)]
        await downgrade(urls["owner"], SHOP)
        await downgrade(urls["owner"], KERNEL)
        between = [row[0] for row in await connection.fetch(_RELATIONS)]
        await upgrade(urls["owner"], BOTH)
        assert [row[0] for row in await connection.fetch(_RELATIONS)] == first
    assert between == ["kernel.alembic_version", "shop.alembic_version"]
    assert await drift(urls["owner"], BOTH) == []


async def test_downgrade_stops_at_a_revision(urls: Mapping[str, str]) -> None:
    await upgrade(urls["owner"], [KERNEL])
    await downgrade(urls["owner"], KERNEL, "0001")
    assert await pending(urls["app"], [KERNEL]) == EVERYTHING[1:-1]


async def test_two_upgrades_at_the_same_time_do_the_work_once(urls: Mapping[str, str]) -> None:
    said: list[str] = []
    await asyncio.gather(*(upgrade(urls["owner"], BOTH, said.append) for _ in range(2)))
    assert [each.partition(":")[0] for each in said] == EVERYTHING
    async with connected(urls["owner"]) as connection:
        assert await connection.fetchval("SELECT array_agg(version_num) FROM kernel.alembic_version") == [NUMBERS[-1]]


async def test_failed_revision_leaves_nothing_of_itself(urls: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "0001_a.py").write_text(revision("0001", None, 'op.execute("CREATE TABLE other.a (id int)")'))
    second = 'op.execute("CREATE TABLE other.b (id int)"); op.execute("SELECT 1 / 0")'
    (tmp_path / "0002_b.py").write_text(revision("0002", "0001", second))
    chain = MigrationChain("other", tmp_path)
    with pytest.raises(Exception, match=r"DivisionByZeroError 22012\.$"):
        await upgrade(urls["owner"], [chain])
    assert await pending(urls["app"], [chain]) == ["other 0002"]
    async with connected(urls["owner"]) as connection:
        assert await connection.fetchval("SELECT to_regclass('other.a')::text") == "other.a"
        assert await connection.fetchval("SELECT to_regclass('other.b')::text") is None


async def test_database_newer_than_the_code_is_refused(urls: Mapping[str, str], tmp_path: Path) -> None:
    for number, down in (("0001", None), ("0002", "0001")):
        (tmp_path / f"{number}.py").write_text(revision(number, down))
    chain = MigrationChain("other", tmp_path)
    await upgrade(urls["owner"], [chain])
    (tmp_path / "0002.py").unlink()
    sentence = "the database is at revision 0002, which this version does not have; install the newer one."
    for attempt in (upgrade(urls["owner"], [chain]), pending(urls["app"], [chain])):
        with pytest.raises(PluginError) as refusal:
            await attempt
        assert refusal.value.reason == sentence


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([("0001", None), ("0002", None)], "two revisions come after the beginning."),
        ([("0001", None), ("0002", "0001"), ("0003", "0001")], "two revisions come after 0001."),
        ([("0001", None), ("0003", "0002")], "no revision leads to 0003."),
    ],
)
def test_revisions_that_form_no_chain_are_refused(
    tmp_path: Path, texts: list[tuple[str, str | None]], reason: str
) -> None:
    for number, down in texts:
        (tmp_path / f"{number}.py").write_text(revision(number, down))
    with pytest.raises(PluginError) as refusal:
        MigrationChain("other", tmp_path).head()
    assert refusal.value.reason == reason


def test_file_that_is_no_revision_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.py").write_text("revision = 1\n")
    with pytest.raises(PluginError, match=r'it has no lines `revision = "\.\.\."` and `down_revision'):
        MigrationChain("other", tmp_path).head()
    assert MigrationChain("other", tmp_path / "none").head() is None


async def test_drift_names_each_difference(urls: Mapping[str, str]) -> None:
    await upgrade(urls["owner"], BOTH)
    async with connected(urls["owner"]) as connection:
        await connection.execute("""
            DROP TABLE shop.visits;
            CREATE TABLE shop.stray (id int);
            ALTER TABLE shop.items ALTER price SET DEFAULT 1;
            ALTER TABLE shop.items DROP CONSTRAINT ck_items_kind;
            ALTER TABLE shop.items DROP CONSTRAINT fk_items_tenant_id_spare_shelf_id;
            CREATE INDEX by_price ON shop.items (tenant_id, price);
            DROP TRIGGER audit ON shop.items;
            REVOKE DELETE ON shop.shelves FROM collegium_app;
            ALTER TABLE kernel.outbox ADD note text;
        """)
    assert await drift(urls["owner"], BOTH) == [
        "kernel.outbox: no class declares the column note text.",
        "shop.visits: the database lacks the table.",
        "shop.stray: no class declares the table.",
        "shop.items: the database lacks the column price integer NOT NULL DEFAULT 0.",
        "shop.items: the database lacks the constraint ck_items_kind CHECK ((kind = ANY (ARRAY['plain'::text, "
        "'seller''s own'::text]))).",
        "shop.items: the database lacks the constraint fk_items_tenant_id_spare_shelf_id FOREIGN KEY "
        "(tenant_id, spare_shelf_id) REFERENCES shop.shelves(tenant_id, id) ON DELETE SET NULL (spare_shelf_id).",
        "shop.items: the database lacks the trigger CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON "
        """shop.items FOR EACH ROW EXECUTE FUNCTION kernel.record_change('{"token": "***"}').""",
        "shop.shelves: the database lacks the right DELETE of collegium_app.",
        "shop.items: no class declares the column price integer NOT NULL DEFAULT 1.",
        "shop.items: no class declares the index CREATE INDEX by_price ON shop.items USING btree (tenant_id, price).",
    ]


async def test_installed_plugins_leave_no_drift(stack: Stack, settings: Settings, run_worker_name: str) -> None:
    settings = at_database(settings, stack, f"installed_{run_worker_name or 'gw0'}")
    await make_database(stack, settings)
    registry, _ = load_registry(discover(settings.plugins))
    assert await drift(settings.owner_database_url, registry.migration_chains()) == []


async def test_draft_makes_what_the_classes_say(urls: Mapping[str, str], tmp_path: Path) -> None:
    chain = MigrationChain("shop", tmp_path)
    await upgrade(urls["owner"], [KERNEL, chain])
    path = await new_revision(urls["owner"], chain, "Shelves & items.")
    assert path == tmp_path / "0001_shelves_items.py"
    lines = [line.strip() for line in path.read_text().splitlines()]
    assert [line for line in lines if line.startswith("secure_tenant_table(")] == [
        "secure_tenant_table('shop.shelves')",
        "secure_tenant_table('shop.visits', audited=False, append_only=True)",
        "secure_tenant_table('shop.items', secret=['token'])",
    ]
    with pytest.raises(PluginError, match="run `collegium migrate` first: the database lacks shop 0001"):
        await new_revision(urls["owner"], chain, "Again")
    await upgrade(urls["owner"], [KERNEL, chain])
    assert await drift(urls["owner"], [chain]) == []
    empty = await new_revision(urls["owner"], chain, "By hand")
    assert 'revision = "0002"\ndown_revision = "0001"\n' in empty.read_text()
    await upgrade(urls["owner"], [chain])
    await downgrade(urls["owner"], chain)
    assert await pending(urls["app"], [chain]) == ["shop 0001", "shop 0002"]


async def test_queue_is_as_its_library_wants_it(urls: Mapping[str, str]) -> None:
    await upgrade(urls["owner"], [KERNEL])
    async with connected(urls["worker"]) as connection:
        plan = await Queries(AsyncpgDriver(connection), qbe=QueryBuilderEnvironment(NAMES)).plan_upgrade()
    assert list(plan.statements) == []


async def test_default_tenant_is_made_once(urls: Mapping[str, str]) -> None:
    await upgrade(urls["owner"], [KERNEL])
    await asyncio.gather(*(ensure_default_tenant(urls["operator"]) for _ in range(3)))
    async with connected(urls["operator"]) as connection:
        rows = await connection.fetch("SELECT slug, name, plugins, settings, version FROM kernel.tenants")
        assert [tuple(row) for row in rows] == [("default", "Collegium", None, "{}", 1)]
        await connection.execute("UPDATE kernel.tenants SET slug = 'renamed'")
        await ensure_default_tenant(urls["operator"])
        assert await connection.fetchval("SELECT array_agg(slug) FROM kernel.tenants") == ["renamed"]


async def test_unknown_host_leads_to_the_only_tenant_alone(urls: Mapping[str, str]) -> None:
    await upgrade(urls["owner"], [KERNEL])
    await ensure_default_tenant(urls["operator"])
    async with connected(urls["operator"]) as operator, connected(urls["app"]) as app:

        async def at(host: str) -> list[tuple[str, str | None]]:
            return [tuple(row) for row in await app.fetch("SELECT slug, host FROM kernel.tenant_by_host($1)", host)]

        assert await at("unknown.test") == [("default", None)]
        first = await operator.fetchval("SELECT id FROM kernel.tenants")
        for host in ("b.test", "a.test"):
            await operator.execute("INSERT INTO kernel.tenant_hosts VALUES ($1, $2)", host, first)
        assert await at("unknown.test") == [("default", "a.test")]
        second = UUID(int=2)
        await operator.execute("INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, 'second', 'Second')", second)
        assert await at("unknown.test") == []
        assert await at("B.test") == [("default", "a.test")]
        for function, wanted in (("tenant_by_id", second), ("tenant_by_slug", "second")):
            rows = await app.fetch(
                f"SELECT id, slug, name, is_active, version, host FROM kernel.{function}($1)", wanted
            )
            assert [tuple(row) for row in rows] == [(second, "second", "Second", True, 1, None)]
        with pytest.raises(asyncpg.CheckViolationError):
            await operator.execute("INSERT INTO kernel.tenant_hosts VALUES ('Upper.test', $1)", second)
