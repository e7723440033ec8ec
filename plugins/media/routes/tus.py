"""Resumable uploads by the tus protocol 1.0.0; what comes of them is read at the same address by GET."""

from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, patch, post, route
from litestar.exceptions import InternalServerException
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, signed_in
from kernel.db import Db
from kernel.problems import UnsupportedMedia
from kernel.routing import limited
from plugins.media import queries
from plugins.media.actions import resuming
from plugins.media.rules import tus
from plugins.media.schemas import Resumable

PATH = "/upload/tus"


@route(
    PATH,
    http_method=["OPTIONS"],
    guards=[signed_in],
    operation_id="media_tus_options",
    status_code=204,
    # Clients of this protocol know it from its own description.
    include_in_schema=False,
)
async def options() -> Response[None]:
    """Tell what of the protocol is understood."""
    headers = {"Tus-Resumable": tus.VERSION, "Tus-Version": tus.VERSION, "Tus-Extension": tus.EXTENSIONS}
    return Response(None, status_code=204, headers=headers)


@post(PATH, guards=[signed_in], opt=limited("upload"), operation_id="media_tus_create", include_in_schema=False)
async def create(request: Request[Any, Any, Any], db: Db, actor: Actor) -> Response[None]:
    """Begin an upload of what the headers announce."""
    tus.check_version(request.headers)
    upload = await resuming.begin_upload(db, actor, tus.announced(request.headers))
    location = f"{request.url.path.rstrip('/')}/{upload.id}"
    return Response(None, status_code=201, headers={"Location": location, **_headers(upload)})


@route(
    PATH + "/{upload_id:uuid}",
    http_method=["GET", "HEAD"],
    guards=[signed_in],
    operation_id="media_tus_state",
    include_in_schema=False,
)
async def state(request: Request[Any, Any, Any], db: Db, actor: Actor, upload_id: UUID) -> Response[Any]:
    """Tell how far an upload is, and by GET also what has become of it."""
    tus.check_version(request.headers)
    upload = await queries.resumable_upload(db, actor, upload_id)
    body = await queries.upload_state(db, actor, upload) if request.method == "GET" else None
    return Response(body, headers=_headers(upload))


@patch(
    PATH + "/{upload_id:uuid}",
    guards=[signed_in],
    operation_id="media_tus_append",
    include_in_schema=False,
    # What was announced is the limit; nothing reads this body into memory.
    request_max_body_size=None,
)
async def append(request: Request[Any, Any, Any], db: Db, actor: Actor, upload_id: UUID) -> Response[None]:
    """Add the bytes that come next; with the last one the upload becomes a file."""
    tus.check_version(request.headers)
    holding = await resuming.hold_upload(db, actor, upload_id)
    try:
        if request.content_type[0] != tus.APPENDED_TYPE:
            raise UnsupportedMedia(f"Send the bytes as {tus.APPENDED_TYPE}.")
        start = tus.byte_count(request.headers, "Upload-Offset")
        upload = await resuming.append(db, actor, holding, start, _sent(request))
    finally:
        await resuming.release_upload(db, holding)
    return Response(None, status_code=204, headers=_headers(upload))


@delete(
    PATH + "/{upload_id:uuid}",
    guards=[signed_in],
    operation_id="media_tus_end",
    include_in_schema=False,
    status_code=204,
)
async def end(request: Request[Any, Any, Any], db: Db, actor: Actor, upload_id: UUID) -> Response[None]:
    """Give an upload up."""
    tus.check_version(request.headers)
    await resuming.end_upload(db, await resuming.hold_upload(db, actor, upload_id))
    return Response(None, status_code=204, headers={"Tus-Resumable": tus.VERSION})


async def _sent(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Give what the sender sends until it has gone: what has come by then is kept."""
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:
        # Litestar's stream says nothing else by this than that the sender has gone.
        return


def _headers(upload: Resumable) -> dict[str, str]:
    return {
        "Tus-Resumable": tus.VERSION,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
        "Cache-Control": "no-store",
    }


HANDLERS: tuple[HTTPRouteHandler, ...] = (options, create, state, append, end)
