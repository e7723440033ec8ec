"""The real servers of a test run, and a database for each of its workers.

One PostgreSQL and one Valkey serve the whole run; each worker of pytest-xdist has databases of its own, copied from
one that the migrations built once. What runs on them is `kernel.testing.apps`.
"""

import socket
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import asyncpg
import msgspec
import pytest
import structlog

from kernel import operations
from kernel.embedded import Stack, running_stack
from kernel.embedded.lock import start_lock
from kernel.revisions import MigrationChain, pending
from kernel.roles import role_statements
from kernel.settings import Settings


class OneLoop:
    """Every asynchronous test and fixture of a worker runs in one event loop, as its connections need."""

    @pytest.fixture(scope="session")
    @classmethod
    def anyio_backend(cls) -> str:
        """Return the kind of loop."""
        return "asyncio"


def pytest_configure(config: pytest.Config) -> None:
    """Register the loop after every installed plugin, or anyio's own fixture of that name might win."""
    config.pluginmanager.register(OneLoop(), "collegium-loop")
    # Without it structlog paints each traceback with its variables, which takes a second.
    processors: list[Any] = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    structlog.configure([*processors, structlog.dev.ConsoleRenderer(colors=False)])


@pytest.fixture(scope="session")
def run_worker_name(request: pytest.FixtureRequest) -> str:
    """The name of this worker of pytest-xdist; an empty one where there are none."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", ""))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, run_worker_name: str) -> Iterator[Stack]:
    """A real PostgreSQL and Valkey, shared by all workers of the run."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if run_worker_name else root
    with running_stack(shared / "stack", temporary=True) as running:
        yield running


@pytest.fixture(scope="session")
def settings(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory, run_worker_name: str, mail_socket: socket.socket
) -> Settings:
    """Settings of a deployment with a database, a Redis number and a storage directory of this worker alone."""
    worker = run_worker_name or "gw0"
    number = int(worker.removeprefix("gw")) % 16
    settings = Settings(
        redis_url=f"{stack.redis_url}?db={number}",
        storage_url=tmp_path_factory.mktemp("storage").resolve().as_uri(),
        secret_keys=("a key for tests only long enough for that 0123456789",),
        data_dir=stack.data_dir,
        smtp_url=f"smtp://127.0.0.1:{mail_socket.getsockname()[1]}?security=none",
        mail_from="noreply@collegium.test",
        password_hash_cost=4,
        outbound_allow=("127.0.0.1",),  # servers of the tests themselves
        log_level="error",
    )
    return at_database(settings, stack, f"test_{worker}")


@pytest.fixture(scope="session")
async def database(anyio_backend: str, stack: Stack, settings: Settings) -> str:
    """This worker's database, as the migrations of every installed plugin leave it; the app role's address."""
    await make_database(stack, settings)
    return settings.database_url


def at_database(settings: Settings, stack: Stack, name: str) -> Settings:
    """Return the settings with every role's address leading to another database of the stack."""
    addresses = {role: _at(url, name) for role, url in stack.database_urls.items()}
    return msgspec.structs.replace(
        settings,
        database_url=addresses["app"],
        worker_database_url=addresses["worker"],
        operator_database_url=addresses["operator"],
        owner_database_url=addresses["owner"],
    )


async def make_database(stack: Stack, settings: Settings, chains: Sequence[MigrationChain] = ()) -> None:
    """Make the database of these settings anew, with one tenant, copied from a template that is migrated once a run.

    Args:
        stack: The servers.
        settings: Lead to the database, and name the installed plugins whose tables the template has.
        chains: Further migrations to apply, of plugins that are not installed.
    """
    template = f"template_{crc32(repr(settings.plugins).encode()):08x}"
    with start_lock(stack.data_dir):
        marker = stack.data_dir / f"{template}.ready"
        if not marker.exists():
            await _copy(stack, "template1", template)
            await operations.migrate(at_database(settings, stack, template))
            marker.touch()
        await _copy(stack, template, _name_in(settings.database_url))
    if await pending(settings.database_url, chains):
        from kernel.migrate import upgrade  # import: start-up-time

        await upgrade(settings.owner_database_url, chains)


async def _copy(stack: Stack, source: str, name: str) -> None:
    connection = await asyncpg.connect(stack.database_urls["superuser"].replace("+asyncpg", ""))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        # By file copy: the default writes the whole template into the log.
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY file_copy')
        # Rights on the database itself are not copied.
        for statement in role_statements({}, database=name):
            await connection.execute(statement)
    finally:
        await connection.close()


def _name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _at(url: str, database: str) -> str:
    """Return the address of another database of the same server."""
    before, mark, query = url.partition("?")
    return before.rpartition("/")[0] + f"/{database}{mark}{query}"
