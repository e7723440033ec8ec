"""Reads of batches: which there are, and how far their codes are used up."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Executable,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    text,
)

from kernel import clock
from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.routing import Page, rows_for
from kernel.totals import counts_of
from plugins.auth import api as auth
from plugins.codes import rules
from plugins.codes.errors import BatchNotFound
from plugins.codes.permissions import VIEW
from plugins.codes.queries.cards import shown_text
from plugins.codes.queries.filters import STATE, CodeFilter, lookups
from plugins.codes.queries.usage import usage
from plugins.codes.schemas import BatchCard, BatchDetails, BatchRedemption, CodeKind
from plugins.codes.tables import AccessCode, CodeBatch, CodeRedemption
from plugins.courses import api as courses

_BATCH = (
    CodeBatch.id,
    CodeBatch.kind,
    CodeBatch.course_id,
    CodeBatch.video_id,
    CodeBatch.label,
    CodeBatch.count,
    CodeBatch.missing,
    CodeBatch.created_by,
    CodeBatch.created_at,
    CodeBatch.updated_at,
)
_BY_ID = select(*_BATCH).where(
    CodeBatch.id == bindparam("batch"),
    or_(bindparam("owner", type_=Uuid).is_(None), CodeBatch.instructor_id == bindparam("owner", type_=Uuid)),
)
_codes = (
    select(AccessCode.batch_id, AccessCode.current_uses, AccessCode.max_uses, AccessCode.expires_at, STATE)
    .where(AccessCode.batch_id == any_(bindparam("batches", type_=ARRAY(Uuid))))
    .subquery()
)
_COUNTS = select(
    _codes.c.batch_id,
    func.count().filter(_codes.c.current_uses > 0).label("used"),
    func.sum(_codes.c.current_uses).label("redeemed"),
    func.count().filter(or_(_codes.c.state == text("'used'"), _codes.c.state == text("'unused'"))).label("active"),
    func.count().filter(_codes.c.state == text("'paused'")).label("paused"),
    case((func.count() == func.count(_codes.c.max_uses), func.sum(_codes.c.max_uses))).label("uses"),
    case((func.count() == func.count(_codes.c.expires_at), func.max(_codes.c.expires_at))).label("expires_at"),
).group_by(_codes.c.batch_id)

_COUNT_REDEMPTIONS = (
    select(func.count())
    .select_from(CodeRedemption)
    .join(AccessCode, AccessCode.id == CodeRedemption.code_id)
    .where(AccessCode.batch_id == bindparam("batch"))
)
_REDEMPTIONS = (
    _COUNT_REDEMPTIONS.with_only_columns(
        CodeRedemption.id,
        CodeRedemption.code_id,
        AccessCode.code_display.label("code"),
        CodeRedemption.user_id,
        CodeRedemption.redeemed_at,
        CodeRedemption.ip_address,
    )
    .order_by(CodeRedemption.id.desc())
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)


class StoredRedemption(Struct, frozen=True):
    """A redemption as it is stored, its code still encrypted."""

    id: UUID
    code_id: UUID
    code: str | None
    user_id: UUID
    redeemed_at: datetime
    ip_address: str | None


class StoredBatch(Struct, frozen=True):
    """A batch as it is stored."""

    id: UUID
    kind: CodeKind
    course_id: UUID
    video_id: UUID | None
    label: str | None
    count: int
    missing: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    """Also when all of its codes were changed together."""


class BatchName(Struct, frozen=True):
    """What a batch is called, and what its codes open."""

    id: UUID
    label: str | None
    course_title: str
    video_title: str | None
    count: int


class BatchCounts(Struct, frozen=True):
    """How far the codes of a batch are used up."""

    batch_id: UUID
    used: int
    redeemed: int
    active: int
    paused: int
    uses: int | None
    expires_at: datetime | None


_NOTHING_MADE = BatchCounts(UUID(int=0), 0, 0, 0, 0, None, None)
_OF_BATCH = select(AccessCode.id).where(AccessCode.batch_id == CodeBatch.id).correlate(CodeBatch)
_IS_OPEN = exists(_OF_BATCH.where(or_(STATE.element == text("'used'"), STATE.element == text("'unused'"))))
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    **{name: CodeBatch.__table__.c[name] == bindparam(name) for name in ("instructor_id", "course_id", "video_id")},
    "is_open": bindparam("is_open", type_=Boolean) == _IS_OPEN,
    "q": or_(
        func.strpos(func.lower(CodeBatch.label), func.lower(bindparam("q", type_=Text))) > 0,
        exists(_OF_BATCH.where(AccessCode.code_lookup == any_(bindparam("lookups", type_=ARRAY(LargeBinary))))),
    ),
}


class BatchFilter(Struct, frozen=True, kw_only=True):
    """Which batches; what is None does not narrow."""

    course_id: UUID | None = None
    video_id: UUID | None = None
    is_open: bool | None = None
    """Whether a code of it can be redeemed at this moment."""
    q: str | None = None
    """A part of the label, or a whole code of it."""


@cache
def _page(names: tuple[str, ...]) -> tuple[Executable, Executable]:
    narrowed = [_CONDITIONS[name] for name in names]
    rows = select(*_BATCH).where(*narrowed).order_by(CodeBatch.id.desc())
    rows = rows.limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))
    return rows, select(func.count()).select_from(CodeBatch).where(*narrowed)


async def batches(db: Db, actor: Actor, wanted: BatchFilter, *, limit: int, offset: int) -> Page[BatchCard]:
    """Return the batches that the actor may see, newest first.

    Needs: codes.access_code.view
    """
    chosen = {"instructor_id": actor.limited_to(VIEW), **structs.asdict(wanted)}
    given = {name: value for name, value in chosen.items() if value is not None}
    rows, count = _page(tuple(given))
    if wanted.q is not None:
        code = rules.normalise(wanted.q)
        given["lookups"] = [] if code is None else lookups(db, code)
    if wanted.is_open is not None:
        given["now"] = clock.now()
    stored = await db.rows(StoredBatch, rows, limit=rows_for(limit), offset=offset, **given)
    total = await db.value(count, **given)
    return Page(await _cards(db, stored), total, rows_for(limit), offset)


async def batch(db: Db, actor: Actor, batch_id: UUID, *, days: int) -> BatchDetails:
    """Return a batch and how its codes are used.

    Needs: codes.access_code.view

    Raises:
        BatchNotFound: There is none, or the actor may not see it.
    """
    stored = await stored_batch(db, actor, batch_id, VIEW)
    (card,) = await _cards(db, [stored])
    used = await usage(db, actor, CodeFilter(batch_id=batch_id), days=days, changed_at=stored.updated_at)
    return BatchDetails(card, used)


async def batch_name(db: Db, actor: Actor, batch_id: UUID) -> BatchName:
    """Return what a batch is called, and what its codes open.

    Needs: codes.access_code.view

    Raises:
        BatchNotFound: There is none, or the actor may not see it.
    """
    stored = await stored_batch(db, actor, batch_id, VIEW)
    course = (await courses.courses_by_id(db, {stored.course_id})).get(stored.course_id)
    video = None
    if stored.video_id is not None:
        video = (await courses.videos_by_id(db, {stored.video_id})).get(stored.video_id)
    return BatchName(
        stored.id, stored.label, course.title if course else "", video.title if video else None, stored.count
    )


async def batch_redemptions(db: Db, actor: Actor, batch_id: UUID, *, limit: int, offset: int) -> Page[BatchRedemption]:
    """Return who redeemed which code of a batch, latest first.

    Needs: codes.access_code.view

    Raises:
        BatchNotFound: There is none, or the actor may not see it.
    """
    await stored_batch(db, actor, batch_id, VIEW)
    stored = await db.rows(StoredRedemption, _REDEMPTIONS, batch=batch_id, limit=rows_for(limit), offset=offset)
    total = await db.value(_COUNT_REDEMPTIONS, batch=batch_id)
    users = await auth.users_by_id(db, [each.user_id for each in stored])
    sees_addresses, keyring = actor.scope(VIEW) == "any", db.deployment.keyring
    items = [
        BatchRedemption(
            id=each.id,
            code_id=each.code_id,
            code=shown_text(keyring, db.tenant_id, each.code_id, each.code),
            user=users.get(each.user_id),
            redeemed_at=each.redeemed_at,
            ip_address=each.ip_address if sees_addresses else UNSET,
        )
        for each in stored
    ]
    return Page(items, total, rows_for(limit), offset)


async def stored_batch(db: Db, actor: Actor, batch_id: UUID, permission: Permission) -> StoredBatch:
    """Return a batch that a permission of the actor reaches.

    Raises:
        BatchNotFound: There is none, or the permission does not reach it.
    """
    found = await db.row(StoredBatch, _BY_ID, batch=batch_id, owner=actor.limited_to(permission))
    if found is None:
        raise BatchNotFound
    return found


async def _cards(db: Db, stored: Iterable[StoredBatch]) -> list[BatchCard]:
    found = list(stored)
    counted = await counts_of(
        db,
        BatchCounts,
        _COUNTS,
        {"batches": [each.id for each in found], "now": clock.now()},
        key={"batches": tuple((each.id, each.updated_at) for each in found)},
        total=lambda _: sum(each.count for each in found),
    )
    counts = {each.batch_id: each for each in counted}
    titles = await courses.courses_by_id(db, {each.course_id for each in found})
    videos = await courses.videos_by_id(db, {each.video_id for each in found if each.video_id is not None})
    makers = await auth.users_by_id(db, {each.created_by for each in found if each.created_by is not None})
    cards = []
    for each in found:
        course, video = titles.get(each.course_id), videos.get(each.video_id) if each.video_id else None
        now = counts.get(each.id, _NOTHING_MADE)
        cards.append(
            BatchCard(
                id=each.id,
                kind=each.kind,
                course_id=each.course_id,
                course_title=course.title if course else "",
                video_id=each.video_id,
                video_title=video.title if video else None,
                label=each.label,
                count=each.count,
                used=now.used,
                redeemed=now.redeemed,
                active=now.active,
                paused=now.paused,
                missing=each.missing,
                uses=now.uses,
                expires_at=now.expires_at,
                created_by=makers.get(each.created_by) if each.created_by else None,
                created_at=each.created_at,
            )
        )
    return cards
