"""Reads that tell how codes are used: in which state they are, what was redeemed day by day, what was refused."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from msgspec import structs
from sqlalchemy import Date, DateTime, Executable, Text, bindparam, func, select, text

from kernel import clock
from kernel.auth import Actor
from kernel.categories import GENERAL, GeneralSettings
from kernel.db import Db
from kernel.totals import counts_of
from plugins.codes.events import CodeRedeemed
from plugins.codes.permissions import VIEW
from plugins.codes.queries.filters import STATE, CodeFilter, conditions, narrowed
from plugins.codes.schemas import CodeUsage, DayCount, OutcomeCount, StateCounts
from plugins.codes.tables import AccessCode, CodeRedemption, RedemptionAttempt

MOST_DAYS = 366
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_REDEEMED = CodeRedeemed.name


@cache
def _states(names: tuple[str, ...]) -> Executable:
    each = select(STATE, AccessCode.current_uses).where(*conditions(names)).subquery()
    counts = [func.count().filter(each.c.state == text(f"'{name}'")) for name in StateCounts.__struct_fields__[:-1]]
    redeemed = func.coalesce(func.sum(each.c.current_uses), 0)
    return select(
        *(count.label(name) for count, name in zip(counts, StateCounts.__struct_fields__, strict=False)),
        redeemed.label("redeemed"),
    )


@cache
def _by_day(names: tuple[str, ...]) -> Executable:
    day = func.timezone(bindparam("timezone", type_=Text), CodeRedemption.redeemed_at).cast(Date).label("day")
    return (
        select(day, func.count().label("count"))
        .join(AccessCode, AccessCode.id == CodeRedemption.code_id)
        .where(*conditions(names), CodeRedemption.redeemed_at >= _SINCE)
        .group_by(text("1"))
    )


@cache
def _refused(names: tuple[str, ...]) -> Executable:
    return (
        select(RedemptionAttempt.outcome, func.count().label("count"))
        .join(AccessCode, AccessCode.id == RedemptionAttempt.code_id)
        .where(
            *conditions(names),
            RedemptionAttempt.attempted_at >= _SINCE,
            RedemptionAttempt.outcome != bindparam("redeemed", type_=Text),
        )
        .group_by(RedemptionAttempt.outcome)
        .order_by(RedemptionAttempt.outcome)
    )


async def usage(
    db: Db, actor: Actor, wanted: CodeFilter, *, days: int, changed_at: datetime | None = None
) -> CodeUsage:
    """Return how codes are used that the actor may see; of more than 1,000 codes as it was ten seconds ago.

    Needs: codes.access_code.view

    Args:
        db: The transaction.
        actor: Who asks.
        wanted: Which codes.
        days: So many up to today, in the tenant's time zone.
        changed_at: When all of these codes were last changed together, which is seen at once.
    """
    timezone = db.tenant.setting(GENERAL, GeneralSettings).timezone
    shown = _days(days, timezone)
    since = datetime.combine(shown[0], time(), ZoneInfo(timezone))
    names, given = narrowed(db, actor, wanted)
    (states,) = await counts_of(
        db,
        StateCounts,
        _states(names),
        {**given, "now": clock.now()},
        key={**structs.asdict(wanted), "whose": actor.limited_to(VIEW), "changed_at": changed_at},
        total=_codes_in,
    )
    counted = await db.rows(DayCount, _by_day(names), timezone=timezone, since=since, **given)
    refused = await db.rows(OutcomeCount, _refused(names), since=since, redeemed=_REDEEMED, **given)
    by_day = {each.day: each.count for each in counted}
    return CodeUsage(states, [DayCount(day, by_day.get(day, 0)) for day in shown], refused)


def _codes_in(counts: Sequence[StateCounts]) -> int:
    return sum(sum(structs.astuple(each)[:-1]) for each in counts)


def _days(count: int, timezone: str) -> Sequence[date]:
    today = clock.now().astimezone(ZoneInfo(timezone)).date()
    return [today - timedelta(days=before) for before in reversed(range(count))]
