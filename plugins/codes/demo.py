"""Unused codes for the demonstration's courses, made through the plugin's own action and printed at the start."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from msgspec import Struct
from sqlalchemy import bindparam, select

from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.codes.actions.codes import generate
from plugins.codes.queries.cards import access_codes
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.schemas import GenerateRequest
from plugins.codes.tables import CodeBatch
from plugins.courses import api as courses

_LABEL = "Demonstration"
_LARGE_LABEL = "Large demonstration"
_EACH, _MANY = 3, 10_000
_SLUGS = ("typed-python-for-teams", "photographs-by-window-light", "reading-a-balance-sheet")
_BATCHES = select(CodeBatch.id, CodeBatch.course_id).where(CodeBatch.label == bindparam("label")).order_by(CodeBatch.id)


class DemoBatch(Struct, frozen=True):
    """A batch that the demonstration made."""

    id: UUID
    course_id: UUID


async def make_codes(label: str, count: int, db: Db) -> None:
    """Make codes, each for one student, for each course that needs them and has none with this label."""
    done = {batch.course_id for batch in await db.rows(DemoBatch, _BATCHES, label=label)}
    for slug in _SLUGS:
        course = await courses.course_by_slug(db, slug)
        if course is not None and course.id not in done:
            order = GenerateRequest(type="single_use", course_id=course.id, count=count, label=label)
            await generate(db, _actor(db, "instructor", course.instructor_id), order)


async def unused_codes(db: Db) -> Sequence[str]:
    """Return a line for each course, with the codes that nobody has redeemed yet."""
    batches = await db.rows(DemoBatch, _BATCHES, label=_LABEL)
    titles = await courses.courses_by_id(db, [batch.course_id for batch in batches])
    lines = []
    for batch in batches:
        page = await access_codes(
            db, _actor(db, "admin"), CodeFilter(batch_id=batch.id, state="unused"), limit=100, offset=0
        )
        unused = [card.code for card in page.items if card.code]
        if unused:
            lines.append(f"Codes for {titles[batch.course_id].title}: {', '.join(unused)}")
    return lines


def _actor(db: Db, role: str, user_id: UUID | None = None) -> Actor:
    return Actor(db.tenant_id, user_id, role, grants=db.tenant.grants(role))


STEPS = (
    DemoStep("codes.unused", partial(make_codes, _LABEL, _EACH), unused_codes),
    DemoStep("codes.many", partial(make_codes, _LARGE_LABEL, _MANY), size="large"),
)
