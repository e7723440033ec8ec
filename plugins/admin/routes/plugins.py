"""The plugins of the deployment."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, requires
from kernel.db import Db
from plugins.admin.permissions import READ_PLUGINS
from plugins.admin.queries.plugins import plugin_list
from plugins.admin.schemas import PluginList


@get("/plugins", guards=[requires(READ_PLUGINS)], operation_id="plugins_list")
async def list_plugins(db: Db, actor: Actor) -> PluginList:
    """Return every plugin, whether it acts here and if not why."""
    return plugin_list(db.deployment, db.tenant, actor)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_plugins,)
