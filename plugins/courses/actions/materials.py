"""What changes materials, and what hands out their addresses and counts who asked for one."""

from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import Integer, Update, Uuid, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from kernel.ids import new_id
from kernel.storage import INLINE_TYPES
from plugins.courses import rules
from plugins.courses.errors import CourseNotFound, MaterialNotFound, MaterialNotShowable, NotEnrolled, SectionNotFound
from plugins.courses.events import MaterialAdded
from plugins.courses.permissions import EDIT, WATCH
from plugins.courses.queries.materials import material_details, material_row
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.materials import (
    CreateMaterialRequest,
    MaterialAddress,
    MaterialDetails,
    UpdateMaterialRequest,
)
from plugins.courses.tables import Course, CourseMaterial, CourseSection, MaterialDownload
from plugins.media import api as media

_COLUMNS = (
    "title",
    "section_id",
    "description",
    "file_id",
    "external_url",
    "file_type",
    "file_size",
    "is_downloadable",
)
_SECTION = bindparam("section_id", type_=Uuid)
_OWN_COURSE = select(Course.id).where(Course.id == bindparam("course", type_=Uuid), owned())
_LAST = (
    select(func.coalesce(func.max(CourseMaterial.sort_order) + 1, 0))
    .where(CourseMaterial.course_id == Course.id, CourseMaterial.section_id.is_not_distinct_from(_SECTION))
    .scalar_subquery()
)
_ADD = (
    insert(CourseMaterial)
    .from_select(
        ["id", "course_id", "sort_order", *_COLUMNS],
        select(
            bindparam("id", type_=Uuid),
            Course.id,
            func.coalesce(bindparam("sort_order", type_=Integer), _LAST),
            *[bindparam(name, type_=CourseMaterial.__table__.c[name].type) for name in _COLUMNS],
        ).where(
            Course.id == bindparam("course", type_=Uuid),
            owned(),
            # A section of another course would show the material to that course's students.
            or_(
                _SECTION.is_(None),
                exists().where(CourseSection.id == _SECTION, CourseSection.course_id == Course.id),
            ),
        ),
        include_defaults=False,
    )
    .returning(CourseMaterial.id)
)
_IS_IT = CourseMaterial.id == bindparam("material", type_=Uuid)
_IS_OWN = (_IS_IT, exists().where(Course.id == CourseMaterial.course_id, owned()))
_PRESENT = (
    select(CourseMaterial.course_id, CourseMaterial.file_type, CourseMaterial.is_downloadable)
    .where(*_IS_OWN)
    .with_for_update(of=CourseMaterial.__table__)
)
_SECTION_OF_COURSE = select(CourseSection.id).where(
    CourseSection.id == bindparam("section"), CourseSection.course_id == bindparam("course")
)
_DELETE = delete(CourseMaterial).where(*_IS_OWN)
_COUNT = (
    insert(MaterialDownload)
    .values(id=bindparam("id"), material_id=bindparam("material"), user_id=bindparam("user"))
    .on_conflict_do_nothing(index_elements=["tenant_id", "user_id", "material_id"])
)


class PresentMaterial(Struct, frozen=True):
    """A material before it changes."""

    course_id: UUID
    file_type: str | None
    is_downloadable: bool


@cache
def _update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(CourseMaterial).where(_IS_IT).values(values)


async def add_material(db: Db, actor: Actor, order: CreateMaterialRequest) -> MaterialDetails:
    """Add a material to a course or to one of its sections.

    Needs: courses.course.edit
    Emits: courses.material.added

    Raises:
        CourseNotFound: It is not there, or not the actor's.
        SectionNotFound: The course has no such section.
        SourceInvalid: It has no source, or two.
        FileNotFound: There is no such file, or it is somebody else's.
        MaterialNotShowable: It shall not be downloaded, and no browser shows it.
    """
    rules.check_material_source(file_id=order.file_id, external_url=order.external_url)
    owner = actor.limited_to(EDIT)
    if await db.value(_OWN_COURSE, course=order.course_id, owner=owner) is None:
        raise CourseNotFound
    values = structs.asdict(order) | await _file(db, order.file_id, owner)
    check_showable(values["file_type"], is_downloadable=order.is_downloadable)
    material_id = new_id()
    course_id = values.pop("course_id")
    if await db.value(_ADD, id=material_id, course=course_id, owner=owner, **values) is None:
        raise SectionNotFound
    await publish(db, MaterialAdded(material_id=material_id, course_id=course_id))
    return await material_details(db, actor, material_id)


