"""What makes, changes and deletes courses; their states change in `publishing`."""

from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs
from sqlalchemy import Update, Uuid, bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.constraints import constraint_errors
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses import rules
from plugins.courses.actions.slugs import COURSE_NUMBER, take_slug
from plugins.courses.errors import (
    CategoryNotFound,
    CourseHasEnrollments,
    CourseNotFound,
    SlugTaken,
)
from plugins.courses.events import CourseDeleted
from plugins.courses.permissions import CREATE, DELETE, EDIT
from plugins.courses.queries.courses import course_details
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.courses import CourseDetails, CreateCourseRequest, UpdateCourseRequest
from plugins.courses.tables import Course
from plugins.media import api as media

_COLUMNS = (
    "title",
    "short_description",
    "description",
    "cover_file_id",
    "category_id",
    "level",
    "language",
    "is_free",
    "requires_code",
    "max_students",
)
_INSERT = (
    insert(Course)
    .values(
        id=bindparam("id"),
        slug=bindparam("slug"),
        instructor_id=bindparam("instructor_id"),
        price=bindparam("price"),
        **{name: bindparam(name) for name in _COLUMNS},
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "slug"])
    .returning(Course.id)
)
_IS_IT = (Course.id == bindparam("course", type_=Uuid), owned())
_DELETE = delete(Course).where(*_IS_IT).returning(Course.instructor_id)


@cache
def _update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(Course).where(*_IS_IT).values(values)


async def create_course(db: Db, actor: Actor, order: CreateCourseRequest) -> CourseDetails:
    """Make a draft that belongs to the actor.

    Needs: courses.course.create

    Raises:
        SlugTaken: Another course has the slug that was asked for.
        CategoryNotFound: The category is not there.
        FileNotFound: The cover is no picture, or somebody else's.
    """
    await _check_cover(db, order.cover_file_id, actor.limited_to(CREATE))
    course_id = new_id()
    values: dict[str, Any] = {
        "id": course_id,
        "instructor_id": actor.id,
        "price": Decimal(order.price),
        **{name: getattr(order, name) for name in _COLUMNS},
    }

    async def put(slug: str) -> bool:
        return await db.value(_INSERT, slug=slug, **values) is not None

    with constraint_errors(fk_courses_tenant_id_category_id=CategoryNotFound):
        if order.slug is None:
            await take_slug(db, order.title, COURSE_NUMBER, put)
        elif not await put(rules.slug_of(order.slug)):
            raise SlugTaken(errors=[FieldError("slug", SlugTaken.title)])
    return await course_details(db, actor, course_id)


async def update_course(db: Db, actor: Actor, course_id: UUID, order: UpdateCourseRequest) -> CourseDetails:
    """Change a course.

    Needs: courses.course.edit

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        SlugTaken: Another course has the new slug.
        CategoryNotFound: The new category is not there.
        FileNotFound: The new cover is no picture, or somebody else's.
    """
    owner = actor.limited_to(EDIT)
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    await _check_cover(db, changes.get("cover_file_id"), owner)
    if "slug" in changes:
        changes["slug"] = rules.slug_of(changes["slug"])
    if "price" in changes:
        changes["price"] = Decimal(changes["price"])
    with constraint_errors(fk_courses_tenant_id_category_id=CategoryNotFound, uq_courses_tenant_id_slug=SlugTaken):
        if changes and not await db.run(_update(frozenset(changes)), course=course_id, owner=owner, **changes):
            raise CourseNotFound
    return await course_details(db, actor, course_id)


async def delete_course(db: Db, actor: Actor, course_id: UUID) -> None:
    """Remove a course in which nobody has ever enrolled, with all that is in it.

    Needs: courses.course.delete
    Emits: courses.course.deleted

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        CourseHasEnrollments: Somebody is or was enrolled.
    """
    owner = actor.limited_to(DELETE)
    with constraint_errors(fk_course_enrollments_tenant_id_course_id=CourseHasEnrollments):
        instructor_id = await db.value(_DELETE, course=course_id, owner=owner)
    if instructor_id is None:
        raise CourseNotFound
    await publish(db, CourseDeleted(course_id=course_id, instructor_id=instructor_id))


async def _check_cover(db: Db, file_id: UUID | None, owner: UUID | None) -> None:
    if file_id is not None:
        await media.file_to_use(db, file_id, owner_id=owner, kind="image")
