"""Everything that is kept about somebody, handed out as a file."""

from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kernel.auth import Actor, requires, signed_in
from kernel.db import Db
from kernel.personal_data import PersonalDataExport, export_all
from plugins.auth.permissions import EXPORT_USER
from plugins.auth.queries.users import user_details

_AS_FILE = {"Content-Disposition": 'attachment; filename="personal-data.json"'}


@get("/users/me/export", guards=[signed_in], operation_id="users_export_me")
async def export_me(db: Db, actor: Actor) -> Response[PersonalDataExport]:
    """Return everything that is kept about oneself, from every plugin that is switched on here."""
    return Response(await export_all(db, actor.id), headers=_AS_FILE)


@get("/users/{user_id:uuid}/export", guards=[requires(EXPORT_USER)], operation_id="users_export")
async def export_user(db: Db, user_id: FromPath[UUID]) -> Response[PersonalDataExport]:
    """Return everything that is kept about somebody, who asked an administrator for it."""
    await user_details(db, user_id)
    return Response(await export_all(db, user_id), headers=_AS_FILE)


HANDLERS: tuple[HTTPRouteHandler, ...] = (export_me, export_user)
