"""The captions of a video."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, delete, get, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from kernel.auth import Actor, public, requires
from kernel.db import Db
from kernel.replicas import reads_only
from plugins.courses.actions import captions
from plugins.courses.permissions import EDIT
from plugins.courses.queries.streams import video_captions
from plugins.media import api as media


@dataclass
class CaptionsOperation(Operation):
    """Describes the body, which the handler reads by itself."""

    def __post_init__(self) -> None:
        """Add the body to what Litestar has found out."""
        text = Schema(type=OpenAPIType.STRING, max_length=media.MOST_CAPTION_CHARACTERS)
        self.request_body = RequestBody(
            {each: OpenAPIMediaType(schema=text) for each in captions.CONTENT_TYPES}, required=True
        )


@get("/videos/{video_id:uuid}/captions", guards=[public], opt=reads_only(), operation_id="videos_captions")
async def list_captions(db: Db, actor: Actor, video_id: UUID) -> list[media.CaptionRef]:
    """List the languages in which a video has captions; where they are is told where to watch."""
    return await video_captions(db, actor, video_id)


@put(
    "/videos/{video_id:uuid}/captions/{language:str}",
    guards=[requires(EDIT)],
    operation_id="videos_put_captions",
    operation_class=CaptionsOperation,
)
async def put_captions(
    request: Request[Any, Any, Any], db: Db, actor: Actor, video_id: UUID, language: str
) -> media.CaptionRef:
    """Give a video captions in a language: WebVTT or SubRip, in UTF-8."""
    sent = captions.Sent(request.content_type[0], await request.body())
    return await captions.put_captions(db, actor, video_id, language, sent)


@delete(
    "/videos/{video_id:uuid}/captions/{language:str}", guards=[requires(EDIT)], operation_id="videos_delete_captions"
)
async def delete_captions(db: Db, actor: Actor, video_id: UUID, language: str) -> None:
    """Remove the captions of a video in one language."""
    await captions.delete_captions(db, actor, video_id, language)


HANDLERS: tuple[HTTPRouteHandler, ...] = (list_captions, put_captions, delete_captions)
