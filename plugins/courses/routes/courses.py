"""Courses: the catalogue and single ones."""

from datetime import date
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, Parameter, QueryParameter

from kernel.auth import Actor, public, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from kernel.kept_answers import kept
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, limited
from plugins.courses.actions import courses
from plugins.courses.actions.duplicating import duplicate_course
from plugins.courses.permissions import CREATE, DELETE, EDIT, VIEW_ANALYTICS
from plugins.courses.queries.analytics import course_analytics
from plugins.courses.queries.catalogue import CATALOGUE, CatalogueFilter, CourseSort, course_page
from plugins.courses.queries.courses import course_details
from plugins.courses.queries.covers import CoverWidth, course_cover
from plugins.courses.schemas.analytics import CourseAnalytics
from plugins.courses.schemas.catalogue import CataloguePage
from plugins.courses.schemas.courses import CourseDetails, CreateCourseRequest, UpdateCourseRequest
from plugins.courses.schemas.texts import CourseStatus, Level

ShortQuery = Annotated[str | None, Parameter(max_length=100)]
FirstDay = Annotated[date | None, QueryParameter(name="from", description="The first day; 90 days in all when absent.")]
LastDay = Annotated[date | None, QueryParameter(name="to", description="The last day; today when absent.")]
IfNoneMatch = Annotated[str, HeaderParameter(name="If-None-Match", description="The ETag of what one has.")]
Words = Annotated[str | None, Parameter(min_length=1, max_length=100, description="Words to look for.")]


@get("/courses", guards=[public], opt={**reads_only(), **kept(CATALOGUE)}, operation_id="courses_list")
async def list_courses(
    db: Db,
    actor: Actor,
    limit: Limit = 20,
    offset: Offset = 0,
    sort: CourseSort | None = None,
    q: Words = None,
    category: ShortQuery = None,
    level: Level | None = None,
    language: ShortQuery = None,
    free: bool | None = None,
    featured: bool | None = None,
    instructor: UUID | None = None,
    status: CourseStatus | None = None,
    mine: bool = False,
) -> CataloguePage:
    """List published courses; `mine` lists one's own in any state, `status` those of a state, to administrators.

    A category is named by its id or slug, and holds what is below it. `q` is looked for in titles and descriptions, in
    the tenant's language and in the course's; where no course has the words, titles that are nearly the same are found.
    `facets` counts what the whole list holds. Strangers see the list where the tenant's catalogue is public.
    """
    wanted = CatalogueFilter(
        words=q,
        category=category,
        level=level,
        language=language,
        free=free,
        featured=featured,
        instructor=instructor,
        status=status,
        mine=mine,
    )
    return await course_page(db, actor, wanted, sort=sort, limit=limit, offset=offset)


@post("/courses", guards=[requires(CREATE)], operation_id="courses_create")
async def create_course(db: Db, actor: Actor, data: CreateCourseRequest) -> CourseDetails:
    """Make a draft of one's own."""
    return await courses.create_course(db, actor, data)


@get("/courses/{course_id:uuid}", guards=[public], opt=reads_only(), operation_id="courses_get")
async def get_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Show a course, and how whoever asks stands in it."""
    return await course_details(db, actor, course_id)


@get(
    "/courses/{course_id:uuid}/cover",
    guards=[public],
    # A page of cards asks for as many covers; they count as pictures, not as calls.
    opt={**reads_only(), **limited("media")},
    responses={200: ResponseSpec(None, generate_examples=False, description="The picture, as WebP.")},
    operation_id="courses_cover",
)
async def get_cover(
    db: Db, actor: Actor, course_id: UUID, width: CoverWidth = "640", if_none_match: IfNoneMatch = ""
) -> Response[bytes]:
    """Show the picture on a course's card, no wider than so many pixels, to everyone who may see the course."""
    cover = await course_cover(db, actor, course_id, width, known=if_none_match)
    # Kept by the browser, which asks each time whether it may still show it.
    headers = {"ETag": cover.etag, "Cache-Control": "private, no-cache"}
    status = 304 if cover.body is None else 200
    return Response(cover.body or b"", status_code=status, media_type=cover.content_type, headers=headers)


@get(
    "/courses/{course_id:uuid}/analytics",
    guards=[requires(VIEW_ANALYTICS)],
    opt=reads_only(),
    operation_id="courses_analytics",
)
async def get_analytics(
    db: Db, actor: Actor, course_id: UUID, first: FirstDay = None, last: LastDay = None
) -> CourseAnalytics:
    """Tell how a course is doing: enrolments day by day, completion, watch time, and where people stop watching."""
    return await course_analytics(db, actor, course_id, first=first, last=last)


@patch("/courses/{course_id:uuid}", guards=[requires(EDIT)], operation_id="courses_update")
async def update_course(db: Db, actor: Actor, course_id: UUID, data: UpdateCourseRequest) -> CourseDetails:
    """Change a course."""
    return await courses.update_course(db, actor, course_id, data)


@post(
    "/courses/{course_id:uuid}/duplicate",
    guards=[requires(CREATE)],
    opt=idempotent(),
    operation_id="courses_duplicate",
)
async def duplicate(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Make a draft of one's own with the sections, videos and materials of a course, and nobody enrolled."""
    return await duplicate_course(db, actor, course_id)


@delete("/courses/{course_id:uuid}", guards=[requires(DELETE)], operation_id="courses_delete")
async def delete_course(db: Db, actor: Actor, course_id: UUID) -> None:
    """Remove a course in which nobody has ever enrolled."""
    await courses.delete_course(db, actor, course_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_courses,
    create_course,
    get_course,
    get_cover,
    get_analytics,
    update_course,
    duplicate,
    delete_course,
)
