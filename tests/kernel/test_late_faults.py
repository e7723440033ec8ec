"""Faults that show only when all is put together: what the database lacks, revisions that fail, unmountable routes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg
import httpx
import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from kernel import operations
from kernel.app import create_app, create_deployment, opened, served
from kernel.deployment import Deployment
from kernel.embedded import Stack
from kernel.faults import told, traceback_of
from kernel.late_faults import leave_out_unmigrated, take_stock
from kernel.migrate import upgrade
from kernel.plugin import LoadedPlugin, PluginError
from kernel.registry import Registry
from kernel.settings import Settings
from kernel.testing import School
from tests.kernel.conftest import LAB
from tests.kernel.databases import connected, new_database
from tests.kernel.fakes import fake
from tests.kernel.packages import WritePlugin, write_plugin

__all__ = ["write_plugin"]

REVISION = '''"""Do something."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.execute("{sql}")
'''
UNREADABLE_ROUTE = '''
from typing import TYPE_CHECKING

from litestar import get

from kernel.auth import public

if TYPE_CHECKING:
    from uuid import UUID


@get("/orders/{order_id:uuid}", guards=[public], operation_id="orders_get")
async def get_order(order_id: "UUID") -> None:
    """Name a type that is not there while the program runs."""


ROUTES = [get_order]
'''


def quarantining(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, on_bad_plugin="quarantine")


@pytest.fixture
def unmigrated(write_plugin: WritePlugin) -> LoadedPlugin:
    """A plugin with a revision that the lab's database has not."""
    return write_plugin({"migrations/0001_first.py": REVISION.format(sql="SELECT 1")})


def lack(plugin: LoadedPlugin) -> str:
    return (
        f"Plugin {plugin.name!r} ({plugin.folder}/migrations): the database lacks 0001 of its revisions; "
        "run `collegium migrate`."
    )


async def test_start_is_refused_while_a_plugin_is_not_migrated(
    lab_settings: Settings, unmigrated: LoadedPlugin
) -> None:
    async with opened(lab_settings, [LAB, unmigrated]) as deployment:
        with pytest.raises(PluginError) as refused:
            await leave_out_unmigrated(deployment)

    assert str(refused.value) == lack(unmigrated)


async def test_quarantine_leaves_out_what_is_not_migrated_with_its_dependants(
    lab_settings: Settings, unmigrated: LoadedPlugin, capsys: pytest.CaptureFixture[str]
) -> None:
    plugins = [LAB, unmigrated, fake("builds_on_it", needs=[unmigrated.name])]
    async with opened(quarantining(lab_settings), plugins) as deployment:
        await take_stock(deployment)

        assert "plugin.set_aside" in capsys.readouterr().out
        registry = deployment.registry
        assert deployment.set_aside == {name: lack(unmigrated) for name in (unmigrated.name, "builds_on_it")}
        assert registry.acting(None) == registry.acting(["lab", "builds_on_it"]) == {"lab"}
        assert registry.why(None, "builds_on_it") == lack(unmigrated)
        assert [plugin.name for plugin in registry.well] == ["lab"]


async def test_quarantine_refuses_the_start_for_an_essential_plugin_that_is_not_migrated(
    lab_settings: Settings, unmigrated: LoadedPlugin
) -> None:
    guard = fake("guard", needs=[unmigrated.name], essential=True)
    async with opened(quarantining(lab_settings), [LAB, unmigrated, guard]) as deployment:
        with pytest.raises(PluginError):
            await leave_out_unmigrated(deployment)


async def test_quarantine_does_not_spare_the_kernel(stack: Stack, lab_settings: Settings) -> None:
    empty = msgspec.structs.replace(quarantining(lab_settings), database_url=stack.database_urls["app"])
    async with opened(empty, [LAB]) as deployment:
        with pytest.raises(PluginError, match=r"^Plugin 'kernel' \(.*/kernel/migrations\): the database lacks 0001, "):
            await leave_out_unmigrated(deployment)


async def test_database_that_is_away_refuses_no_process_that_waits_for_it(
    lab_settings: Settings, unmigrated: LoadedPlugin
) -> None:
    away = msgspec.structs.replace(lab_settings, database_url="postgresql+asyncpg://x@/x?host=/nowhere")
    async with opened(away, [LAB, unmigrated]) as deployment:
        await take_stock(deployment)
        with pytest.raises(FileNotFoundError):
            await leave_out_unmigrated(deployment)

        assert deployment.set_aside == {}


# --- revisions that fail -------------------------------------------------------------------------------------------


@pytest.fixture
async def empty(stack: Stack, lab_settings: Settings, run_worker_name: str) -> Settings:
    """Settings that lead to an empty database."""
    urls: Mapping[str, str] = await new_database(stack, f"late_{run_worker_name or 'gw0'}")
    return msgspec.structs.replace(
        lab_settings,
        database_url=urls["app"],
        owner_database_url=urls["owner"],
        operator_database_url=urls["operator"],
    )


async def test_failed_revision_stops_the_migration_and_names_its_plugin(
    empty: Settings, write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = write_plugin({"migrations/0001_bad.py": REVISION.format(sql="SELECT nonsense")})
    monkeypatch.setattr("kernel.operations.discover", lambda names: [LAB, bad])

    with pytest.raises(PluginError) as refused:
        await operations.migrate(empty)

    assert str(refused.value).startswith(f"Plugin {bad.name!r} ({bad.folder}/migrations): its migration failed: ")
    assert 'column "nonsense" does not exist' in str(refused.value)


async def test_failed_revision_tells_no_row(empty: Settings, write_plugin: WritePlugin) -> None:
    quoting = "SELECT CAST('a pupil' AS integer)"
    bad = write_plugin({"migrations/0001_bad.py": REVISION.format(sql=quoting)})

    with pytest.raises(PluginError) as refused:
        await upgrade(empty.owner_database_url, Registry([bad]).migration_chains())

    kind = "asyncpg.exceptions.InvalidTextRepresentationError 22P02"
    assert str(refused.value).endswith(f"its migration failed: {kind}.")
    assert refused.value.__context__ is not None
    assert f"\n{kind}\n" in traceback_of(refused.value)
    assert 'type integer: "a pupil"' not in traceback_of(refused.value)


def test_a_constraint_is_told_by_its_name_alone() -> None:
    broken = asyncpg.UniqueViolationError.new(
        {"C": "23505", "M": "duplicate key", "D": "Key (email)=(a@b.test) already exists.", "n": "users_email_key"}
    )
    wrapped = IntegrityError("INSERT INTO users VALUES ($1)", ["a@b.test"], broken)

    assert told(wrapped) == "asyncpg.exceptions.UniqueViolationError 23505 users_email_key"
    assert "a@b.test" not in traceback_of(wrapped)


async def test_quarantine_migrates_all_others_and_says_so(
    empty: Settings, write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = write_plugin({"migrations/0001_bad.py": REVISION.format(sql="SELECT nonsense")})
    needs = write_plugin({"migrations/0001_next.py": REVISION.format(sql="SELECT 1")}, requires=(bad.name,))
    good = write_plugin({"migrations/0001_good.py": REVISION.format(sql="SELECT 1")})
    monkeypatch.setattr("kernel.operations.discover", lambda names: [LAB, bad, needs, good])

    with pytest.raises(operations.Unwell, match="its migration failed"):
        await operations.migrate(quarantining(empty))

    async with connected(empty.owner_database_url) as connection:
        done = {
            name: await connection.fetchval(f"SELECT version_num FROM {name}.alembic_version")
            for name in (bad.name, good.name)
        }
        assert done == {bad.name: None, good.name: "0001"}
        assert await connection.fetchval("SELECT to_regnamespace($1)", needs.name) is None


# --- routes that cannot be mounted ---------------------------------------------------------------------------------


@asynccontextmanager
async def asked(deployment: Deployment) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the deployment's application."""
    app = served(create_app(deployment))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x/api/v1") as client:
        yield client


def test_route_that_cannot_be_mounted_refuses_the_start_and_names_its_file(
    lab_settings: Settings, write_plugin: WritePlugin
) -> None:
    bad = write_plugin({"routes.py": UNREADABLE_ROUTE}, {"register_routes": "routes:ROUTES"})

    with pytest.raises(PluginError) as refused:
        create_app(create_deployment(lab_settings, [LAB, bad]))

    assert str(refused.value) == (
        f"Plugin {bad.name!r} ({bad.folder}/routes.py): the route get_order cannot be mounted: "
        "name 'UUID' is not defined."
    )


async def test_quarantine_serves_the_rest_without_the_route(
    lab_settings: Settings, write_plugin: WritePlugin, school: School
) -> None:
    bad = write_plugin({"routes.py": UNREADABLE_ROUTE}, {"register_routes": "routes:ROUTES"})
    async with opened(quarantining(lab_settings), [LAB, bad]) as deployment, asked(deployment) as client:
        client.headers["Host"] = school.host

        assert (await client.get("/lab/open")).status_code == 200
        assert (await client.get(f"/orders/{school.id}")).json()["code"] == "kernel.route_unknown"
        assert list(deployment.set_aside) == [bad.name]


def test_fault_that_is_no_plugins_is_told_as_it_is(lab_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(deployment: Deployment) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kernel.app.health_routes", broken)

    with pytest.raises(ZeroDivisionError):
        create_app(create_deployment(lab_settings, [LAB]))
