"""Totals: exact while they are small, kept for seconds where they are big, and never another tenant's."""

import pytest
from sqlalchemy import func, select

from kernel import totals
from kernel.audit import note
from kernel.tables import AuditLog
from kernel.testing import FakeClock, School
from kernel.totals import total_of

_COUNT = select(func.count()).select_from(AuditLog)


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
