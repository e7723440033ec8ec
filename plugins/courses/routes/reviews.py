"""What students say of courses."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from kernel.auth import Actor, public, requires, signed_in
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset
from plugins.courses.actions import reviews
from plugins.courses.permissions import REPLY_TO_REVIEWS, WRITE_REVIEW
from plugins.courses.queries.reviews import review_page
from plugins.courses.schemas.reviews import (
    CourseReview,
    CreateReviewRequest,
    ReplyRequest,
    ReviewPage,
    UpdateReviewRequest,
)

Stars = Annotated[int | None, Parameter(ge=1, le=5, description="Only those with so many stars.")]


@get("/courses/{course_id:uuid}/reviews", guards=[public], opt=reads_only(), operation_id="courses_reviews")
async def list_reviews(
    db: Db, actor: Actor, course_id: UUID, rating: Stars = None, limit: Limit = 20, offset: Offset = 0
) -> ReviewPage:
    """List the reviews of a course, the newest first."""
    return await review_page(db, actor, course_id, rating=rating, limit=limit, offset=offset)


@post("/courses/{course_id:uuid}/reviews", guards=[requires(WRITE_REVIEW)], operation_id="reviews_create")
async def write_review(db: Db, actor: Actor, course_id: UUID, data: CreateReviewRequest) -> CourseReview:
    """Review a course in which one is enrolled, once."""
    return await reviews.write_review(db, actor, course_id, data)


@patch("/reviews/{review_id:uuid}", guards=[requires(WRITE_REVIEW)], operation_id="reviews_update")
async def update_review(db: Db, actor: Actor, review_id: UUID, data: UpdateReviewRequest) -> CourseReview:
    """Change a review of one's own."""
    return await reviews.update_review(db, actor, review_id, data)


@delete("/reviews/{review_id:uuid}", guards=[signed_in], operation_id="reviews_delete")
async def delete_review(db: Db, actor: Actor, review_id: UUID) -> None:
    """Remove a review: one's own, or as a moderator anybody's."""
    await reviews.delete_review(db, actor, review_id)


@put("/reviews/{review_id:uuid}/reply", guards=[requires(REPLY_TO_REVIEWS)], operation_id="reviews_reply")
async def reply_to_review(db: Db, actor: Actor, review_id: UUID, data: ReplyRequest) -> CourseReview:
    """Answer a review of a course of one's own."""
    return await reviews.reply_to_review(db, actor, review_id, data)


@delete(
    "/reviews/{review_id:uuid}/reply",
    status_code=200,
    guards=[requires(REPLY_TO_REVIEWS)],
    operation_id="reviews_reply_no_more",
)
async def reply_no_more(db: Db, actor: Actor, review_id: UUID) -> CourseReview:
    """Take the answer to a review back."""
    return await reviews.reply_to_review(db, actor, review_id, None)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_reviews,
    write_review,
    update_review,
    delete_review,
    reply_to_review,
    reply_no_more,
)
