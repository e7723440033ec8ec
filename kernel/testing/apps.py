"""Deployments of a test run, each with its web application: of every installed plugin, or of just those that are named.

A test that needs few plugins, or one that is not installed, asks `app_with`; overriding the fixture `app` with its
answer turns every other fixture to it. Their tenants are `kernel.testing.schools`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any, TypeAlias
from zlib import crc32

import msgspec
import pytest
from litestar import Litestar

from kernel.app import create_app, create_deployment, served
from kernel.deployment import Deployment
from kernel.embedded import Stack
from kernel.plugin import LoadedPlugin, Plugin, discover
from kernel.settings import Settings
from kernel.testing.databases import at_database, make_database
from kernel.testing.schools import School, make_school


class App:
    """A deployment and its web application, as one server process has them."""

    def __init__(self, deployment: Deployment, stack: AsyncExitStack) -> None:
        self.deployment = deployment
        self.litestar = create_app(deployment)
        self.asgi = served(self.litestar)
        self._stack = stack

    async def school(self, settings: dict[str, Any] | None = None, plugins: list[str] | None = None) -> School:
        """Make a tenant, with settings by category and the plugins that are switched on if these matter."""
        return await make_school(self.deployment, self.asgi, self._stack, settings, plugins)


AnyPlugin: TypeAlias = str | ModuleType | LoadedPlugin
AppFactory = Callable[..., Awaitable[App]]


@pytest.fixture(scope="session")
async def app_with(stack: Stack, settings: Settings, database: str) -> AsyncIterator[AppFactory]:
    """Make an application with just these plugins and what they require, by calling it.

    A plugin is given by the name under which it is installed or as its module with `PLUGIN` and the hooks, installed or
    not. Keywords are deployment settings. The same plugins and settings give the same application again.

    Raises:
        PluginError: When called with a plugin that breaks a rule; the sentence names plugin, file and reason.
    """
    made: dict[str, App] = {}
    async with AsyncExitStack() as until_the_end:

        async def make(*plugins: AnyPlugin, **changes: Any) -> App:
            wanted = _with_requirements(plugins)
            key = repr(([(each.name, id(each.module)) for each in wanted], changes))
            if key not in made:
                named = msgspec.structs.replace(settings, **changes)
                named = at_database(named, stack, f"{_name_of(settings)}_{crc32(key.encode()):08x}")
                deployment = create_deployment(named, wanted)
                until_the_end.push_async_callback(deployment.close)
                await make_database(
                    stack,
                    msgspec.structs.replace(named, plugins=settings.plugins),
                    deployment.registry.migration_chains(),
                )
                await deployment.open()
                made[key] = App(deployment, until_the_end)
            return made[key]

        yield make


def _name_of(settings: Settings) -> str:
    return settings.database_url.partition("?")[0].rpartition("/")[2]


def _with_requirements(plugins: Sequence[AnyPlugin]) -> list[LoadedPlugin]:
    """Return the plugins and the installed ones that they require, directly or through others."""
    installed = {plugin.name: plugin for plugin in discover()}
    given = [
        each if isinstance(each, LoadedPlugin) else _from_module(each) for each in plugins if not isinstance(each, str)
    ]
    found = {plugin.name: plugin for plugin in given}
    waiting = [
        *(name for name in plugins if isinstance(name, str)),
        *(name for plugin in given for name in plugin.manifest.requires),
    ]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = installed[name] if name in installed else discover([name])[0]
            waiting += found[name].manifest.requires
    return list(found.values())


def _from_module(module: ModuleType) -> LoadedPlugin:
    manifest = vars(module).get("PLUGIN")
    if not isinstance(manifest, Plugin):
        raise TypeError(f"{module.__name__} has no PLUGIN = Plugin(...)")
    return LoadedPlugin(manifest, module)


@pytest.fixture(scope="session")
async def app(database: str, settings: Settings) -> AsyncIterator[App]:
    """The application of every installed plugin; override it with `app_with(...)` to test with few."""
    async with AsyncExitStack() as until_the_end:
        deployment = create_deployment(settings)
        until_the_end.push_async_callback(deployment.close)
        await deployment.open()
        yield App(deployment, until_the_end)


# Of a test each, although it costs nothing to keep them: pytest would give one folder's application to the next.
@pytest.fixture
async def deployment(app: App) -> Deployment:
    """The parts of a process with the plugins of `app`."""
    return app.deployment


@pytest.fixture
async def litestar_app(app: App) -> Litestar:
    """The web application of that deployment."""
    return app.litestar
