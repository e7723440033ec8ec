"""Totals: exact while they are small, kept for seconds where they are big, and never another tenant's."""

import msgspec
import pytest
from sqlalchemy import func, select

from kernel import totals
from kernel.audit import note
from kernel.tables import AuditLog
from kernel.testing import FakeClock, School
from kernel.totals import counts_of, total_of

_COUNT = select(func.count().label("count")).select_from(AuditLog)


async def _one_more(school: School) -> None:
    async with school.db() as db:
        await note(db, "probe.thing.noticed", entity_type="probe.thing")


async def test_few_are_counted_each_time_and_many_now_and_then(
    school: School, other_school: School, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _one_more(school)
    async with school.db() as db:
        few = await total_of(db, _COUNT, {})
    await _one_more(school)
    async with school.db() as db:
        more = await total_of(db, _COUNT, {})
    assert more > few
    monkeypatch.setattr(totals, "FEW", 1)
    async with school.db() as db:
        assert await total_of(db, _COUNT, {}) == more
    await _one_more(school)
    async with school.db() as db, other_school.db() as others:
        assert await total_of(db, _COUNT, {}) == more
        assert await total_of(others, _COUNT, {}) == await others.value(_COUNT)
    fake_clock.advance(seconds=totals.GOOD_FOR.total_seconds() + 1)
    async with school.db() as db:
        assert await total_of(db, _COUNT, {}) > more


class _Count(msgspec.Struct, frozen=True):
    count: int


async def test_counts_of_much_are_kept_under_what_must_be_seen_at_once(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def counted(version: int) -> list[_Count]:
        async with school.db() as db:
            return await counts_of(
                db, _Count, _COUNT, {}, key={"version": version}, total=lambda rows: sum(row.count for row in rows)
            )

    await _one_more(school)
    few = await counted(1)
    await _one_more(school)
    more = await counted(1)
    assert more != few
    monkeypatch.setattr(totals, "FEW", 1)
    assert await counted(1) == more
    await _one_more(school)
    assert await counted(1) == more
    assert await counted(2) != more
