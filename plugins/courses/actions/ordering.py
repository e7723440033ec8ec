"""What puts sections, videos and materials into another order, all of a course at once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Integer, Update, Uuid, bindparam, column, func, select, update

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from plugins.courses.errors import CourseNotFound, OrderStale
from plugins.courses.events import CurriculumChanged
from plugins.courses.permissions import EDIT
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.curriculum import CurriculumOrder
from plugins.courses.tables import Course, CourseMaterial, CourseSection, CourseVideo

_COURSE = bindparam("course", type_=Uuid)
_LOCK = select(Course.id).where(Course.id == _COURSE, owned()).with_for_update()
_SECTIONS = select(CourseSection.id).where(CourseSection.course_id == _COURSE)
_VIDEOS = (
    select(CourseVideo.id, CourseVideo.section_id)
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .where(CourseSection.course_id == _COURSE)
)
# A material that stands in no section has no place among them.
_MATERIALS = select(CourseMaterial.id, CourseMaterial.section_id).where(
    CourseMaterial.course_id == _COURSE, CourseMaterial.section_id.is_not(None)
)
_placed = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("sections", type_=ARRAY(Uuid)),
        bindparam("places", type_=ARRAY(Integer)),
    )
    .table_valued(column("id", Uuid), column("section", Uuid), column("place", Integer), name="placed")
    .render_derived()
)
_PLACE_SECTIONS = (
    update(CourseSection)
    .where(CourseSection.id == _placed.c.id, CourseSection.sort_order != _placed.c.place)
    .values(sort_order=_placed.c.place)
)


def _place(table: type[CourseVideo] | type[CourseMaterial]) -> Update:
    """Return the statement that puts what stands in sections where it shall be."""
    moves = (table.sort_order != _placed.c.place) | (table.section_id != _placed.c.section)
    return (
        update(table)
        .where(table.id == _placed.c.id, moves)
        .values(sort_order=_placed.c.place, section_id=_placed.c.section)
    )


_PLACE_VIDEOS = _place(CourseVideo)
_PLACE_MATERIALS = _place(CourseMaterial)


class Placed(Struct, frozen=True):
    """A video or a material, and the section in which it stands."""

    id: UUID
    section_id: UUID


async def order_curriculum(db: Db, actor: Actor, course_id: UUID, order: CurriculumOrder) -> None:
    """Put every section and video of a course where the order says, and every material if it names any.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        OrderStale: The order names other sections, videos or materials than the course has now.
    """
    if await db.value(_LOCK, course=course_id, owner=actor.limited_to(EDIT)) is None:
        raise CourseNotFound
    sections = [section.id for section in order.sections]
    videos = _places([(section.id, section.videos) for section in order.sections])
    materials = _places([(section.id, section.materials or []) for section in order.sections])
    with_materials = any(section.materials is not None for section in order.sections)
    present = await db.rows(Placed, _VIDEOS, course=course_id)
    problems = [
        *_differences("section", sections, await db.values(_SECTIONS, course=course_id)),
        *_differences("video", videos["ids"], [video.id for video in present]),
    ]
    if with_materials:
        there = await db.rows(Placed, _MATERIALS, course=course_id)
        problems += _differences("material", materials["ids"], [material.id for material in there])
    if problems:
        raise OrderStale(errors=problems)
    await db.run(_PLACE_SECTIONS, ids=sections, sections=sections, places=list(range(len(sections))))
    await db.run(_PLACE_VIDEOS, **videos)
    if with_materials:
        await db.run(_PLACE_MATERIALS, **materials)
    if {(video.id, video.section_id) for video in present} != set(zip(videos["ids"], videos["sections"], strict=True)):
        # A section that students do not see may have gained or lost a video.
        await publish(db, CurriculumChanged(course_id=course_id))


def _places(contents: Sequence[tuple[UUID, Sequence[UUID]]]) -> dict[str, list[Any]]:
    """Return what stands in sections, where, and at which place, as parameters of a statement."""
    return {
        "ids": [each for _, inside in contents for each in inside],
        "sections": [section for section, inside in contents for _ in inside],
        "places": [place for _, inside in contents for place in range(len(inside))],
    }


def _differences(kind: str, named: Iterable[UUID], present: Iterable[UUID]) -> Iterator[FieldError]:
    """Yield what is named twice, not there, or not named."""
    counted, there = Counter(named), set(present)
    for each, count in counted.items():
        if each not in there:
            yield FieldError(f"{kind}:{each}", f"The course has no such {kind}.")
        elif count > 1:
            yield FieldError(f"{kind}:{each}", f"The order names this {kind} {count} times.")
    for each in sorted(there - counted.keys()):
        yield FieldError(f"{kind}:{each}", f"The order leaves this {kind} out.")
