"""Purging: a plugin's rows of one tenant and no other's, its schema once it is gone, and what refuses that."""

from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from kernel import plugin_commands
from kernel.activation import switch
from kernel.app import opened
from kernel.deployment import Deployment
from kernel.embedded import Stack
from kernel.errors import Invalid, NotFound
from kernel.ids import new_id
from kernel.migrate import upgrade
from kernel.plugin import LoadedPlugin
from kernel.purging import PluginInUse
from kernel.registry import Registry
from kernel.settings import Settings
from kernel.testing.databases import at_database, make_database
from tests.kernel.databases import connected
from tests.kernel.fakes import fake
from tests.kernel.packages import WritePlugin, write_plugin

__all__ = ["write_plugin"]

REVISION = """
from alembic import op
import sqlalchemy as sa
from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import tenant_reference

revision = "0001"
down_revision = None


def upgrade():
    for name, target in (("shelves", ""), ("books", "NAME.shelves")):
        keys = [tenant_reference("on_id", target)] if target else []
        op.create_table(name, *tenant_columns(), sa.Column("on_id", sa.Uuid()), *keys, schema="NAME")
        secure_tenant_table(f"NAME.{name}")


def downgrade():
    pass
"""
POINTING = REVISION.replace('("shelves", ""), ("books", "NAME.shelves")', '("loans", "TARGET.books"),')
LOG = text("SELECT action FROM kernel.audit_logs WHERE tenant_id = :id ORDER BY created_at, id").columns()


class Library:
    """A deployment with two tenants, each with a shelf and a book of a plugin."""

    def __init__(self, deployment: Deployment, plugin: LoadedPlugin, owner: str) -> None:
        self.deployment = deployment
        self.plugin = plugin
        self.name = plugin.name
        self.owner = owner
        self.tenants: dict[str, Any] = {}

    async def add_tenant(self, slug: str) -> None:
        tenant_id, shelf = new_id(), new_id()
        async with self.deployment.operator_session(None, "test") as db:
            driver = await db.driver()
            await driver.execute(
                "INSERT INTO kernel.tenants (id, slug, name) VALUES ($1, $2, 'A')", tenant_id, f"{self.name}-{slug}"
            )
            add = f"INSERT INTO {self.name}.{{}} (tenant_id, id, on_id) VALUES ($1, $2, $3)"
            await driver.execute(add.format("shelves"), tenant_id, shelf, None)
            await driver.execute(add.format("books"), tenant_id, new_id(), shelf)
        self.tenants[slug] = tenant_id

    async def switch_off(self, slug: str) -> None:
        async with self.deployment.operator_session(None, "test") as db:
            await switch(db, self.tenants[slug], disable=[self.name])

    async def purge(self, slug: str | None, **options: Any) -> str:
        tenant = None if slug is None else f"{self.plugin.name}-{slug}"
        words = {"plugin": self.name, "tenant": tenant, "schema": False, "yes": True, **options}
        return await plugin_commands.purge_plugin(self.deployment, Namespace(**words))

    async def rows(self, slug: str) -> list[int]:
        async with connected(self.deployment.settings.operator_database_url) as connection:
            return [
                await connection.fetchval(
                    f"SELECT count(*) FROM {self.name}.{table} WHERE tenant_id = $1", self.tenants[slug]
                )
                for table in ("shelves", "books")
            ]

    async def log(self, slug: str) -> list[str]:
        async with self.deployment.operator_session(None, "test") as db:
            return await db.values(LOG, id=self.tenants[slug])


@pytest.fixture(scope="module")
async def bare(stack: Stack, settings: Settings, run_worker_name: str) -> Settings:
    """Settings whose database has the kernel's tables, and those that the tests add."""
    made = msgspec.structs.replace(settings, plugins=())
    made = at_database(made, stack, f"purged_{run_worker_name or 'gw0'}")
    await make_database(stack, made)
    return made


@pytest.fixture
async def library(bare: Settings, write_plugin: WritePlugin) -> AsyncIterator[Library]:
    plugin = write_plugin({"migrations/0001.py": REVISION})
    async with opened(bare, [plugin]) as deployment:
        await upgrade(bare.owner_database_url, deployment.registry.migration_chains())
        made = Library(deployment, plugin, bare.owner_database_url)
        for slug in ("first", "second"):
            await made.add_tenant(slug)
        yield made


