"""Uploads, and the addresses under which files are read."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.response.base import ASGIResponse

from kernel import clock
from kernel.auth import Actor, Permission, requires, signed_in
from kernel.db import Db
from kernel.routing import limited
from kernel.storage import MEDIA_PATH, MediaGrant, StoredObject, ranged_response, verify_media_url
from plugins.media import playback, queries
from plugins.media.actions.files import store_file
from plugins.media.errors import AddressOfAnother, FileNotFound, ForeignPage
from plugins.media.forms import FIELD, file_part
from plugins.media.permissions import UPLOAD_ARCHIVE, UPLOAD_FILE, UPLOAD_IMAGE, UPLOAD_VIDEO
from plugins.media.rules.hls import composed_part
from plugins.media.schemas import FileKind, UploadedFile
from plugins.media.settings import most_bytes


@dataclass
class UploadOperation(Operation):
    """Describes the form, which the handler reads by itself."""

    def __post_init__(self) -> None:
        """Add the body to what Litestar has found out."""
        file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        form = Schema(type=OpenAPIType.OBJECT, properties={FIELD: file}, required=[FIELD])
        self.request_body = RequestBody({"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


def _upload(kind: FileKind, permission: Permission, description: str) -> HTTPRouteHandler:
    """Return the route that takes files of a kind."""

    @post(
        f"/upload/{kind}",
        guards=[requires(permission)],
        opt=limited("upload"),
        operation_id=f"media_upload_{kind}",
        operation_class=UploadOperation,
        summary=f"Upload {kind}",
        description=description,
        # The tenant's own limit holds instead; nothing reads this body into memory.
        request_max_body_size=None,
    )
    async def upload(request: Request[Any, Any, Any], db: Db, actor: Actor) -> UploadedFile:
        most = most_bytes(db.tenant, kind)
        part = await file_part(request, max_bytes=most)
        file = await store_file(db, actor, kind=kind, filename=part.filename, chunks=part.chunks, max_bytes=most)
        return await queries.uploaded_file(db, actor, file)

    return upload


UPLOADS = (
    _upload("video", UPLOAD_VIDEO, "Upload a video in the form field `file`; what it is, is told by its content."),
    _upload(
        "image",
        UPLOAD_IMAGE,
        "Upload a picture (JPEG, PNG, GIF, WebP) in the form field `file`; what is kept is drawn anew from its pixels.",
    ),
    _upload(
        "file",
        UPLOAD_FILE,
        "Upload a document or a recording in the form field `file`; what it is, is told by its content.",
    ),
    _upload(
        "archive",
        UPLOAD_ARCHIVE,
        "Upload a ZIP archive in the form field `file`, to be unpacked by whoever asks for one; it is kept for a day.",
    ),
)


@route(
    MEDIA_PATH + "{key:path}",
    http_method=["GET", "HEAD"],
    guards=[signed_in],
    opt=limited("media"),
    operation_id="media_read",
    # Nobody puts such an address together: it comes whole from other answers.
    include_in_schema=False,
)
async def read_file(request: Request[Any, Any, Any], db: Db, actor: Actor) -> ASGIResponse:
    """Send a file, the range that is asked for, or what is composed of a video, to the session of its address."""
    grant = _granted(request, db, actor)
    if (part := composed_part(grant.key)) is not None:
        _check_page(request)
        answer = await playback.composed_answer(db, actor, grant, part)
        headers = {"Content-Type": answer.content_type, "Cache-Control": "private, no-store"}
        return ASGIResponse(
            body=b"" if request.method == "HEAD" else answer.body,
            headers={**headers, "X-Content-Type-Options": "nosniff"},
            is_head_response=request.method == "HEAD",
        )
    served = await queries.served_by_key(db, grant.key)
    return ranged_response(
        db.deployment.storage,
        StoredObject(
            key=grant.key,
            size_bytes=served.size,
            sha256=served.sha256,
            content_type=grant.content_type,
            modified_at=served.created_at,
        ),
        headers=request.headers,
        method=request.method,
        disposition=grant.disposition,
        filename=grant.filename,
    )


def _granted(request: Request[Any, Any, Any], db: Db, actor: Actor) -> MediaGrant:
    """Return what the address allows the session that the request comes from."""
    key = request.scope["path"].removeprefix(MEDIA_PATH)
    if not key.startswith(f"{db.tenant_id}/"):
        raise FileNotFound
    query = request.scope["query_string"].decode("latin-1")
    keyring = db.deployment.keyring
    grant = verify_media_url(keyring, key=key, query=query, tenant_id=db.tenant_id, now=clock.now())
    if (grant.user_id, grant.session_id) != (actor.user_id, actor.session_id):
        raise AddressOfAnother
    return grant


def _check_page(request: Request[Any, Any, Any]) -> None:
    """Refuse pages of other sites, which come with a cookie at best: an app of another origin sends its token."""
    if "authorization" in request.headers:
        return
    origin = request.headers.get("origin", "")
    is_foreign = bool(origin) and urlsplit(origin).netloc != request.headers.get("host")
    if is_foreign or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise ForeignPage
