"""What the tests of faults share: a stack of their own, to be broken, and the whole application on it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from kernel.app import create_app, opened, served
from kernel.embedded import Stack, running_stack
from kernel.embedded.place import settle
from kernel.settings import Settings
from kernel.testing import School, at_database, make_database
from kernel.testing.schools import make_school
from tests.faults.proxy import Proxy, proxied


@pytest.fixture(scope="session")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("faults") / "stack", temporary=True) as running:
        yield running


@pytest.fixture(scope="session")
async def own_settings(own_stack: Stack, settings: Settings) -> Settings:
    """Settings of the whole application on that stack, whose handlers have three seconds."""
    found = at_database(
        msgspec.structs.replace(settings, redis_url=own_stack.redis_url, handler_timeout_s=3), own_stack, "faults"
    )
    await make_database(own_stack, found)
    return found


@pytest.fixture
def sockets(own_stack: Stack) -> Iterator[Path]:
    """A directory for sockets, with a short name."""
    with TemporaryDirectory(prefix="cf-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
async def database_proxy(own_stack: Stack, sockets: Path) -> AsyncIterator[Proxy]:
    """Stands between the application and PostgreSQL."""
    name = ".s.PGSQL.5432"
    async with proxied(settle(own_stack.data_dir).socket_dir / name, sockets / name) as proxy:
        yield proxy


@pytest.fixture
async def redis_proxy(own_stack: Stack, sockets: Path) -> AsyncIterator[Proxy]:
    """Stands between the application and Valkey."""
    async with proxied(settle(own_stack.data_dir).socket_dir / "valkey.sock", sockets / "valkey.sock") as proxy:
        yield proxy


@pytest.fixture
async def school(
    own_settings: Settings, database_proxy: Proxy, redis_proxy: Proxy, sockets: Path
) -> AsyncIterator[School]:
    """A school of an application that reaches both through the proxies."""
    through = own_settings.database_url.partition("?host=")[0] + f"?host={sockets}&port=5432"
    settings = msgspec.structs.replace(
        own_settings, database_url=through, redis_url=f"unix://{sockets}/valkey.sock", database_pool_size=10
    )
    async with opened(settings) as deployment, AsyncExitStack() as stack:
        yield await make_school(deployment, served(create_app(deployment)), stack)
