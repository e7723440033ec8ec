"""What an instructor sees of their own courses: how far each is, and what its reviewer said last."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.routing import Page
from plugins.courses import rules
from plugins.courses.queries.catalogue import CatalogueFilter, course_page
from plugins.courses.queries.videos import IN_CURRICULUM
from plugins.courses.schemas.courses import CourseCard
from plugins.courses.schemas.texts import CourseStatus
from plugins.courses.tables import Course, CourseSection, CourseVerdict, CourseVideo

SHOWN_SECTIONS = (
    select(func.count())
    .select_from(CourseSection)
    .where(CourseSection.course_id == Course.id, CourseSection.is_published)
    .scalar_subquery()
)
"""How many sections of a course students see."""
SHOWN_VIDEOS = (
    select(func.count())
    .select_from(CourseVideo.__table__.join(CourseSection.__table__, CourseSection.id == CourseVideo.section_id))
    .where(CourseSection.course_id == Course.id, IN_CURRICULUM)
    .scalar_subquery()
)
"""How many videos of a course students see."""
_REASON = (
    select(CourseVerdict.reason)
    .where(CourseVerdict.course_id == Course.id)
    .order_by(CourseVerdict.id.desc())
    .limit(1)
    .scalar_subquery()
)
_STATES = select(
    Course.id,
    Course.updated_at,
    Course.submitted_at,
    SHOWN_SECTIONS.label("sections"),
    SHOWN_VIDEOS.label("videos"),
    _REASON.label("reason"),
).where(Course.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


class CourseState(Struct, frozen=True):
    """The selected columns of how far a course is."""

    id: UUID
    updated_at: datetime
    submitted_at: datetime | None
    sections: int
    videos: int
    reason: str | None

    @property
    def missing(self) -> Sequence[FieldError]:
        """What the course lacks to be submitted or published."""
        return rules.missing_items(sections=self.sections, videos=self.videos)


class TaughtCourse(Struct, frozen=True):
    """A course of one's own, and how far it is."""

    card: CourseCard
    state: CourseState


async def taught_page(
    db: Db, actor: Actor, *, words: str | None, status: CourseStatus | None, limit: int, offset: int
) -> Page[TaughtCourse]:
    """Return the actor's own courses: what is still to be done first, then what waits, is open, and is over."""
    wanted = CatalogueFilter(words=words, status=status, mine=True)
    page = await course_page(db, actor, wanted, sort="state", limit=limit, offset=offset)
    states = {each.id: each for each in await db.rows(CourseState, _STATES, ids=[card.id for card in page.items])}
    items = [TaughtCourse(card, states[card.id]) for card in page.items if card.id in states]
    return Page(items, page.total, page.limit, page.offset)
