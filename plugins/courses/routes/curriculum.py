"""Sections and videos, watching and progress."""

from uuid import UUID

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler

from kernel.auth import Actor, public, requires
from kernel.db import Db
from kernel.gathering import gathered
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page, limited
from plugins.courses.actions import crowded_reports, ordering, progress, sections, videos
from plugins.courses.permissions import EDIT, WATCH
from plugins.courses.queries.curriculum import section_details, section_page, video_page
from plugins.courses.queries.streams import video_stream
from plugins.courses.queries.videos import video_details
from plugins.courses.schemas.curriculum import (
    CreateSectionRequest,
    CreateVideoRequest,
    CurriculumOrder,
    ProgressAnswer,
    ProgressRequest,
    SectionDetails,
    UpdateSectionRequest,
    UpdateVideoRequest,
    VideoDetails,
    VideoStream,
)


@get("/courses/{course_id:uuid}/sections", guards=[public], opt=reads_only(), operation_id="courses_sections")
async def list_sections(
    db: Db, actor: Actor, course_id: UUID, limit: Limit = 100, offset: Offset = 0
) -> Page[SectionDetails]:
    """List the sections of a course with their videos and materials, locked ones without a source."""
    return await section_page(db, actor, course_id, limit=limit, offset=offset)


@post("/courses/{course_id:uuid}/sections", guards=[requires(EDIT)], operation_id="sections_create")
async def create_section(db: Db, actor: Actor, course_id: UUID, data: CreateSectionRequest) -> SectionDetails:
    """Add a section to a course."""
    return await sections.add_section(db, actor, course_id, data)


@put("/courses/{course_id:uuid}/order", guards=[requires(EDIT)], operation_id="courses_order")
async def order_curriculum(db: Db, actor: Actor, course_id: UUID, data: CurriculumOrder) -> Page[SectionDetails]:
    """Put all sections, videos and, if any is named, materials of a course in order, in one call."""
    await ordering.order_curriculum(db, actor, course_id, data)
    return await section_page(db, actor, course_id, limit=100, offset=0)


@get("/sections/{section_id:uuid}", guards=[public], opt=reads_only(), operation_id="sections_get")
async def get_section(db: Db, actor: Actor, section_id: UUID) -> SectionDetails:
    """Show a section with its videos and materials."""
    return await section_details(db, actor, section_id)


@patch("/sections/{section_id:uuid}", guards=[requires(EDIT)], operation_id="sections_update")
async def update_section(db: Db, actor: Actor, section_id: UUID, data: UpdateSectionRequest) -> SectionDetails:
    """Change a section."""
    return await sections.update_section(db, actor, section_id, data)


@delete("/sections/{section_id:uuid}", guards=[requires(EDIT)], operation_id="sections_delete")
async def delete_section(db: Db, actor: Actor, section_id: UUID) -> None:
    """Remove a section with its videos and materials."""
    await sections.delete_section(db, actor, section_id)


@get("/courses/{course_id:uuid}/videos", guards=[public], opt=reads_only(), operation_id="courses_videos")
async def list_videos(
    db: Db, actor: Actor, course_id: UUID, limit: Limit = 100, offset: Offset = 0
) -> Page[VideoDetails]:
    """List the videos of a course in the order of its curriculum."""
    return await video_page(db, actor, course_id, limit=limit, offset=offset)


@post("/sections/{section_id:uuid}/videos", guards=[requires(EDIT)], operation_id="videos_create")
async def create_video(db: Db, actor: Actor, section_id: UUID, data: CreateVideoRequest) -> VideoDetails:
    """Add a video to a section."""
    return await videos.add_video(db, actor, section_id, data)


@get("/videos/{video_id:uuid}", guards=[public], opt=reads_only(), operation_id="videos_get")
async def get_video(db: Db, actor: Actor, video_id: UUID) -> VideoDetails:
    """Show a video and how far one has watched it."""
    return await video_details(db, actor, video_id)


@patch("/videos/{video_id:uuid}", guards=[requires(EDIT)], operation_id="videos_update")
async def update_video(db: Db, actor: Actor, video_id: UUID, data: UpdateVideoRequest) -> VideoDetails:
    """Change a video."""
    return await videos.update_video(db, actor, video_id, data)


@delete("/videos/{video_id:uuid}", guards=[requires(EDIT)], operation_id="videos_delete")
async def delete_video(db: Db, actor: Actor, video_id: UUID) -> None:
    """Remove a video."""
    await videos.delete_video(db, actor, video_id)


@get("/videos/{video_id:uuid}/stream", guards=[requires(WATCH)], operation_id="videos_stream")
async def stream_video(db: Db, actor: Actor, video_id: UUID) -> VideoStream:
    """Return an address at which to watch, for those who may."""
    return await video_stream(db, actor, video_id)


@post(
    "/videos/{video_id:uuid}/progress",
    status_code=200,
    guards=[requires(WATCH)],
    opt=limited("progress"),
    operation_id="videos_progress",
)
async def report_progress(db: Db, actor: Actor, video_id: UUID, data: ProgressRequest) -> ProgressAnswer:
    """Report what was played; late and repeated reports change nothing."""
    answer = await gathered(db, crowded_reports.REPORTS, crowded_reports.Report(actor, video_id, data))
    if answer is not None:
        return answer
    return await db.retrying(lambda: progress.report_progress(db, actor, video_id, data))


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_sections,
    create_section,
    order_curriculum,
    get_section,
    update_section,
    delete_section,
    list_videos,
    create_video,
    get_video,
    update_video,
    delete_video,
    stream_video,
    report_progress,
)
