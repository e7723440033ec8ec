"""Redeem a code: once per user, never more often than it allows, and every attempt is written down.

Who may redeem which code is decided in `rules`; what a course or video then opens, in `courses`.
"""

from datetime import datetime
from functools import cache, partial
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Executable, LargeBinary, Text, Uuid, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.events import publish
from kernel.ids import new_id
from plugins.auth import api as auth
from plugins.codes import rules
from plugins.codes.actions.attempts import record_refusal
from plugins.codes.errors import CodeAlreadyRedeemed, CodeExhausted, CodeNotForYou, CodeUnknown
from plugins.codes.events import CodeRedeemed
from plugins.codes.queries.filters import lookups
from plugins.codes.schemas import CodeKind, Redeemed
from plugins.codes.tables import AccessCode, CodeRedemption, RedemptionAttempt
from plugins.courses import api as courses

_STATE = select(
    AccessCode.id,
    AccessCode.kind,
    AccessCode.course_id,
    AccessCode.video_id,
    AccessCode.is_active,
    AccessCode.expires_at,
    AccessCode.access_days,
    AccessCode.paused_until,
    AccessCode.allowed_emails,
    AccessCode.allowed_domains,
    func.coalesce(AccessCode.current_uses >= AccessCode.max_uses, False).label("is_exhausted"),
    exists()
    .where(CodeRedemption.code_id == AccessCode.id, CodeRedemption.user_id == bindparam("user_id"))
    .label("is_redeemed"),
)
_BY_ID = _STATE.where(AccessCode.id == bindparam("code_id"))
_INSERT_REDEMPTION = (
    upsert(CodeRedemption)
    .values({name: bindparam(name) for name in ("code_id", "code_type", "user_id", "ip_address")})
    .on_conflict_do_nothing(index_elements=["tenant_id", "code_id", "user_id"])
    .returning(CodeRedemption.id)
)
# The hot row, touched last and shortly; that it was taken is logged in the same breath.
_TAKEN = (
    update(AccessCode)
    .where(
        AccessCode.id == bindparam("code_id"),
        AccessCode.is_active,
        or_(AccessCode.max_uses.is_(None), AccessCode.current_uses < AccessCode.max_uses),
        or_(AccessCode.expires_at.is_(None), AccessCode.expires_at > bindparam("now")),
    )
    .values(current_uses=AccessCode.current_uses + 1)
    .returning(AccessCode.id)
    .cte("taken")
)
_TAKE_USE = (
    insert(RedemptionAttempt)
    .from_select(
        ["id", "code_id", "user_id", "ip_address", "outcome"],
        select(
            bindparam("attempt_id", type_=Uuid),
            _TAKEN.c.id,
            bindparam("user_id", type_=Uuid),
            bindparam("ip_address", type_=Text),
            bindparam("outcome", type_=Text),
        ),
        include_defaults=False,
    )
    .returning(RedemptionAttempt.code_id)
)


class FoundCode(Struct, frozen=True):
    """What a decision about a code needs, and whether this user has redeemed it."""

    id: UUID
    kind: CodeKind
    course_id: UUID
    video_id: UUID | None
    is_active: bool
    expires_at: datetime | None
    access_days: int | None
    paused_until: datetime | None
    allowed_emails: list[str]
    allowed_domains: list[str]
    is_exhausted: bool
    is_redeemed: bool


async def redeem(db: Db, actor: Actor, *, code: str) -> Redeemed:
    """Open what the code opens, for the actor.

    Needs: codes.access_code.redeem
    Emits: codes.access_code.redeemed

    Raises:
        CodeUnknown: Nothing reads so.
        CodeInactive: It was switched off.
        CodeExpired: Its time is over.
        CodePaused: It rests after an attack.
        CodeNotForYou: It is bound to other addresses.
        CodeAlreadyRedeemed: The actor has done so before.
        CodeExhausted: All its uses are taken.
    """
    found = await find_code(db, actor, code)
    try:
        if found is None:
            raise CodeUnknown
        await check_may_redeem(db, actor, found)
        return await _take(db, actor, found)
    except (Conflict, Forbidden, NotFound) as refusal:
        record = partial(record_refusal, actor=actor, code_id=found.id if found else None, refusal=refusal)
        db.do_always(record)
        raise


@cache
def by_lookup(keys: int) -> Executable:
    """Return the statement that finds a code by its hash under so many keys."""
    # Not `any_(array)`: with one key the planner then knows that there is one row at most, without any statistics.
    hashes = (bindparam(f"lookup_{number}", type_=LargeBinary) for number in range(keys))
    return _STATE.where(or_(*(AccessCode.code_lookup == each for each in hashes)))


async def find_code(db: Db, actor: Actor, text: str) -> FoundCode | None:
    """Return the code that somebody typed; None if none of the tenant reads so."""
    code = rules.normalise(text)
    if code is None:
        return None
    hashes = {f"lookup_{number}": each for number, each in enumerate(lookups(db, code))}
    return await db.row(FoundCode, by_lookup(len(hashes)), **hashes, user_id=actor.id)


async def check_may_redeem(db: Db, actor: Actor, found: FoundCode) -> None:
    """Refuse for what can be known before anything is written.

    Raises:
        CodeInactive: It was switched off.
        CodeExpired: Its time is over.
        CodePaused: It rests after an attack.
        CodeNotForYou: It is bound to other addresses.
        CodeAlreadyRedeemed: The actor has done so before.
        CodeExhausted: All its uses are taken.
    """
    _check_open(found)
    if found.allowed_emails or found.allowed_domains:
        emails = await auth.emails_by_id(db, [actor.id])
        if not rules.is_addressed_to(
            emails.get(actor.id, ""), emails=found.allowed_emails, domains=found.allowed_domains
        ):
            raise CodeNotForYou
    if found.is_redeemed:
        raise CodeAlreadyRedeemed
    if found.is_exhausted:
        raise CodeExhausted


def _check_open(found: FoundCode) -> None:
    rules.check_open(
        is_active=found.is_active, expires_at=found.expires_at, paused_until=found.paused_until, now=clock.now()
    )


async def _take(db: Db, actor: Actor, found: FoundCode) -> Redeemed:
    """Write redemption, enrolment and use; whoever comes second in a race is refused by one of the three."""
    redemption = await db.value(
        _INSERT_REDEMPTION, code_id=found.id, code_type=found.kind, user_id=actor.id, ip_address=actor.address
    )
    if redemption is None:
        raise CodeAlreadyRedeemed
    enrollment = None
    if found.video_id is None:
        enrollment = await courses.enroll_by_code(db, actor.id, found.course_id, found.id, found.access_days)
    else:
        await courses.grant_video(db, actor.id, found.video_id, found.id, found.access_days)
    await _take_use(db, actor, found)
    await publish(
        db,
        CodeRedeemed(code_id=found.id, user_id=actor.id, course_id=found.course_id, video_id=found.video_id),
    )
    return Redeemed(found.kind, found.course_id, found.video_id, enrollment)


async def _take_use(db: Db, actor: Actor, found: FoundCode) -> None:
    taken = await db.value(
        _TAKE_USE,
        attempt_id=new_id(),
        code_id=found.id,
        user_id=actor.id,
        ip_address=actor.address,
        outcome=CodeRedeemed.name,
        now=clock.now(),
    )
    if taken is None:
        # It was open when it was found: either somebody took the last use since, or somebody closed it.
        for present in await db.rows(FoundCode, _BY_ID, code_id=found.id, user_id=actor.id):
            _check_open(present)
        raise CodeExhausted
