"""Codes for the demonstration's courses, through the plugin's own actions; those that are there to try are printed."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from msgspec import Struct
from sqlalchemy import DateTime, bindparam, select, update

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.auth import api as auth
from plugins.codes.actions.codes import generate
from plugins.codes.actions.redemptions import redeem
from plugins.codes.queries.cards import access_codes
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.schemas import CodeType, GenerateRequest
from plugins.codes.tables import AccessCode, CodeBatch
from plugins.courses import api as courses

_LABEL = "Demonstration"
_LARGE_LABEL = "Large demonstration"
_EACH, _MANY = 3, 10_000
_SLUGS = ("typed-python-for-teams", "photographs-by-window-light", "reading-a-balance-sheet")
_BATCHES = select(CodeBatch.id, CodeBatch.course_id).where(CodeBatch.label == bindparam("label")).order_by(CodeBatch.id)
_EXPIRE = (
    update(AccessCode)
    .where(AccessCode.batch_id == bindparam("batch"))
    .values(expires_at=bindparam("ended", type_=DateTime(timezone=True)))
)


class _Kind(Struct, frozen=True, kw_only=True):
    """Codes of a kind, and who has redeemed them: each code by the next student, or one code by them all."""

    label: str
    type: CodeType = "single_use"
    count: int = 1
    max_uses: int | None = None
    access_days: int | None = None
    allowed_emails: tuple[str, ...] = ()
    allowed_domains: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    has_expired: bool = False


_KINDS_FOR = "small-tools-for-the-command-line"
_KINDS = (
    _Kind(
        label="Evening class",
        type="multi_use",
        max_uses=25,
        access_days=180,
        students=("lena.hoffmann@example.com", "kwame.mensah@example.com", "priya.nair@example.com"),
    ),
    _Kind(
        label="Won at the summer fair",
        count=2,
        students=("olga.petrova@example.com", "yusuf.demir@example.com"),
    ),
    _Kind(label="For Aisha Bello", allowed_emails=("aisha.bello@example.com",)),
    _Kind(label="For the staff of a library", type="unlimited", allowed_domains=("library.example.com",)),
    _Kind(label="Last year's fair", count=5, students=("bruno.keller@example.com",), has_expired=True),
)


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


async def make_kinds(db: Db) -> None:
    """Make codes of every kind for one course, some of them redeemed or expired, unless it has them."""
    course = await courses.course_by_slug(db, _KINDS_FOR)
    if course is None:
        return
    instructor = _actor(db, "instructor", course.instructor_id)
    for kind in _KINDS:
        if await db.rows(DemoBatch, _BATCHES, label=kind.label):
            continue
        order = GenerateRequest(
            type=kind.type,
            course_id=course.id,
            count=kind.count,
            max_uses=kind.max_uses,
            access_days=kind.access_days,
            label=kind.label,
            allowed_emails=kind.allowed_emails,
            allowed_domains=kind.allowed_domains,
        )
        made = await generate(db, instructor, order)
        students = await auth.user_ids_by_email(db, kind.students)
        for place, email in enumerate(each for each in kind.students if each in students):
            code = made.items[place % kind.count].code or ""
            await redeem(db, _actor(db, "student", students[email]), code=code)
        if kind.has_expired:
            # No code is made that has expired already.
            await db.run(_EXPIRE, batch=made.batch_id, ended=clock.now() - timedelta(days=7))


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
    DemoStep("codes.kinds", make_kinds),
    DemoStep("codes.many", partial(make_codes, _LARGE_LABEL, _MANY), size="large"),
)