async def test_rows_of_one_tenant_are_deleted_and_of_no_other(library: Library) -> None:
    await library.switch_off("first")

    said = await library.purge("first")

    assert said == f"1 rows of {library.name}.books are deleted.\n1 rows of {library.name}.shelves are deleted."
    assert (await library.rows("first"), await library.rows("second")) == ([0, 0], [1, 1])
    # What was done before stays in the log; of the deletions only that they were.
    assert (await library.log("first"))[-2:] == ["kernel.tenant.plugins_switched", "kernel.plugin.purged"]
    assert [action for action in await library.log("first") if action.endswith(".deleted")] == []


async def test_plugin_that_is_switched_on_is_not_purged(library: Library) -> None:
    with pytest.raises(PluginInUse, match="is switched on for this tenant"):
        await library.purge("first")

    assert await library.rows("first") == [1, 1]


async def test_rows_that_others_point_at_are_not_purged(library: Library, write_plugin: WritePlugin) -> None:
    other = write_plugin({"migrations/0001.py": POINTING.replace("TARGET", library.name)})
    await upgrade(library.owner, Registry([other]).migration_chains())
    await library.switch_off("first")
    await library.switch_off("second")
    async with connected(library.deployment.settings.operator_database_url) as connection:
        book = await connection.fetchval(
            f"SELECT id FROM {library.name}.books WHERE tenant_id = $1", library.tenants["first"]
        )
        add = f"INSERT INTO {other.name}.loans (tenant_id, id, on_id) VALUES ($1, $2, $3)"
        await connection.execute(add, library.tenants["first"], new_id(), book)
        await connection.execute(add, library.tenants["second"], new_id(), None)

    with pytest.raises(PluginInUse, match=rf"rows of {other.name}\.loans point at rows of {library.name}"):
        await library.purge("first")
    await library.purge("second")

    assert (await library.rows("first"), await library.rows("second")) == ([1, 1], [0, 0])


@pytest.mark.parametrize("typed", ["yes", ""])
async def test_nothing_is_deleted_unless_the_name_is_typed(
    library: Library, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    await library.switch_off("first")
    monkeypatch.setattr("builtins.input", lambda prompt: typed)

    with pytest.raises(Invalid, match="Nothing is deleted"):
        await library.purge("first", yes=False)
    assert await library.rows("first") == [1, 1]

    monkeypatch.setattr("builtins.input", lambda prompt: f" {library.name}")
    await library.purge("first", yes=False)
    assert await library.rows("first") == [0, 0]


@pytest.mark.parametrize("name", ["kernel", "queue", "public", "nobody", 'x"; DROP SCHEMA kernel; --'])
async def test_schema_that_is_no_plugins_is_not_purged(library: Library, name: str) -> None:
    library.name = name
    for options in ({"schema": True}, {}):
        with pytest.raises(NotFound, match="The database has no schema of a plugin"):
            await library.purge("first", **options)


async def test_schema_of_a_loaded_plugin_is_not_dropped(library: Library) -> None:
    with pytest.raises(PluginInUse, match="is part of this deployment"):
        await library.purge(None, schema=True)


async def test_schema_of_a_plugin_that_is_gone_is_dropped_and_noted(library: Library) -> None:
    async with opened(library.deployment.settings, [fake("codes")]) as without:
        library.deployment = without
        assert await library.purge(None, schema=True) == f"The schema {library.name} is gone."
        async with connected(library.owner) as connection:
            assert await connection.fetchval("SELECT to_regnamespace($1)", library.name) is None
        assert [(await library.log(slug))[-1] for slug in library.tenants] == ["kernel.plugin.schema_dropped"] * 2


async def test_schema_with_keys_of_others_is_not_dropped(library: Library, write_plugin: WritePlugin) -> None:
    other = write_plugin({"migrations/0001.py": POINTING.replace("TARGET", library.name)})
    await upgrade(library.owner, Registry([other]).migration_chains())
    async with opened(library.deployment.settings, [fake("codes")]) as without:
        library.deployment = without
        with pytest.raises(PluginInUse, match=rf"the table {other.name}\.loans has keys to {library.name}"):
            await library.purge(None, schema=True)


async def test_purge_needs_a_tenant_or_the_schema(library: Library) -> None:
    with pytest.raises(Invalid, match="--tenant"):
        await library.purge(None)
