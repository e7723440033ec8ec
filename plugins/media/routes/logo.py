"""The address of the school's logo."""

from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kernel.auth import public
from kernel.db import Db
from kernel.routing import limited
from plugins.media.logo import LOGO_PATH, logo_bytes


@get(
    LOGO_PATH + "{file_id:uuid}",
    guards=[public],
    opt={"credential_ignored": True, **limited("media")},
    operation_id="media_logo",
    # It stands in the settings of the school, for browsers and readers of mails.
    include_in_schema=False,
)
async def show_logo(db: Db, file_id: FromPath[UUID]) -> Response[bytes]:
    """Show the school's logo to everybody."""
    logo = await logo_bytes(db, file_id)
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(logo.body, media_type=logo.content_type, headers=headers)


HANDLERS: tuple[HTTPRouteHandler, ...] = (show_logo,)
