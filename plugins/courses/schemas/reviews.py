"""What students say of courses, in requests and answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body, Page
from plugins.auth.api import UserRef

Rating = Annotated[int, Meta(ge=1, le=5)]
Comment = Annotated[str, Meta(min_length=1, max_length=5000, pattern=r"\S")]


class CreateReviewRequest(Body, frozen=True):
    """One to five stars, and why."""

    rating: Rating
    comment: Comment | None = None


class UpdateReviewRequest(Body, frozen=True):
    """What may change about one's own review; an absent field stays as it is."""

    rating: Rating | UnsetType = UNSET
    comment: Comment | None | UnsetType = UNSET


class ReplyRequest(Body, frozen=True):
    """What the instructor answers."""

    text: Comment


class CourseReview(Struct, frozen=True, kw_only=True):
    """A review as everyone sees it who sees the course."""

    id: UUID
    course_id: UUID
    user: UserRef | None
    rating: int
    comment: str | None
    reply: str | None
    replied_at: datetime | None
    created_at: datetime
    updated_at: datetime
    is_own: bool


class RatingCount(Struct, frozen=True):
    """How many reviews of a course have so many stars."""

    rating: int
    count: int


class ReviewPage(Page[CourseReview], frozen=True):
    """One page of reviews; `ratings` counts all of the course, five stars first."""

    ratings: Sequence[RatingCount]
