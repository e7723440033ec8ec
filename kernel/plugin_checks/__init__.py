"""`collegium plugins check`: what an author runs before others do, on servers of its own that end with it.

The boot checks, the import contracts, the revisions there and back, the routes and their description, and the
conformance suite. Each fault is one sentence with the plugin's name and the file.
"""

import asyncio
import sys
import tomllib
from contextlib import AsyncExitStack
from importlib.metadata import EntryPoint
from pathlib import Path
from tempfile import TemporaryDirectory

from kernel.deployment import Deployment
from kernel.embedded import Stack, running_stack
from kernel.migrate import ensure_default_tenant
from kernel.plugin import GROUP, LoadedPlugin, PluginError, discover, in_order, load_plugin, with_requirements
from kernel.plugin_checks.imports import import_problems, package_of
from kernel.plugin_checks.schemas import schema_problems
from kernel.registry import Registry, load_registry
from kernel.settings import Settings
from kernel.testing import App
from kernel.testing.conformance import check_conformance


def find_plugin(target: str) -> LoadedPlugin:
    """Return a plugin by the name under which it is installed, or by the folder of its project.

    Raises:
        PluginError: It is not installed, or the folder has no project of a plugin.
    """
    if target.isidentifier() and not (Path(target) / "pyproject.toml").exists():
        return discover([target])[0]
    file = Path(target) / "pyproject.toml"
    try:
        points = tomllib.loads(file.read_text())["project"]["entry-points"][GROUP]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        reason = f"it has no [project.entry-points.{GROUP!r}]: {error!r}."
        raise PluginError(Path(target).name, str(file), reason) from None
    [(name, value), *_] = points.items()
    sys.path.insert(0, str(Path(target).resolve()))
    plugin = load_plugin(EntryPoint(name, value, GROUP))
    if not plugin.fault and Path(target).resolve() not in Path(plugin.file).resolve().parents:
        raise PluginError(name, plugin.file, "another copy of it is installed: `pip install -e .` in its project.")
    return plugin


def check_plugin(target: str) -> list[str]:
    """Return a sentence for each thing that is wrong with a plugin; nothing if all is well.

    Args:
        target: Its name, or the folder of its project.

    Raises:
        PluginError: There is no such plugin.
    """
    plugin = find_plugin(target)
    installed = [each for each in discover() if each.name != plugin.name]
    needed = with_requirements([plugin, *installed], plugin.name)
    loaded = [plugin, *(each for each in installed if each.name in needed)]
    problems = [] if plugin.fault else import_problems(plugin, {package_of(each): each.name for each in installed})
    try:
        registry = Registry(in_order(loaded))
        problems += clashes(plugin, installed)
    except PluginError as error:
        return [str(error), *problems]
    with TemporaryDirectory(prefix="collegium-check-") as folder, running_stack(Path(folder), temporary=True) as stack:
        return problems + asyncio.run(_problems_on(stack, plugin, registry))


def clashes(plugin: LoadedPlugin, installed: list[LoadedPlugin]) -> list[str]:
    """Return what is wrong with a plugin beside all others, its hooks for plugins that it does not require included."""
    try:
        load_registry([plugin, *installed])
    except PluginError as error:
        return [str(error)] if error.plugin == plugin.name else []
    return []


async def _problems_on(stack: Stack, plugin: LoadedPlugin, registry: Registry) -> list[str]:
    problems = await schema_problems(plugin, registry, stack.database_urls["owner"])
    return problems or await _running_problems(plugin, registry, stack)


async def _running_problems(plugin: LoadedPlugin, registry: Registry, stack: Stack) -> list[str]:
    await ensure_default_tenant(stack.database_urls["operator"])
    deployment = Deployment(_settings(stack), registry)
    async with AsyncExitStack() as until_the_end:
        until_the_end.push_async_callback(deployment.close)
        await deployment.open()
        try:
            app = App(deployment, until_the_end)
            app.litestar.openapi_schema.to_schema()
            await check_conformance(app, plugin.name)
        except PluginError as error:
            return [str(error)]
        except AssertionError as error:
            return [str(plugin.broken(line)) for line in str(error).splitlines()]
        except Exception as error:  # noqa: BLE001 - whatever its routes' description raises is the plugin's fault
            return [str(plugin.broken(f"its routes cannot be described: {error!r}."))]
    return []


def _settings(stack: Stack) -> Settings:
    urls = stack.database_urls
    return Settings(
        database_url=urls["app"],
        worker_database_url=urls["worker"],
        operator_database_url=urls["operator"],
        owner_database_url=urls["owner"],
        redis_url=stack.redis_url,
        storage_url=stack.storage_dir.resolve().as_uri(),
        secret_keys=(stack.secret_key,),
        data_dir=stack.data_dir,
        password_hash_cost=4,
        log_level="error",
    )
