"""What changes sections."""

from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs
from sqlalchemy import Integer, Update, Uuid, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses.errors import CourseNotFound, SectionNotFound
from plugins.courses.events import CurriculumChanged
from plugins.courses.permissions import EDIT
from plugins.courses.queries.curriculum import section_details
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.curriculum import CreateSectionRequest, SectionDetails, UpdateSectionRequest
from plugins.courses.tables import Course, CourseSection

_COLUMNS = ("title", "description", "is_published")
_LAST = (
    select(func.coalesce(func.max(CourseSection.sort_order) + 1, 0))
    .where(CourseSection.course_id == Course.id)
    .scalar_subquery()
)
_ADD = (
    insert(CourseSection)
    .from_select(
        ["id", "course_id", "sort_order", *_COLUMNS],
        select(
            bindparam("id", type_=Uuid),
            Course.id,
            func.coalesce(bindparam("sort_order", type_=Integer), _LAST),
            *[bindparam(name, type_=CourseSection.__table__.c[name].type) for name in _COLUMNS],
        ).where(Course.id == bindparam("course", type_=Uuid), owned()),
        include_defaults=False,
    )
    .returning(CourseSection.id)
)
_IS_OWN = (
    CourseSection.id == bindparam("section", type_=Uuid),
    exists().where(Course.id == CourseSection.course_id, owned()),
)
_DELETE = delete(CourseSection).where(*_IS_OWN).returning(CourseSection.course_id)


@cache
def _update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(CourseSection).where(*_IS_OWN).values(values)


async def add_section(db: Db, actor: Actor, course_id: UUID, order: CreateSectionRequest) -> SectionDetails:
    """Add a section to a course.

    Needs: courses.course.edit

    Raises:
        CourseNotFound: It is not there, or not the actor's.
    """
    section_id = new_id()
    values = {name: getattr(order, name) for name in (*_COLUMNS, "sort_order")}
    added = await db.value(_ADD, id=section_id, course=course_id, owner=actor.limited_to(EDIT), **values)
    if added is None:
        raise CourseNotFound
    return await section_details(db, actor, section_id)


async def update_section(db: Db, actor: Actor, section_id: UUID, order: UpdateSectionRequest) -> SectionDetails:
    """Change a section.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        SectionNotFound: It is not there, or not the actor's.
    """
    owner = actor.limited_to(EDIT)
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    if changes and not await db.run(_update(frozenset(changes)), section=section_id, owner=owner, **changes):
        raise SectionNotFound
    details = await section_details(db, actor, section_id)
    if "is_published" in changes:
        await publish(db, CurriculumChanged(course_id=details.course_id))
    return details


async def delete_section(db: Db, actor: Actor, section_id: UUID) -> None:
    """Remove a section with its videos, what was watched of them, and its materials.

    Needs: courses.course.edit
    Emits: courses.curriculum.changed

    Raises:
        SectionNotFound: It is not there, or not the actor's.
    """
    course_id = await db.value(_DELETE, section=section_id, owner=actor.limited_to(EDIT))
    if course_id is None:
        raise SectionNotFound
    await publish(db, CurriculumChanged(course_id=course_id))
