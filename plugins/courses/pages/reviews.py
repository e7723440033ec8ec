"""What students say, for who teaches: of one course, and of all courses in their care; answered in place."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from kernel.routing import Offset
from plugins.courses.pages.course_tabs import SLOT, framed
from plugins.courses.pages.read_once import read_once
from plugins.courses.permissions import REPLY_TO_REVIEWS
from plugins.courses.queries.reviews_in_care import WaitingReviews, oldest_waiting_review, reviews_in_care

_ROWS = 25
Shown = tuple[str, Mapping[str, Any]]


async def all_reviews(db: Db, actor: Actor, waiting: bool = True, offset: Offset = 0) -> Shown:
    """Show what students say of all courses in one's care; first what waits for an answer."""
    page = await reviews_in_care(db, actor, course_id=None, waiting=waiting, limit=_ROWS, offset=offset)
    return "courses/reviews.html", {"page": page, "waiting": waiting}


async def course_reviews(db: Db, actor: Actor, course_id: UUID, waiting: bool = False, offset: Offset = 0) -> Shown:
    """Show what students say of a course."""
    frame = await framed(db, actor, course_id, "reviews")
    page = await reviews_in_care(db, actor, course_id=course_id, waiting=waiting, limit=_ROWS, offset=offset)
    return "courses/course_reviews.html", {**frame, "page": page, "waiting": waiting}


async def waiting(db: Db, actor: Actor) -> WaitingReviews:
    """Return what waits for an answer; the navigation and the dashboard both tell of it."""
    return await read_once(db, lambda: oldest_waiting_review(db, actor), oldest_waiting_review)


async def waiting_count(db: Db, actor: Actor) -> int:
    """Return how many reviews wait, for the navigation."""
    return (await waiting(db, actor)).count


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/teach/reviews", "handler": all_reviews, "access": REPLY_TO_REVIEWS},
    {
        "path": "/teach/courses/{course_id:uuid}/reviews",
        "handler": course_reviews,
        "access": REPLY_TO_REVIEWS,
        "slots": (SLOT,),
    },
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "courses.reviews",
        "area": "teach",
        "group": "Teach",
        "label": "Reviews",
        "icon": "star",
        "path": "/teach/reviews",
        "order": 40,
        "access": REPLY_TO_REVIEWS,
        "scope": "own",
        "count": waiting_count,
    },
)
SLOTS: Sequence[Mapping[str, Any]] = ()
