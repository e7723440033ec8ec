"""The pages on which somebody learns: a lesson with its outline, and all materials of a course."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.response import Redirect

from kernel.auth import Actor
from kernel.db import Db
from plugins.courses.errors import CodeRequired, NotEnrolled
from plugins.courses.pages.outline import Lock, lock_of, outline_of
from plugins.courses.permissions import ENROLL, WATCH
from plugins.courses.queries.curriculum import whole_curriculum
from plugins.courses.queries.lessons import LearntCourse, learnt_course, next_up
from plugins.courses.queries.materials import materials_of_course
from plugins.courses.queries.streams import video_stream
from plugins.courses.schemas.curriculum import VideoDetails, VideoStream

SLOTS_OF_A_LESSON = ("lesson.tabs", "lesson.unlock")
"""Tabs below the video, whose values name their label in English as `tab`; and what opens a locked lesson."""
Shown = tuple[str, Mapping[str, Any]] | Response[Any]


async def go_on(db: Db, actor: Actor, slug: str) -> Shown:
    """Lead to the lesson with which somebody goes on."""
    course = await learnt_course(db, actor, slug)
    video_id = await next_up(db, actor, course)
    if video_id is None:
        return "courses/no_lesson.html", {"course": course}
    return Redirect(f"/learn/{course.slug}/{video_id}", status_code=302)


async def lesson(db: Db, actor: Actor, slug: str, video_id: UUID) -> Shown:
    """Show a lesson beside the outline of its course."""
    course = await learnt_course(db, actor, slug)
    outline = outline_of(await whole_curriculum(db, actor, course.id), video_id)
    stream = await _stream(db, actor, outline.lesson)
    values = {"course": course, "outline": outline, "lesson": outline.lesson, "stream": stream}
    return "courses/lesson.html", {**values, "lock": _lock(actor, course, stream), "subject": outline.lesson}


async def materials(db: Db, actor: Actor, slug: str) -> Shown:
    """Show the files and links of a course, by section."""
    course = await learnt_course(db, actor, slug)
    sections = await whole_curriculum(db, actor, course.id)
    ours = await materials_of_course(db, actor, course.id)
    return "courses/materials.html", {"course": course, "sections": sections, "ours": ours}


async def _stream(db: Db, actor: Actor, video: VideoDetails) -> VideoStream | None:
    """Return where to watch a lesson that the actor sees; None if they may not."""
    if not actor.may(WATCH):
        return None
    try:
        return await video_stream(db, actor, video.id)
    except (CodeRequired, NotEnrolled):
        return None


def _lock(actor: Actor, course: LearntCourse, stream: VideoStream | None) -> Lock | None:
    return None if stream is not None else lock_of(course, may_enroll=actor.may(ENROLL))


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/learn/{slug:str}", "handler": go_on, "access": "signed_in"},
    {"path": "/learn/{slug:str}/materials", "handler": materials, "access": "signed_in"},
    {"path": "/learn/{slug:str}/{video_id:uuid}", "handler": lesson, "access": "signed_in", "slots": SLOTS_OF_A_LESSON},
)
NAVIGATION: Sequence[Mapping[str, Any]] = ()
SLOTS: Sequence[Mapping[str, Any]] = ()
