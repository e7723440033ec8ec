"""How a row of a course becomes a card: the columns, and the people and category beside it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from plugins.auth.api import UserRef
from plugins.courses.schemas.courses import CategoryRef, CourseCard
from plugins.courses.schemas.texts import CourseStatus, Level
from plugins.courses.tables import Course, CourseCategory

CARD_COLUMNS = (
    Course.id,
    Course.title,
    Course.slug,
    Course.short_description,
    Course.thumbnail_url,
    Course.category_id,
    CourseCategory.name.label("category_name"),
    CourseCategory.slug.label("category_slug"),
    Course.instructor_id,
    Course.level,
    Course.language,
    Course.price,
    Course.is_free,
    Course.requires_code,
    Course.rating,
    Course.rating_count,
    Course.total_enrolled,
    Course.duration_hours,
    Course.status,
    Course.published_at,
)
CARD_FROM = Course.__table__.outerjoin(CourseCategory.__table__, CourseCategory.id == Course.category_id)


class CardRow(Struct, frozen=True):
    """The selected columns of a card."""

    id: UUID
    title: str
    slug: str
    short_description: str | None
    thumbnail_url: str | None
    category_id: UUID | None
    category_name: str
    category_slug: str
    instructor_id: UUID
    level: Level
    language: str
    price: Decimal
    is_free: bool
    requires_code: bool
    rating: float
    rating_count: int
    total_enrolled: int
    duration_hours: float
    status: CourseStatus
    published_at: datetime | None


def category_of(row: CardRow) -> CategoryRef | None:
    """Return the category of a row, if it has one."""
    if row.category_id is None:
        return None
    return CategoryRef(row.category_id, row.category_name, row.category_slug)


def card(row: CardRow, people: Mapping[UUID, UserRef], currency: str) -> CourseCard:
    """Return a row as a card."""
    return CourseCard(
        id=row.id,
        title=row.title,
        slug=row.slug,
        short_description=row.short_description,
        thumbnail_url=row.thumbnail_url,
        category=category_of(row),
        instructor=people.get(row.instructor_id),
        level=row.level,
        language=row.language,
        price=row.price,
        currency=currency,
        is_free=row.is_free,
        requires_code=row.requires_code,
        rating=row.rating,
        rating_count=row.rating_count,
        total_enrolled=row.total_enrolled,
        duration_hours=row.duration_hours,
        status=row.status,
        published_at=row.published_at,
    )
