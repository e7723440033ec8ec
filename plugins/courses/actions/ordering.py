"""What puts sections and videos into another order, all of a course at once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Integer, Uuid, bindparam, column, func, select, update

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from plugins.courses.errors import CourseNotFound, OrderStale
from plugins.courses.events import CurriculumChanged
from plugins.courses.permissions import EDIT
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.curriculum import CurriculumOrder
from plugins.courses.tables import Course, CourseSection, CourseVideo

_COURSE = bindparam("course", type_=Uuid)
_LOCK = select(Course.id).where(Course.id == _COURSE, owned()).with_for_update()
_SECTIONS = select(CourseSection.id).where(CourseSection.course_id == _COURSE)
_VIDEOS = (
    select(CourseVideo.id, CourseVideo.section_id)
    .join(CourseSection, CourseSection.id == CourseVideo.section_id)
    .where(CourseSection.course_id == _COURSE)
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
_PLACE_VIDEOS = (
    update(CourseVideo)
    .where(
        CourseVideo.id == _placed.c.id,
        (CourseVideo.sort_order != _placed.c.place) | (CourseVideo.section_id != _placed.c.section),
    )
    .values(sort_order=_placed.c.place, section_id=_placed.c.section)
)


class PlacedVideo(Struct, frozen=True):
    """A video and where it stands."""

    id: UUID
    section_id: UUID


async def order_curriculum(db: Db, actor: Actor, course_id: UUID, order: CurriculumOrder) -> None:
    """Put every section and video of a course where the order says.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        OrderStale: The order names other sections or videos than the course has now.
    """
    if await db.value(_LOCK, course=course_id, owner=actor.limited_to(EDIT)) is None:
        raise CourseNotFound
    sections = [section.id for section in order.sections]
    videos = [(video, section.id) for section in order.sections for video in section.videos]
    present = await db.rows(PlacedVideo, _VIDEOS, course=course_id)
    problems = [
        *_differences("section", sections, await db.values(_SECTIONS, course=course_id)),
        *_differences("video", [video for video, _ in videos], [video.id for video in present]),
    ]
    if problems:
        raise OrderStale(errors=problems)
    places = [place for section in order.sections for place in range(len(section.videos))]
    await db.run(_PLACE_SECTIONS, ids=sections, sections=sections, places=list(range(len(sections))))
    await db.run(
        _PLACE_VIDEOS, ids=[video for video, _ in videos], sections=[section for _, section in videos], places=places
    )
    if {(video.id, video.section_id) for video in present} != set(videos):
        # A section that students do not see may have gained or lost a video.
        await publish(db, CurriculumChanged(course_id=course_id))


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