async def update_material(db: Db, actor: Actor, material_id: UUID, order: UpdateMaterialRequest) -> MaterialDetails:
    """Change a material; a new source takes the other one away.

    Needs: courses.course.edit

    Raises:
        MaterialNotFound: It is not there, or not the actor's.
        SectionNotFound: The course has no such section.
        SourceInvalid: It would have two sources.
        FileNotFound: There is no such file, or it is somebody else's.
        MaterialNotShowable: It shall not be downloaded, and no browser shows it.
    """
    owner = actor.limited_to(EDIT)
    present = await db.row(PresentMaterial, _PRESENT, material=material_id, owner=owner)
    if present is None:
        raise MaterialNotFound
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    if changes.keys() & {"file_id", "external_url"}:
        source = {"file_id": changes.get("file_id"), "external_url": changes.get("external_url")}
        rules.check_material_source(**source)
        changes |= source | await _file(db, source["file_id"], owner)
    if changes.get("section_id") is not None and not await db.value(
        _SECTION_OF_COURSE, section=changes["section_id"], course=present.course_id
    ):
        raise SectionNotFound
    now = structs.asdict(present) | changes
    check_showable(now["file_type"], is_downloadable=now["is_downloadable"])
    if changes:
        await db.run(_update(frozenset(changes)), material=material_id, **changes)
    return await material_details(db, actor, material_id)


async def delete_material(db: Db, actor: Actor, material_id: UUID) -> None:
    """Remove a material; its file stays.

    Needs: courses.course.edit

    Raises:
        MaterialNotFound: It is not there, or not the actor's.
    """
    if not await db.run(_DELETE, material=material_id, owner=actor.limited_to(EDIT)):
        raise MaterialNotFound


async def open_material(db: Db, actor: Actor, material_id: UUID) -> MaterialAddress:
    """Return an address of a material, and count whoever asks for the first time.

    One of ours works for the actor's session alone. What is not to be downloaded is shown in place: whoever sees it has
    its bytes, but a browser offers no file.

    Needs: courses.video.watch

    Raises:
        MaterialNotFound: There is none, or not for this person.
        NotEnrolled: The actor is not enrolled in the course.
    """
    row = await material_row(db, actor, material_id, WATCH)
    if not row.is_open:
        raise NotEnrolled
    await db.run(_COUNT, id=new_id(), material=material_id, user=actor.id)
    if row.file_id is None:
        return MaterialAddress(row.external_url or "", None)
    file = await media.file_by_id(db, row.file_id)
    signed = media.signed_url(db, actor, file, disposition="attachment" if row.is_downloadable else "inline")
    return MaterialAddress(signed.url, signed.expires_at)


async def _file(db: Db, file_id: UUID | None, owner: UUID | None) -> dict[str, Any]:
    """Return what a material keeps of its file, whose bytes never change."""
    if file_id is None:
        return {"file_type": None, "file_size": None}
    file = await media.file_to_use(db, file_id, owner_id=owner)
    return {"file_type": file.content_type, "file_size": file.size}


def check_showable(file_type: str | None, *, is_downloadable: bool) -> None:
    """Refuse a file that shall not be downloaded although no browser shows it.

    Raises:
        MaterialNotShowable: It is one.
    """
    if not is_downloadable and file_type is not None and file_type not in INLINE_TYPES:
        message = f"No browser shows a file of the type {file_type} in place, so it must be downloadable."
        raise MaterialNotShowable(errors=[FieldError("is_downloadable", message)])
