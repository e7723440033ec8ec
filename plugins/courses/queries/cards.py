"""How a row of a course becomes a card: the columns, and the people and category beside it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from plugins.auth.api import UserRef
from plugins.courses.queries.covers import COVER_URL
from plugins.courses.schemas.courses import CategoryRef, CourseCard
from plugins.courses.schemas.texts import CourseStatus, Level
from plugins.courses.tables import Course, CourseCategory

CARD_COLUMNS = (
    Course.id,
    Course.title,
    Course.slug,
    Course.short_description,
    COVER_URL,
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
    Course.featured_at.is_not(None).label("is_featured"),
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
    is_featured: bool


def card(row: CardRow, people: Mapping[UUID, UserRef], currency: str) -> CourseCard:
    """Return a row as a card."""
    # By position: by name it would take three times as long, and a list makes many.
    return CourseCard(
        row.id,
        row.title,
        row.slug,
        row.short_description,
        row.thumbnail_url,
        CategoryRef(row.category_id, row.category_name, row.category_slug) if row.category_id else None,
        people.get(row.instructor_id),
        row.level,
        row.language,
        row.price,
        currency,
        row.is_free,
        row.requires_code,
        row.rating,
        row.rating_count,
        row.total_enrolled,
        row.duration_hours,
        row.status,
        row.published_at,
        row.is_featured,
    )
