"""Where to watch a video, for those who may."""

from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses import rules
from plugins.courses.permissions import WATCH
from plugins.courses.queries.videos import lesson, may_watch
from plugins.courses.schemas.curriculum import VideoStream
from plugins.media import api as media


async def video_stream(db: Db, actor: Actor, video_id: UUID) -> VideoStream:
    """Return an address at which the actor can watch; one of ours works for their session alone.

    Needs: courses.video.watch

    Raises:
        VideoNotFound: There is none, or not for this person.
        NotEnrolled: The actor is not enrolled in the course.
        CodeRequired: They are, and the video wants a code of its own.
    """
    row, standing = await lesson(db, actor, video_id, WATCH)
    rules.check_watch(may=may_watch(row, standing), is_enrolled=standing.is_enrolled)
    if row.file_id is not None:
        signed = media.signed_url(db, actor, await media.file_by_id(db, row.file_id))
        return VideoStream(signed.url, signed.expires_at, "file")
    if row.youtube_id is not None:
        return VideoStream(f"https://www.youtube-nocookie.com/embed/{row.youtube_id}", None, "youtube")
    return VideoStream(row.video_url or "", None, "external")
