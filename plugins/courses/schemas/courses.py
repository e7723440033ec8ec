"""Courses and categories in requests and answers."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from kernel.routing import Body
from plugins.auth.api import UserRef
from plugins.courses.schemas.reviewing import Verdict
from plugins.courses.schemas.texts import (
    CategoryName,
    CourseStatus,
    EnrollmentStatus,
    Icon,
    Language,
    Level,
    LongText,
    Places,
    Price,
    ShortText,
    Slug,
    SortOrder,
    Title,
)


class CreateCategoryRequest(Body, frozen=True, kw_only=True):
    """A new category; without a slug one is made from its name."""

    name: CategoryName
    slug: Slug | None = None
    description: LongText | None = None
    parent_id: UUID | None = None
    icon: Icon | None = None
    sort_order: SortOrder = 0
    is_active: bool = True


class UpdateCategoryRequest(Body, frozen=True, kw_only=True):
    """What may change about a category; an absent field stays as it is."""

    name: CategoryName | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: LongText | None | UnsetType = UNSET
    parent_id: UUID | None | UnsetType = UNSET
    icon: Icon | None | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class MoveCategoryRequest(Body, frozen=True, kw_only=True):
    """Where a category shall stand: below which one, or none; before which one, or last."""

    parent_id: UUID | None
    before_id: UUID | None = None


class Category(Struct, frozen=True):
    """A category."""

    id: UUID
    name: str
    slug: str
    description: str | None
    parent_id: UUID | None
    icon: str | None
    sort_order: int
    is_active: bool


class CategoryRef(Struct, frozen=True):
    """As much of a category as a card shows."""

    id: UUID
    name: str
    slug: str


class CreateCourseRequest(Body, frozen=True, kw_only=True):
    """A new course; without a slug one is made from its title. The price is a decimal such as `19.90`."""

    title: Title
    slug: Slug | None = None
    short_description: ShortText | None = None
    description: LongText | None = None
    cover_file_id: UUID | None = None
    category_id: UUID | None = None
    level: Level = "beginner"
    language: Language = "en"
    price: Price = "0"
    is_free: bool = False
    requires_code: bool = True
    max_students: Places | None = None


class UpdateCourseRequest(Body, frozen=True, kw_only=True):
    """What may change about a course; an absent field stays as it is."""

    title: Title | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    short_description: ShortText | None | UnsetType = UNSET
    description: LongText | None | UnsetType = UNSET
    cover_file_id: UUID | None | UnsetType = UNSET
    category_id: UUID | None | UnsetType = UNSET
    level: Level | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    is_free: bool | UnsetType = UNSET
    requires_code: bool | UnsetType = UNSET
    max_students: Places | None | UnsetType = UNSET


class CourseCard(Struct, frozen=True):
    """A course in a list; the price is a decimal written as a string."""

    id: UUID
    title: str
    slug: str
    short_description: str | None
    thumbnail_url: str | None
    category: CategoryRef | None
    instructor: UserRef | None
    level: Level
    language: str
    price: Decimal
    currency: str
    is_free: bool
    requires_code: bool
    rating: float
    rating_count: int
    total_enrolled: int
    duration_hours: float
    status: CourseStatus
    published_at: datetime | None
    is_featured: bool


class OwnEnrollment(Struct, frozen=True):
    """How whoever asks stands in a course."""

    id: UUID
    status: EnrollmentStatus
    progress: float


class CourseDetails(CourseCard, frozen=True):
    """A course on its own page; what a reviewer said is for those in whose care it is."""

    description: str | None
    max_students: int | None
    is_published: bool
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    verdict: Verdict | None
    enrollment: OwnEnrollment | None


class CourseRef(Struct, frozen=True):
    """A course as other plugins know it."""

    id: UUID
    title: str
    slug: str
    instructor_id: UUID
    status: CourseStatus
    requires_code: bool
    thumbnail_url: str | None


class CourseLink(Struct, frozen=True):
    """As much of a course as an enrolment shows."""

    id: UUID
    title: str
    slug: str
    thumbnail_url: str | None
    instructor: UserRef | None
