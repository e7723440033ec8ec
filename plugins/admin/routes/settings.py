"""Settings by category."""

from typing import Annotated, Any

from litestar import Response, get, patch
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, QueryParameter

from kernel.auth import Actor, public, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from kernel.tenant_settings import etag_of
from plugins.admin.actions.settings import update_settings
from plugins.admin.permissions import READ_SETTINGS, UPDATE_SETTINGS
from plugins.admin.queries import settings as queries
from plugins.admin.schemas import SettingsForms, Values

Category = Annotated[str | None, QueryParameter(max_length=63, description="Only this one.")]
IfMatch = Annotated[str, HeaderParameter(name="If-Match", max_length=500, description="The ETag of what was read.")]


@get("/settings", guards=[requires(READ_SETTINGS)], operation_id="settings_get")
async def read_settings(db: Db, category: Category = None) -> Response[Values]:
    """Return every value by category, secrets as `***`; the ETag serves the If-Match of a change."""
    wanted = [category] if category is not None else []
    values = queries.settings_of(db.deployment, db.tenant, wanted)
    return Response(values, headers={"ETag": f'"{etag_of(db.tenant.chosen, values)}"'})


@patch("/settings", guards=[requires(UPDATE_SETTINGS)], opt=idempotent(), operation_id="settings_update")
async def change_settings(db: Db, actor: Actor, data: dict[str, dict[str, Any]], if_match: IfMatch = "") -> Values:
    """Change settings, by category and name; null brings a default back. Answers the categories that were named."""
    return await update_settings(db, actor, data, if_match=if_match)


@get("/settings/schema", guards=[requires(READ_SETTINGS)], operation_id="settings_schema")
async def read_schema(db: Db) -> SettingsForms:
    """Return title and JSON schema of each category, so that a page can draw the forms."""
    return queries.settings_forms(db.deployment, db.tenant)


@get("/settings/public", guards=[public], operation_id="settings_public")
async def read_public_settings(db: Db) -> Values:
    """Return what everybody may know: name, logo and colours of the school, its currency, and what plugins add."""
    return queries.public_settings(db.deployment, db.tenant)


ROUTES: tuple[HTTPRouteHandler, ...] = (read_settings, change_settings, read_schema, read_public_settings)
