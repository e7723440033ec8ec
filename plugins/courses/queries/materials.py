"""Reads of materials: who sees them, and who may open them.

Whoever sees a course sees what materials it has; those who are enrolled, its owner and administrators open them.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Executable, Integer, Select, Uuid, and_, bindparam, case, func, or_, select

from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.routing import Page, rows_for
from plugins.courses.errors import MaterialNotFound, SectionNotFound
from plugins.courses.permissions import VIEW
from plugins.courses.queries.courses import OWN_ENROLLMENT, standing
from plugins.courses.queries.viewing import HOLDS_PLACE, IS_MANAGED, IS_VISIBLE, check_may_browse, viewer_of
from plugins.courses.schemas.materials import MaterialDetails
from plugins.courses.tables import Course, CourseEnrollment, CourseMaterial, CourseSection, MaterialDownload

_IS_ENROLLED = func.coalesce(HOLDS_PLACE, False)
_DOWNLOADS = (
    select(func.count())
    .select_from(MaterialDownload)
    .where(MaterialDownload.material_id == CourseMaterial.id)
    .scalar_subquery()
)
_FROM = (
    CourseMaterial.__table__.join(Course.__table__, Course.id == CourseMaterial.course_id)
    .outerjoin(CourseSection.__table__, CourseSection.id == CourseMaterial.section_id)
    .outerjoin(CourseEnrollment.__table__, OWN_ENROLLMENT)
)
_COLUMNS = (
    CourseMaterial.id,
    CourseMaterial.course_id,
    CourseMaterial.section_id,
    CourseMaterial.title,
    CourseMaterial.description,
    CourseMaterial.file_id,
    CourseMaterial.external_url,
    CourseMaterial.file_type,
    CourseMaterial.file_size,
    CourseMaterial.is_downloadable,
    CourseMaterial.sort_order,
    CourseMaterial.created_at,
    or_(IS_MANAGED, _IS_ENROLLED).label("is_open"),
    # Counted for nobody else: PostgreSQL does not even look.
    case((IS_MANAGED, _DOWNLOADS)).label("download_count"),
)
_SHOWN = and_(IS_VISIBLE, or_(CourseMaterial.section_id.is_(None), CourseSection.is_published, IS_MANAGED))
_FILTERS = {
    "course": CourseMaterial.course_id == bindparam("course", type_=Uuid),
    "section": CourseMaterial.section_id == bindparam("section", type_=Uuid),
    "open": or_(IS_MANAGED, _IS_ENROLLED),
    "in_a_section": CourseMaterial.section_id.is_not(None),
    "in_no_section": CourseMaterial.section_id.is_(None),
}
_MATERIAL = select(*_COLUMNS).select_from(_FROM).where(CourseMaterial.id == bindparam("material"), _SHOWN)
_COURSE_OF_SECTION = select(CourseSection.course_id).where(CourseSection.id == bindparam("section"))


@cache
def _all(filters: frozenset[str]) -> Select[Any]:
    """Return the statement of all materials that somebody sees, in their order; the course's own come first."""
    return (
        select(*_COLUMNS)
        .select_from(_FROM)
        .where(_SHOWN, *[_FILTERS[name] for name in sorted(filters)])
        .order_by(
            CourseMaterial.course_id,
            CourseSection.sort_order.nulls_first(),
            CourseSection.id,
            CourseMaterial.sort_order,
            CourseMaterial.id,
        )
    )


@cache
def _page(filters: frozenset[str]) -> Executable:
    return _all(filters).limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))


@cache
def _count(filters: frozenset[str]) -> Executable:
    conditions = [_FILTERS[name] for name in sorted(filters)]
    return select(func.count()).select_from(_FROM).where(_SHOWN, *conditions)


class MaterialRow(Struct, frozen=True):
    """The selected columns of a material."""

    id: UUID
    course_id: UUID
    section_id: UUID | None
    title: str
    description: str | None
    file_id: UUID | None
    external_url: str | None
    file_type: str | None
    file_size: int | None
    is_downloadable: bool
    sort_order: int
    created_at: datetime
    is_open: bool
    download_count: int | None


