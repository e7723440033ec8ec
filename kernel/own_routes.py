"""The kernel's own routes of the API, below `/api/v1` beside those of the plugins."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, public
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.plugin import KERNEL_VERSION
from kernel.scopes import Scope
from kernel.task_routes import TASK_ROUTES


class SchoolCard(msgspec.Struct, frozen=True):
    """How the school presents itself (its settings, category `general`)."""

    name: str
    logo_url: str
    primary_colour: str
    accent_colour: str
    locale: str
    locales: tuple[str, ...]
    timezone: str
    support_email: str


class ApiCard(msgspec.Struct, frozen=True):
    """What stands behind the API for this caller.

    `plugins` are those that act for the school, `capabilities` what the caller may, each with its scope.
    """

    name: str
    version: str
    school: SchoolCard
    plugins: list[str]
    user_id: UUID | None
    role: str
    is_operator: bool
    capabilities: Mapping[str, Scope]


@get("/", guards=[public], operation_id="api_describe")
async def describe(db: Db, actor: Actor) -> ApiCard:
    """Tell clients what there is: version, plugins, what the caller may, how the school presents itself."""
    general = db.tenant.setting(GENERAL, GeneralSettings)
    school = {**msgspec.structs.asdict(general), "name": general.name or db.tenant.name}
    return ApiCard(
        name="Collegium",
        version=KERNEL_VERSION,
        school=SchoolCard(**school),
        plugins=sorted(db.tenant.plugins),
        user_id=actor.user_id,
        role=actor.role,
        is_operator=actor.is_operator,
        capabilities=actor.grants,
    )


OWN_ROUTES: tuple[HTTPRouteHandler, ...] = (describe, *TASK_ROUTES)
