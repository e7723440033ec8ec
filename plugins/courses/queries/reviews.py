"""Reads of what students say of courses."""

from datetime import datetime
from functools import cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Executable, Integer, Uuid, bindparam, func, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import rows_for
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.courses.errors import ReviewNotFound
from plugins.courses.queries.courses import standing
from plugins.courses.schemas.reviews import CourseReview, RatingCount, ReviewPage
from plugins.courses.tables import CourseReview as ReviewTable

REVIEW_COLUMNS = (
    ReviewTable.id,
    ReviewTable.course_id,
    ReviewTable.user_id,
    ReviewTable.rating,
    ReviewTable.comment,
    ReviewTable.reply,
    ReviewTable.replied_at,
    ReviewTable.created_at,
    ReviewTable.updated_at,
)
_COURSE = bindparam("course", type_=Uuid)
_BY_ID = select(*REVIEW_COLUMNS).where(ReviewTable.id == bindparam("review", type_=Uuid))
_OWN = select(*REVIEW_COLUMNS).where(
    ReviewTable.course_id == _COURSE, ReviewTable.user_id == bindparam("viewer", type_=Uuid)
)
_RATINGS = (
    select(ReviewTable.rating, func.count().label("count"))
    .where(ReviewTable.course_id == _COURSE)
    .group_by(ReviewTable.rating)
    .order_by(ReviewTable.rating.desc())
)


class ReviewRow(Struct, frozen=True):
    """The selected columns of a review."""

    id: UUID
    course_id: UUID
    user_id: UUID
    rating: int
    comment: str | None
    reply: str | None
    replied_at: datetime | None
    created_at: datetime
    updated_at: datetime


@cache
def _page(*, by_rating: bool) -> Executable:
    page = select(*REVIEW_COLUMNS).where(ReviewTable.course_id == _COURSE)
    if by_rating:
        page = page.where(ReviewTable.rating == bindparam("rating", type_=Integer))
    newest = page.order_by(ReviewTable.id.desc())
    return newest.limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))


async def review_page(
    db: Db, actor: Actor, course_id: UUID, *, rating: int | None, limit: int, offset: int
) -> ReviewPage:
    """Return the reviews of a course that the actor can see, the newest first.

    Raises:
        CourseNotFound: There is none, or not for this person.
    """
    await standing(db, actor, course_id)
    wanted = {} if rating is None else {"rating": rating}
    page = _page(by_rating=rating is not None)
    rows = await db.rows(ReviewRow, page, course=course_id, limit=rows_for(limit), offset=offset, **wanted)
    ratings = await db.rows(RatingCount, _RATINGS, course=course_id)
    people = await auth.users_by_id(db, {row.user_id for row in rows})
    return ReviewPage(
        items=[_review(row, people.get(row.user_id), actor) for row in rows],
        total=sum(each.count for each in ratings if rating in (None, each.rating)),
        limit=rows_for(limit),
        offset=offset,
        ratings=ratings,
    )


async def own_review(db: Db, actor: Actor, course_id: UUID) -> CourseReview | None:
    """Return what the actor has said of a course; it carries no name."""
    row = await db.row(ReviewRow, _OWN, course=course_id, viewer=actor.id)
    return _review(row, None, actor) if row else None


async def review_by_id(db: Db, actor: Actor, review_id: UUID) -> CourseReview:
    """Return a review.

    Raises:
        ReviewNotFound: There is none.
    """
    row = await db.row(ReviewRow, _BY_ID, review=review_id)
    if row is None:
        raise ReviewNotFound
    people = await auth.users_by_id(db, {row.user_id})
    return _review(row, people.get(row.user_id), actor)


def _review(row: ReviewRow, user: UserRef | None, actor: Actor) -> CourseReview:
    return CourseReview(
        id=row.id,
        course_id=row.course_id,
        user=user,
        rating=row.rating,
        comment=row.comment,
        reply=row.reply,
        replied_at=row.replied_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        is_own=row.user_id == actor.user_id,
    )
