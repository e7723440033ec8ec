"""What makes a course out of another one: the same parts and the same files, and nobody enrolled."""

from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, CompoundSelect, Insert, Uuid, bindparam, column, func, literal, null, select, union_all
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses.actions.slugs import COURSE_NUMBER, take_slug
from plugins.courses.errors import CourseNotFound
from plugins.courses.events import CurriculumChanged
from plugins.courses.permissions import EDIT
from plugins.courses.queries.courses import course_details
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.courses import CourseDetails
from plugins.courses.tables import Course, CourseMaterial, CourseSection, CourseVideo

_COURSE_COLUMNS = (
    "title",
    "short_description",
    "description",
    "cover_file_id",
    "category_id",
    "level",
    "language",
    "price",
    "is_free",
    "requires_code",
    "max_students",
)
_SECTION_COLUMNS = ("title", "description", "sort_order", "is_published")
_VIDEO_COLUMNS = (
    "title",
    "description",
    "video_type",
    "file_id",
    "youtube_id",
    "video_url",
    "duration_seconds",
    "thumbnail_url",
    "sort_order",
    "is_preview",
    "requires_code",
    "is_published",
)
_MATERIAL_COLUMNS = (
    "title",
    "description",
    "file_id",
    "external_url",
    "file_type",
    "file_size",
    "is_downloadable",
    "sort_order",
)
_COURSE = bindparam("course", type_=Uuid)
_COPY = bindparam("copy", type_=Uuid)
_TITLE = select(Course.title).where(Course.id == _COURSE, owned())
_COPY_COURSE = (
    insert(Course)
    .from_select(
        ["id", "slug", "instructor_id", *_COURSE_COLUMNS],
        select(
            _COPY,
            bindparam("slug", type_=Course.__table__.c.slug.type),
            bindparam("instructor", type_=Uuid),
            *[Course.__table__.c[name] for name in _COURSE_COLUMNS],
        ).where(Course.id == _COURSE),
        include_defaults=False,
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "slug"])
    .returning(Course.id)
)
# All parts by one statement: what is moved or removed meanwhile is copied as it stood, or not at all.
_PARTS: CompoundSelect[Any] = union_all(
    select(literal("section").label("kind"), CourseSection.id, null().label("section_id")).where(
        CourseSection.course_id == _COURSE
    ),
    select(literal("video"), CourseVideo.id, CourseVideo.section_id)
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .where(CourseSection.course_id == _COURSE),
    select(literal("material"), CourseMaterial.id, CourseMaterial.section_id).where(
        CourseMaterial.course_id == _COURSE
    ),
)
_copied = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("copies", type_=ARRAY(Uuid)),
        bindparam("sections", type_=ARRAY(Uuid)),
    )
    .table_valued(column("id", Uuid), column("copy", Uuid), column("section", Uuid), name="copied")
    .render_derived()
)


def _copy(table: Any, names: tuple[str, ...], **places: Any) -> Insert:
    """Return the statement that copies rows of a table to new places."""
    columns = [table.__table__.c[name] for name in names]
    rows = select(_copied.c.copy, *places.values(), *columns).join(_copied, _copied.c.id == table.id)
    return insert(table).from_select(["id", *places, *names], rows, include_defaults=False)


_COPY_SECTIONS = _copy(CourseSection, _SECTION_COLUMNS, course_id=_COPY)
_COPY_VIDEOS = _copy(CourseVideo, _VIDEO_COLUMNS, section_id=_copied.c.section)
_COPY_MATERIALS = _copy(CourseMaterial, _MATERIAL_COLUMNS, course_id=_COPY, section_id=_copied.c.section)


class Part(Struct, frozen=True):
    """A section, or what stands in one; a material may stand in none."""

    kind: Literal["section", "video", "material"]
    id: UUID
    section_id: UUID | None


async def duplicate_course(db: Db, actor: Actor, course_id: UUID) -> CourseDetails:
    """Make a draft of the actor's that has all that a course of theirs has, but for its students.

    Needs: courses.course.create, courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        CourseNotFound: It is not there, or not the actor's.
    """
    title = await db.value(_TITLE, course=course_id, owner=actor.limited_to(EDIT))
    if title is None:
        raise CourseNotFound
    copy = new_id()

    async def put(slug: str) -> bool:
        return await db.value(_COPY_COURSE, course=course_id, copy=copy, slug=slug, instructor=actor.id) is not None

    await take_slug(db, title, COURSE_NUMBER, put)
    await _copy_parts(db, course_id, copy)
    await publish(db, CurriculumChanged(course_id=copy))
    return await course_details(db, actor, copy)


async def _copy_parts(db: Db, course_id: UUID, copy: UUID) -> None:
    parts = await db.rows(Part, _PARTS, course=course_id)
    # Ids rise with time: made in the order of the old ones, they keep it where the sort_order is the same.
    copies = {part.id: new_id() for part in sorted(parts, key=lambda part: part.id)}

    def which(kind: str) -> dict[str, Any]:
        of_kind = [part for part in parts if part.kind == kind]
        return {
            "ids": [part.id for part in of_kind],
            "copies": [copies[part.id] for part in of_kind],
            "sections": [part.section_id and copies[part.section_id] for part in of_kind],
        }

    await db.run(_COPY_SECTIONS, copy=copy, **which("section"))
    await db.run(_COPY_VIDEOS, **which("video"))
    await db.run(_COPY_MATERIALS, copy=copy, **which("material"))
