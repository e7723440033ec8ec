"""The bare curriculum of a course, and the bare report of what was watched."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler

from benchmarks.bare_tokens import SET_TENANT, Tokens
from benchmarks.tape import Step, TapeUnknown
from kernel.ids import new_id
from kernel.routing import Page
from plugins.courses.actions.progress import Lesson, Seen
from plugins.courses.queries.courses import SeenCourse
from plugins.courses.queries.curriculum import SectionRow, shown_section
from plugins.courses.queries.materials import MaterialRow, shown_material
from plugins.courses.queries.videos import VideoRow, shown_video
from plugins.courses.queries.viewing import Standing
from plugins.courses.schemas.curriculum import (
    EnrollmentProgress,
    ProgressAnswer,
    ProgressRequest,
    SectionDetails,
    VideoDetails,
)
from plugins.courses.schemas.materials import MaterialDetails


def sections_handler(tokens: Tokens, steps: Sequence[Step]) -> HTTPRouteHandler:
    """Return the handler that shows the curriculum to a student by these statements.

    Raises:
        TapeUnknown: Ours runs other statements than this handler knows how to put together.
    """
    if [each.kind for each in steps] != [SeenCourse, SectionRow, VideoRow, MaterialRow, None]:
        raise TapeUnknown("The curriculum takes other statements.", steps)
    seen, page, lessons, files, count = steps

    @get("/api/v1/courses/{course_id:uuid}/sections")
    async def sections(
        request: Request[Any, Any, Any], course_id: UUID, limit: int = 100, offset: int = 0
    ) -> Page[SectionDetails]:
        claims = tokens.claims(request)
        values = {"course": course_id, "viewer": UUID(claims["user_id"]), "limit": limit, "offset": offset}
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(SET_TENANT, claims["tenant"], claims["user_id"])
            found = await connection.fetchrow(seen.sql, *seen.filled(values))
            if found is None:
                raise NotFoundException
            rows = await connection.fetch(page.sql, *page.filled(values))
            videos = [VideoRow(*each) for each in await connection.fetch(lessons.sql, *lessons.filled(values))]
            materials = [MaterialRow(*each) for each in await connection.fetch(files.sql, *files.filled(values))]
            total = await connection.fetchval(count.sql, *count.filled(values))
        own = Standing(
            manages=False, is_enrolled=found["enrollment_status"] in ("active", "completed"), is_signed_in=True
        )
        by_section: dict[UUID, list[VideoDetails]] = {}
        for video in videos:
            by_section.setdefault(video.section_id, []).append(shown_video(video, own))
        with_them: dict[UUID | None, list[MaterialDetails]] = {}
        for material in materials:
            with_them.setdefault(material.section_id, []).append(shown_material(material))
        shown = [SectionRow(*row) for row in rows]
        items = [shown_section(row, by_section.get(row.id, ()), with_them.get(row.id, ())) for row in shown]
        return Page(items, total, limit, offset)

    return sections


def progress_handler(tokens: Tokens, steps: Sequence[Step]) -> HTTPRouteHandler:
    """Return the handler that records what a student of a course reports, by these statements.

    Raises:
        TapeUnknown: Ours runs other statements than this handler knows how to put together.
    """
    if [each.kind for each in steps] != [Lesson, Seen]:
        raise TapeUnknown("A report of progress takes other statements.", steps)
    look_up, unite = steps

    @post("/api/v1/videos/{video_id:uuid}/progress", status_code=200)
    async def progress(request: Request[Any, Any, Any], video_id: UUID, data: ProgressRequest) -> ProgressAnswer:
        claims = tokens.claims(request)
        values: dict[str, Any] = {"video": video_id, "viewer": UUID(claims["user_id"]), "id": new_id()}
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(SET_TENANT, claims["tenant"], claims["user_id"])
            found = await connection.fetchrow(look_up.sql, *look_up.filled(values))
            if found is None:
                raise NotFoundException
            lesson = Lesson(*found)
            if not lesson.is_enrolled:
                raise HTTPException(status_code=403)
            values |= {
                "ranges": "{" + ",".join(f"[{first},{last})" for first, last in data.ranges) + "}",
                "duration": lesson.duration_seconds,
                "position": data.position,
                "course": lesson.course_id,
                "enrollment": lesson.enrollment_id,
            }
            seen = Seen(*await connection.fetchrow(unite.sql, *unite.filled(values)))
        share = float((lesson.enrollment_progress if seen.progress is None else seen.progress) or 0)
        return ProgressAnswer(
            seen.last_position,
            seen.watched_seconds,
            lesson.duration_seconds,
            seen.is_completed,
            EnrollmentProgress(share, "active"),
        )

    return progress