async def material_page(
    db: Db, actor: Actor, *, course_id: UUID | None, section_id: UUID | None, limit: int, offset: int
) -> Page[MaterialDetails]:
    """Return the materials of a course, of a section, or of all courses whose materials the actor may open.

    Raises:
        CourseNotFound: There is none, or not for this person.
        SectionNotFound: There is none, or it belongs to another course.
    """
    check_may_browse(db, actor)
    if section_id is not None:
        course_of_section = await db.value(_COURSE_OF_SECTION, section=section_id)
        if course_of_section is None or course_id not in (None, course_of_section):
            raise SectionNotFound
        course_id = course_of_section
    which: dict[str, Any] = {"course": course_id, "section": section_id}
    which = {name: value for name, value in which.items() if value is not None}
    if course_id is not None:
        await standing(db, actor, course_id)
    filters = frozenset(which) or frozenset({"open"})
    values = {**which, **viewer_of(actor).parameters}
    rows = await db.rows(MaterialRow, _page(filters), limit=rows_for(limit), offset=offset, **values)
    total = await db.value(_count(filters), **values)
    return Page([shown_material(row) for row in rows], total, rows_for(limit), offset)


async def materials_by_section(
    db: Db, actor: Actor, course_id: UUID, section_id: UUID | None = None
) -> dict[UUID, Sequence[MaterialDetails]]:
    """Return the materials of a course's sections, or of one of them, as somebody sees them who sees the course."""
    which = {"course": course_id} if section_id is None else {"course": course_id, "section": section_id}
    filters = frozenset({*which, "in_a_section"})
    materials: dict[UUID, list[MaterialDetails]] = {}
    for row in await db.rows(MaterialRow, _all(filters), **which, **viewer_of(actor).parameters):
        if row.section_id is not None:
            materials.setdefault(row.section_id, []).append(shown_material(row))
    return dict(materials)


async def materials_of_course(db: Db, actor: Actor, course_id: UUID) -> list[MaterialDetails]:
    """Return the materials that belong to a course as a whole, as somebody sees them who sees the course."""
    filters = frozenset({"course", "in_no_section"})
    rows = await db.rows(MaterialRow, _all(filters), course=course_id, **viewer_of(actor).parameters)
    return [shown_material(row) for row in rows]


async def material_row(db: Db, actor: Actor, material_id: UUID, permission: Permission = VIEW) -> MaterialRow:
    """Return a material that somebody can see, with whether they may open it.

    Args:
        db: The transaction.
        actor: Who asks.
        material_id: Which one.
        permission: What the actor wants to do; its scope says whose courses are in their care.

    Raises:
        MaterialNotFound: There is none, or not for this person.
    """
    check_may_browse(db, actor)
    row = await db.row(MaterialRow, _MATERIAL, material=material_id, **viewer_of(actor, permission).parameters)
    if row is None:
        raise MaterialNotFound
    return row


async def material_details(db: Db, actor: Actor, material_id: UUID) -> MaterialDetails:
    """Return a material as somebody sees it.

    Raises:
        MaterialNotFound: There is none, or not for this person.
    """
    return shown_material(await material_row(db, actor, material_id))


def shown_material(row: MaterialRow) -> MaterialDetails:
    """Return as much of a material as whoever it was read for may see."""
    return MaterialDetails(
        id=row.id,
        course_id=row.course_id,
        section_id=row.section_id,
        title=row.title,
        description=row.description,
        file_id=row.file_id if row.is_open else None,
        external_url=row.external_url if row.is_open else None,
        file_type=row.file_type,
        file_size=row.file_size,
        is_downloadable=row.is_downloadable,
        sort_order=row.sort_order,
        created_at=row.created_at,
        is_locked=not row.is_open,
        download_count=row.download_count,
    )
