"""Where to watch a video, for those who may."""

from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth import api as auth
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
        playback = await media.video_playback(db, actor, row.file_id)
        return VideoStream(
            url=playback.url,
            expires_at=playback.expires_at,
            type=playback.type,
            fallback_url=playback.fallback_url,
            poster_url=playback.poster_url,
            captions=playback.captions,
            watermark=await _watermark(db, actor),
            preparing=playback.preparing,
        )
    if row.youtube_id is not None:
        return VideoStream(f"https://www.youtube-nocookie.com/embed/{row.youtube_id}", None, "youtube")
    return VideoStream(row.video_url or "", None, "external")


async def video_captions(db: Db, actor: Actor, video_id: UUID) -> list[media.CaptionRef]:
    """Return in which languages a video that the actor sees has captions.

    Raises:
        VideoNotFound: There is none, or not for this person.
    """
    row, _ = await lesson(db, actor, video_id)
    return [] if row.file_id is None else await media.captions_of(db, row.file_id)


async def _watermark(db: Db, actor: Actor) -> str | None:
    """Return what the player shows over the video, where the tenant wants it: who is watching."""
    if not media.shows_watermark(db.tenant):
        return None
    person = (await auth.users_by_id(db, [actor.id])).get(actor.id)
    return None if person is None else f"{person.first_name} {person.last_name}".strip()
