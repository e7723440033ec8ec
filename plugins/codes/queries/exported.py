"""Reads of codes for documents: every code with what stands beside it, decrypted where no connection waits for it."""

import asyncio
from collections.abc import Mapping
from functools import cache
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Executable, Integer, bindparam, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.keys import Keyring
from kernel.tenancy import Tenant
from plugins.codes.printed import redeem_address
from plugins.codes.queries.cards import CARD, decrypted
from plugins.codes.queries.filters import CodeFilter, conditions, narrowed
from plugins.codes.schemas import CodeCard, ExportedCode
from plugins.codes.tables import AccessCode
from plugins.courses import api as courses


class Found(Struct, frozen=True):
    """Codes as they are stored, and the titles of what they open."""

    cards: list[CodeCard]
    courses: Mapping[UUID, str]
    videos: Mapping[UUID, str]


@cache
def _cards(names: tuple[str, ...]) -> Executable:
    return (
        select(*CARD)
        .where(*conditions(names))
        .order_by(AccessCode.id)
        .limit(bindparam("most", type_=Integer))
        .offset(bindparam("skipped", type_=Integer))
    )


async def found_codes(db: Db, actor: Actor, wanted: CodeFilter, *, most: int, skipped: int = 0) -> Found:
    """Return codes that the actor may see as they are stored, oldest first.

    Needs: codes.access_code.view

    Args:
        db: The transaction.
        actor: Who asks.
        wanted: Which codes.
        most: No more than these.
        skipped: So many of the oldest are passed over.
    """
    names, given = narrowed(db, actor, wanted)
    given["now"] = clock.now()
    cards = await db.rows(CodeCard, _cards(names), most=most, skipped=skipped, **given)
    named = await courses.courses_by_id(db, {card.course_id for card in cards})
    videos = await courses.videos_by_id(db, {card.video_id for card in cards if card.video_id is not None})
    return Found(
        # Between the reads somebody may have deleted a course or a video, and with it its codes.
        [card for card in cards if card.course_id in named and (card.video_id is None or card.video_id in videos)],
        {course.id: course.title for course in named.values()},
        {video.id: video.title for video in videos.values()},
    )


async def exported_codes(keyring: Keyring, tenant: Tenant, found: Found) -> list[ExportedCode]:
    """Return what was found in words; ten thousand codes take a moment, so a thread decrypts them."""
    return await asyncio.to_thread(lambda: [_exported(keyring, tenant, found, card) for card in found.cards])


def _exported(keyring: Keyring, tenant: Tenant, found: Found, sealed: CodeCard) -> ExportedCode:
    card = decrypted(keyring, tenant.id, sealed)
    return ExportedCode(
        code=card.code or "",
        state=card.state,
        kind=card.kind,
        course=found.courses[card.course_id],
        video=found.videos[card.video_id] if card.video_id else "",
        label=card.label or "",
        type=card.type,
        uses=card.current_uses,
        max_uses=card.max_uses,
        expires_at=card.expires_at,
        access_days=card.access_days,
        created_at=card.created_at,
        address=redeem_address(tenant, card.code) if card.code else "",
    )
