"""Reads of what students say of the courses in somebody's care: one course or all of them, what waits for an answer."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Executable, Integer, Uuid, bindparam, func, or_, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Page, rows_for
from kernel.totals import counts_of
from plugins.auth import api as auth
from plugins.auth.api import UserRef
from plugins.courses.permissions import REPLY_TO_REVIEWS
from plugins.courses.queries.reviews import REVIEW_COLUMNS, ReviewRow
from plugins.courses.queries.viewing import owned
from plugins.courses.tables import Course, CourseReview

_COURSE = bindparam("course", type_=Uuid)
_FROM = CourseReview.__table__.join(Course.__table__, Course.id == CourseReview.course_id)
_IS_WAITING = CourseReview.reply.is_(None)


def _in_care(*, waiting: bool) -> list[ColumnElement[bool]]:
    """Return the conditions: in the actor's care, of the course if one is named, unanswered if that is asked for."""
    conditions = [owned(), or_(_COURSE.is_(None), CourseReview.course_id == _COURSE)]
    return [*conditions, _IS_WAITING] if waiting else conditions


@cache
def _page(*, waiting: bool) -> Executable:
    # What waits is answered in the order of its coming; all of them are read from the newest on.
    came = (CourseReview.created_at, CourseReview.id)
    order = came if waiting else [each.desc() for each in came]
    return (
        select(*REVIEW_COLUMNS, Course.title.label("course_title"), Course.slug.label("course_slug"))
        .select_from(_FROM)
        .where(*_in_care(waiting=waiting))
        .order_by(*order)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )


_COUNTS = (
    select(func.count().label("total"), func.count().filter(_IS_WAITING).label("waiting"))
    .select_from(_FROM)
    .where(*_in_care(waiting=False))
)


_OLDEST_WAITING = (
    select(func.count().label("count"), func.min(CourseReview.created_at).label("since"))
    .select_from(_FROM)
    .where(*_in_care(waiting=True))
)


class WaitingReviews(Struct, frozen=True):
    """How many reviews nobody has answered, and since when the oldest waits."""

    count: int
    since: datetime | None


class ReviewInCareRow(ReviewRow, frozen=True):
    """The selected columns of a review, and of its course."""

    course_title: str
    course_slug: str


class ReviewInCare(Struct, frozen=True):
    """A review of a course in the actor's care, and who wrote it."""

    row: ReviewInCareRow
    user: UserRef | None
    has_file: bool
    """Whether their file is there for the reader."""


class ReviewCounts(Struct, frozen=True):
    """How many reviews there are, and how many wait for an answer."""

    total: int
    waiting: int


class ReviewsInCare(Page[ReviewInCare], frozen=True):
    """One page of reviews; the counts are of all, whatever the page is narrowed to."""

    counts: ReviewCounts


async def reviews_in_care(
    db: Db, actor: Actor, *, course_id: UUID | None, waiting: bool, limit: int, offset: int
) -> ReviewsInCare:
    """Return reviews of the courses in the actor's care, the newest first; those that wait, the oldest first.

    Needs: courses.review.reply

    Args:
        db: The transaction.
        actor: Who asks.
        course_id: Of this course alone.
        waiting: Those alone that nobody has answered.
        limit: How many.
        offset: After how many.
    """
    which: dict[str, Any] = {"owner": actor.limited_to(REPLY_TO_REVIEWS), "course": course_id}
    rows: Sequence[ReviewInCareRow] = await db.rows(
        ReviewInCareRow, _page(waiting=waiting), limit=rows_for(limit), offset=offset, **which
    )
    (counts,) = await counts_of(db, ReviewCounts, _COUNTS, which, key=which, total=lambda found: found[0].total)
    ids = {row.user_id for row in rows}
    people, reached = await auth.users_by_id(db, ids), await auth.files_reached(db, actor, ids)
    return ReviewsInCare(
        items=[ReviewInCare(row, people.get(row.user_id), row.user_id in reached) for row in rows],
        total=counts.waiting if waiting else counts.total,
        limit=rows_for(limit),
        offset=offset,
        counts=counts,
    )


async def oldest_waiting_review(db: Db, actor: Actor) -> WaitingReviews:
    """Return how many reviews of the courses in the actor's care nobody has answered, and since when.

    Needs: courses.review.reply
    """
    which: dict[str, Any] = {"owner": actor.limited_to(REPLY_TO_REVIEWS), "course": None}
    # Beside the name of the page, on every page.
    (found,) = await counts_of(
        db, WaitingReviews, _OLDEST_WAITING, which, key=which, total=lambda waiting: waiting[0].count
    )
    return found
