"""Reads of codes: lists, one code, who redeemed it. A code is decrypted here, for those who may see it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import Executable, Integer, bindparam, func, select

from kernel import clock
from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.keys import UnknownKey
from kernel.routing import Page, rows_for
from plugins.auth import api as auth
from plugins.codes import rules
from plugins.codes.errors import CodeNotFound
from plugins.codes.permissions import VIEW
from plugins.codes.schemas import CodeCard, CodeDetails, ExportedCode, RedemptionCard
from plugins.codes.tables import AccessCode, CodeRedemption
from plugins.courses import api as courses

Card = TypeVar("Card", CodeCard, CodeDetails)

_CARD = (
    AccessCode.id,
    AccessCode.code_display.label("code"),
    AccessCode.kind,
    AccessCode.course_id,
    AccessCode.video_id,
    AccessCode.type,
    AccessCode.max_uses,
    AccessCode.current_uses,
    AccessCode.expires_at,
    AccessCode.access_days,
    AccessCode.is_active,
    AccessCode.paused_until,
    AccessCode.label,
    AccessCode.batch_id,
    AccessCode.created_by,
    AccessCode.created_at,
)
DETAILS = (*_CARD, AccessCode.allowed_emails, AccessCode.allowed_domains)
"""The columns of `CodeDetails`, the code still encrypted."""


_BY_ID = select(*DETAILS).where(AccessCode.id == bindparam("id"))
_BY_ID_OWN = _BY_ID.where(AccessCode.instructor_id == bindparam("instructor_id"))
_REDEMPTIONS = (
    select(CodeRedemption.id, CodeRedemption.user_id, CodeRedemption.redeemed_at, CodeRedemption.ip_address)
    .where(CodeRedemption.code_id == bindparam("code_id"))
    .order_by(CodeRedemption.id.desc())
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)
_COUNT_REDEMPTIONS = (
    select(func.count()).select_from(CodeRedemption).where(CodeRedemption.code_id == bindparam("code_id"))
)


class StoredRedemption(Struct, frozen=True):
    """A redemption as it is stored."""

    id: UUID
    user_id: UUID
    redeemed_at: datetime
    ip_address: str | None


def display_context(tenant_id: UUID, code_id: UUID) -> bytes:
    """Return what an encrypted code belongs to, so that it cannot be read as another row's."""
    return tenant_id.bytes + code_id.bytes


def lookup_text(tenant_id: UUID, code: str) -> bytes:
    """Return what is hashed to find a code, so that the same code of another tenant has another hash."""
    return tenant_id.bytes + code.encode()


def readable(db: Db, card: Card) -> Card:
    """Return a card as it was selected with its code decrypted."""
    sealed, context = str(card.code), display_context(db.tenant_id, card.id)
    try:
        code = rules.display(db.deployment.keyring.decrypt("code-display", sealed, context).decode())
    except UnknownKey:
        code = None
    return structs.replace(card, code=code)


@cache
def _page(names: tuple[str, ...]) -> tuple[Executable, Executable]:
    """Return the statements for one page and for the number of all, filtered by these columns."""
    columns = AccessCode.__table__.c
    conditions = [columns[name] == bindparam(name) for name in names]
    rows = select(*_CARD).where(*conditions).order_by(AccessCode.id.desc())
    rows = rows.limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))
    return rows, select(func.count()).select_from(AccessCode).where(*conditions)


async def access_codes(
    db: Db,
    actor: Actor,
    *,
    limit: int,
    offset: int,
    course_id: UUID | None = None,
    video_id: UUID | None = None,
    batch_id: UUID | None = None,
    is_active: bool | None = None,
) -> Page[CodeCard]:
    """Return the codes that the actor may see, newest first.

    Needs: codes.access_code.view
    """
    chosen = {
        "instructor_id": actor.limited_to(VIEW),
        "course_id": course_id,
        "video_id": video_id,
        "batch_id": batch_id,
        "is_active": is_active,
    }
    filters = {name: value for name, value in chosen.items() if value is not None}
    rows, count = _page(tuple(filters))
    cards = await db.rows(CodeCard, rows, limit=rows_for(limit), offset=offset, **filters)
    total = await db.value(count, **filters)
    return Page([readable(db, card) for card in cards], total, rows_for(limit), offset)


@cache
def _exported(names: tuple[str, ...]) -> Executable:
    columns = AccessCode.__table__.c
    conditions = [columns[name] == bindparam(name) for name in names]
    return select(*_CARD).where(*conditions).order_by(AccessCode.id).limit(bindparam("most", type_=Integer))


async def exported_codes(db: Db, actor: Actor, *, most: int, filters: Mapping[str, object]) -> list[ExportedCode]:
    """Return codes that the actor may see with what stands beside them in a table, oldest first.

    Needs: codes.access_code.view

    Args:
        db: The transaction.
        actor: Who asks.
        most: No more than these.
        filters: By the column's name; None does not narrow.
    """
    chosen = {"instructor_id": actor.limited_to(VIEW), **filters}
    given = {name: value for name, value in chosen.items() if value is not None}
    cards = [readable(db, card) for card in await db.rows(CodeCard, _exported(tuple(given)), most=most, **given)]
    titles = await courses.courses_by_id(db, {card.course_id for card in cards})
    videos = await courses.videos_by_id(db, {card.video_id for card in cards if card.video_id is not None})
    now = clock.now()
    return [
        ExportedCode(
            code=card.code or "",
            state=rules.state_of(
                is_active=card.is_active,
                expires_at=card.expires_at,
                paused_until=card.paused_until,
                uses=card.current_uses,
                max_uses=card.max_uses,
                now=now,
            ),
            kind=card.kind,
            course=titles[card.course_id].title,
            video=videos[card.video_id].title if card.video_id else "",
            label=card.label or "",
            type=card.type,
            uses=card.current_uses,
            max_uses=card.max_uses,
            expires_at=card.expires_at,
            created_at=card.created_at,
            # Behind the hash, where no server and no log sees it.
            address=db.tenant.url(f"/redeem#code={card.code}") if card.code else "",
        )
        for card in cards
    ]


async def access_code(db: Db, actor: Actor, code_id: UUID, permission: Permission = VIEW) -> CodeDetails:
    """Return one code.

    Args:
        db: The transaction.
        actor: Who asks.
        code_id: Of the code.
        permission: That must reach the code.

    Raises:
        CodeNotFound: There is none, or the permission does not reach it.
    """
    owner = actor.limited_to(permission)
    if owner is None:
        details = await db.row(CodeDetails, _BY_ID, id=code_id)
    else:
        details = await db.row(CodeDetails, _BY_ID_OWN, id=code_id, instructor_id=owner)
    if details is None:
        raise CodeNotFound
    return readable(db, details)


async def redemptions(db: Db, actor: Actor, code_id: UUID, *, limit: int, offset: int) -> Page[RedemptionCard]:
    """Return who redeemed a code, latest first.

    Needs: codes.access_code.view

    Raises:
        CodeNotFound: There is no such code, or the actor may not see it.
    """
    await access_code(db, actor, code_id)
    stored = await db.rows(StoredRedemption, _REDEMPTIONS, code_id=code_id, limit=rows_for(limit), offset=offset)
    total = await db.value(_COUNT_REDEMPTIONS, code_id=code_id)
    users = await auth.users_by_id(db, [each.user_id for each in stored])
    sees_addresses = actor.scope(VIEW) == "any"
    items = [
        RedemptionCard(each.id, users.get(each.user_id), each.redeemed_at, each.ip_address if sees_addresses else UNSET)
        for each in stored
    ]
    return Page(items, total, rows_for(limit), offset)
