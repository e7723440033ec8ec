"""What changes the captions of a video; they belong to its file."""

from uuid import UUID

from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from kernel.problems import UnsupportedMedia
from plugins.courses.actions.videos import own_video
from plugins.courses.errors import CaptionsNeedFile
from plugins.courses.permissions import EDIT
from plugins.media import api as media

CONTENT_TYPES = ("text/vtt", "application/x-subrip", "text/plain")


class Sent(Struct, frozen=True):
    """What came in the body of a request."""

    content_type: str
    content: bytes


async def put_captions(db: Db, actor: Actor, video_id: UUID, language: str, sent: Sent) -> media.CaptionRef:
    """Give a video captions in a language, in place of those that it has.

    Needs: courses.course.edit

    Raises:
        VideoNotFound: It is not there, or not the actor's.
        CaptionsNeedFile: The video is not on this server.
        UnsupportedMedia: They are sent as something else.
        CaptionsInvalid: They are neither WebVTT nor SubRip.
    """
    file_id = await _file_of(db, actor, video_id)
    if sent.content_type not in CONTENT_TYPES:
        raise UnsupportedMedia(f"Send the captions as {', '.join(CONTENT_TYPES)}.")
    return await media.put_captions(db, file_id, language, sent.content)


async def delete_captions(db: Db, actor: Actor, video_id: UUID, language: str) -> None:
    """Remove the captions of a video in one language.

    Needs: courses.course.edit

    Raises:
        VideoNotFound: It is not there, or not the actor's.
        CaptionsNeedFile: The video is not on this server.
        CaptionsNotFound: It has none in this language.
    """
    await media.delete_captions(db, await _file_of(db, actor, video_id), language)


async def _file_of(db: Db, actor: Actor, video_id: UUID) -> UUID:
    file_id = (await own_video(db, video_id, actor.limited_to(EDIT))).file_id
    if file_id is None:
        raise CaptionsNeedFile
    return file_id
