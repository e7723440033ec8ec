"""Reads of codes: lists, one code, who redeemed it. A code is decrypted here, for those who may see it."""

from datetime import datetime
from functools import cache
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import Executable, Integer, bindparam, func, select

from kernel import clock
from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.keys import Keyring, UnknownKey
from kernel.routing import Page, rows_for
from kernel.totals import total_of
from plugins.auth import api as auth
from plugins.codes import rules
from plugins.codes.errors import CodeNotFound
from plugins.codes.permissions import VIEW
from plugins.codes.queries.filters import STATE, CodeFilter, conditions, narrowed
from plugins.codes.schemas import CodeCard, CodeDetails, RedemptionCard
from plugins.codes.tables import AccessCode, CodeRedemption

Card = TypeVar("Card", CodeCard, CodeDetails)

CARD = (
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
    STATE,
    AccessCode.label,
    AccessCode.batch_id,
    AccessCode.created_by,
    AccessCode.created_at,
)
"""The columns of `CodeCard`, the code still encrypted; they need `now`."""
DETAILS = (*CARD, AccessCode.allowed_emails, AccessCode.allowed_domains)
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


def readable(db: Db, card: Card) -> Card:
    """Return a card as it was selected with its code decrypted."""
    return decrypted(db.deployment.keyring, db.tenant_id, card)


def decrypted(keyring: Keyring, tenant_id: UUID, card: Card) -> Card:
    """Return a card as it was selected with its code decrypted; needs no transaction, so a thread may do it."""
    return structs.replace(card, code=shown_text(keyring, tenant_id, card.id, card.code))


def shown_text(keyring: Keyring, tenant_id: UUID, code_id: UUID, sealed: str | None) -> str | None:
    """Return a code as it is printed; None once it is forgotten, or the key that encrypted it."""
    if sealed is None:
        return None
    try:
        return rules.display(keyring.decrypt("code-display", sealed, display_context(tenant_id, code_id)).decode())
    except UnknownKey:
        return None


@cache
def _page(names: tuple[str, ...]) -> tuple[Executable, Executable]:
    """Return the statements for one page and for the number of all, narrowed by these filters."""
    narrowing = conditions(names)
    rows = select(*CARD).where(*narrowing).order_by(AccessCode.id.desc())
    rows = rows.limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))
    return rows, select(func.count()).select_from(AccessCode).where(*narrowing)


async def access_codes(db: Db, actor: Actor, wanted: CodeFilter, *, limit: int, offset: int) -> Page[CodeCard]:
    """Return the codes that the actor may see, newest first.

    Needs: codes.access_code.view
    """
    names, given = narrowed(db, actor, wanted)
    rows, count = _page(names)
    # What is looked for differs each time; and the states change with the moment.
    is_special = any(each is not None for each in (wanted.q, wanted.state, wanted.is_open))
    total = await db.value(count, **given) if is_special else await total_of(db, count, given)
    given["now"] = clock.now()
    cards = await db.rows(CodeCard, rows, limit=rows_for(limit), offset=offset, **given)
    return Page([readable(db, card) for card in cards], total, rows_for(limit), offset)


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
        details = await db.row(CodeDetails, _BY_ID, id=code_id, now=clock.now())
    else:
        details = await db.row(CodeDetails, _BY_ID_OWN, id=code_id, instructor_id=owner, now=clock.now())
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
    return await redemptions_of(db, actor, code_id, limit=limit, offset=offset)


async def redemptions_of(db: Db, actor: Actor, code_id: UUID, *, limit: int, offset: int) -> Page[RedemptionCard]:
    """Return who redeemed a code that the caller has found in the actor's care, latest first."""
    stored = await db.rows(StoredRedemption, _REDEMPTIONS, code_id=code_id, limit=rows_for(limit), offset=offset)
    total = await db.value(_COUNT_REDEMPTIONS, code_id=code_id)
    users = await auth.users_by_id(db, [each.user_id for each in stored])
    sees_addresses = actor.scope(VIEW) == "any"
    items = [
        RedemptionCard(each.id, users.get(each.user_id), each.redeemed_at, each.ip_address if sees_addresses else UNSET)
        for each in stored
    ]
    return Page(items, total, rows_for(limit), offset)
