"""Faults of plugins that show only after the registry is made: revisions that the database lacks, unmountable routes.

What becomes of a bad plugin is decided by `Registry.leave_out`: it refuses the start, or is set aside.
"""

from collections.abc import Callable, Iterator

import asyncpg
import structlog
from litestar.handlers import HTTPRouteHandler

from kernel.deployment import Deployment
from kernel.faults import describe
from kernel.origins import file_of
from kernel.plugin import PluginError
from kernel.registry import Registry
from kernel.revisions import faults

log = structlog.get_logger(__name__)


async def leave_out_unmigrated(deployment: Deployment) -> None:
    """Leave out the plugins whose tables the database does not have as this version needs them.

    Raises:
        PluginError: The deployment refuses bad plugins, or the kernel's own tables are not up to date.
    """
    registry, settings = deployment.registry, deployment.settings
    for fault in await faults(settings.database_url, registry.migration_chains()):
        registry.leave_out(fault, settings.on_bad_plugin)


async def take_stock(deployment: Deployment) -> None:
    """Do so in a process that may start while PostgreSQL is away, and log all that is set aside, whatever the fault.

    Raises:
        PluginError: As `leave_out_unmigrated` does.
    """
    try:
        await leave_out_unmigrated(deployment)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("migrations.unknown", reason=describe(error))
    for name, reason in deployment.set_aside.items():
        log.error("plugin.set_aside", plugin=name, reason=reason)


def unmountable(registry: Registry, mount_one: Callable[[HTTPRouteHandler], object]) -> Iterator[PluginError]:
    """Yield an error for the first route of each plugin of which no application can be made.

    Args:
        registry: Whose plugins.
        mount_one: Makes an application of a single route, or raises what is wrong with it.
    """
    for plugin in registry.well:
        for handler in (*registry.routes.get(plugin.name, ()), *registry.root_routes.get(plugin.name, ())):
            try:
                mount_one(handler)
            except Exception as error:  # noqa: BLE001 - whatever a route raises is its plugin's fault
                reason = f"the route {handler.handler_name} cannot be mounted: {str(error) or type(error).__name__}."
                yield plugin.broken(reason, file_of(plugin, handler))
                break
