"""What writes, changes and answers reviews; the course's rating is counted anew by a listener."""

from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import Text, Update, Uuid, bindparam, delete, exists, func, null, or_, update
from sqlalchemy.dialects.postgresql import insert

from kernel.auth import Actor
from kernel.db import Db
from kernel.events import publish
from kernel.ids import new_id
from plugins.courses.errors import AlreadyReviewed, NotEnrolled, ReviewNotFound
from plugins.courses.events import ReviewAnswered, ReviewChanged
from plugins.courses.permissions import MODERATE_REVIEWS, REPLY_TO_REVIEWS, WRITE_REVIEW
from plugins.courses.queries.courses import standing
from plugins.courses.queries.reviews import review_by_id
from plugins.courses.queries.viewing import owned
from plugins.courses.schemas.reviews import CourseReview, CreateReviewRequest, ReplyRequest, UpdateReviewRequest
from plugins.courses.tables import Course
from plugins.courses.tables import CourseReview as ReviewTable

_REVIEW = bindparam("review", type_=Uuid)
_ADD = (
    insert(ReviewTable)
    .values(
        id=bindparam("id"),
        course_id=bindparam("course"),
        user_id=bindparam("user"),
        rating=bindparam("rating"),
        comment=bindparam("comment", type_=Text),
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "user_id", "course_id"])
    .returning(ReviewTable.id)
)
_WRITER = bindparam("writer", type_=Uuid)
_IS_WRITERS = (ReviewTable.id == _REVIEW, or_(_WRITER.is_(None), ReviewTable.user_id == _WRITER))
_DELETE = delete(ReviewTable).where(*_IS_WRITERS).returning(ReviewTable.course_id, ReviewTable.user_id)
_IN_CARE = (ReviewTable.id == _REVIEW, exists().where(Course.id == ReviewTable.course_id, owned()))
_REPLY = (
    update(ReviewTable)
    .where(*_IN_CARE)
    .values(reply=bindparam("reply", type_=Text), replied_at=func.now())
    .returning(ReviewTable.course_id, ReviewTable.user_id)
)
_REPLY_NO_MORE = update(ReviewTable).where(*_IN_CARE).values(reply=null(), replied_at=null())


class Reviewed(Struct, frozen=True):
    """Of what a review was, and whose."""

    course_id: UUID
    user_id: UUID


@cache
def _update(columns: frozenset[str]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(columns)}
    return update(ReviewTable).where(*_IS_WRITERS).values(values).returning(ReviewTable.course_id, ReviewTable.user_id)


async def write_review(db: Db, actor: Actor, course_id: UUID, order: CreateReviewRequest) -> CourseReview:
    """Review a course in which the actor is enrolled, once.

    Needs: courses.review.write
    Emits: courses.review.changed

    Raises:
        CourseNotFound: There is none, or not for this person.
        NotEnrolled: The actor does not hold a place in it.
        AlreadyReviewed: There is a review of theirs already.
    """
    if not (await standing(db, actor, course_id)).is_enrolled:
        raise NotEnrolled("Enrol in the course to review it.")
    review_id = new_id()
    values = structs.asdict(order)
    if await db.value(_ADD, id=review_id, course=course_id, user=actor.id, **values) is None:
        raise AlreadyReviewed
    await publish(db, ReviewChanged(review_id=review_id, course_id=course_id, user_id=actor.id))
    return await review_by_id(db, actor, review_id)


async def update_review(db: Db, actor: Actor, review_id: UUID, order: UpdateReviewRequest) -> CourseReview:
    """Change a review of one's own.

    Needs: courses.review.write
    Emits: courses.review.changed

    Raises:
        ReviewNotFound: There is none, or it is somebody else's.
    """
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    if changes:
        found = await db.row(
            Reviewed, _update(frozenset(changes)), review=review_id, writer=actor.limited_to(WRITE_REVIEW), **changes
        )
        if found is None:
            raise ReviewNotFound
        await publish(db, ReviewChanged(review_id=review_id, course_id=found.course_id, user_id=found.user_id))
    return await review_by_id(db, actor, review_id)


async def delete_review(db: Db, actor: Actor, review_id: UUID) -> None:
    """Remove a review: one's own, or as a moderator anybody's.

    Needs: courses.review.write, courses.review.moderate
    Emits: courses.review.changed

    Raises:
        ReviewNotFound: There is none, or not for this person.
    """
    writer = None if actor.scope(MODERATE_REVIEWS) == "any" else actor.id
    found = await db.row(Reviewed, _DELETE, review=review_id, writer=writer)
    if found is None:
        raise ReviewNotFound
    await publish(db, ReviewChanged(review_id=review_id, course_id=found.course_id, user_id=found.user_id))


async def reply_to_review(db: Db, actor: Actor, review_id: UUID, order: ReplyRequest | None) -> CourseReview:
    """Answer a review of a course in one's care, or take the answer back.

    Needs: courses.review.reply
    Emits: courses.review.answered

    Raises:
        ReviewNotFound: There is none, or its course is not the actor's.
    """
    which: dict[str, Any] = {"review": review_id, "owner": actor.limited_to(REPLY_TO_REVIEWS)}
    if order is None:
        if not await db.run(_REPLY_NO_MORE, **which):
            raise ReviewNotFound
    elif (found := await db.row(Reviewed, _REPLY, reply=order.text, **which)) is None:
        raise ReviewNotFound
    else:
        await publish(db, ReviewAnswered(review_id=review_id, course_id=found.course_id, user_id=found.user_id))
    return await review_by_id(db, actor, review_id)
