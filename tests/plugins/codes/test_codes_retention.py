"""What is forgotten of codes that expired long ago, and of attempts of long ago; and what is not."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, insert, select, update

from kernel import clock
from kernel.db import Db
from kernel.ids import new_id
from kernel.tasks import NoPayload, enqueue
from kernel.testing import School
from plugins.codes import tasks
from plugins.codes.actions import retention
from plugins.codes.key_uses import KEY_USES
from plugins.codes.tables import AccessCode, RedemptionAttempt
from tests.plugins.codes.conftest import Classroom, redeem

_EXPIRE = update(AccessCode).where(AccessCode.id == bindparam("code")).values(expires_at=bindparam("at"))
_ATTEMPT = insert(RedemptionAttempt).values(
    {name: bindparam(name) for name in ("id", "user_id", "ip_address", "outcome", "attempted_at")}
)
_ATTEMPTS = select(RedemptionAttempt.id).order_by(RedemptionAttempt.id)


async def expired(classroom: Classroom, days_ago: float, uses: int = 0, **terms: Any) -> dict[str, Any]:
    """Return a code that was redeemed so often before it expired so long ago."""
    code = await classroom.code(**terms)
    for _ in range(uses):
        assert (await redeem(await classroom.student(), code)).status_code == 200
    async with classroom.school.db() as db:
        await db.run(_EXPIRE, code=UUID(code["id"]), at=clock.now() - timedelta(days=days_ago))
    return code


async def night(school: School) -> None:
    """Do what the schedule does."""
    async with school.db() as db:
        await enqueue(db, tasks.FORGET, NoPayload())
    await school.settle()


async def left(classroom: Classroom) -> list[str]:
    page = (await classroom.instructor.get("/access-codes?limit=100")).json()
    return sorted(item["id"] for item in page["items"])


async def set_days(classroom: Classroom, **days: int) -> None:
    answer = await classroom.admin.patch("/settings", json={"codes": days})
    assert answer.status_code == 200, answer.text


async def test_codes_that_expired_long_ago_go_or_lose_their_text(classroom: Classroom) -> None:
    unused = await expired(classroom, 366)
    redeemed = await expired(classroom, 366, uses=2)
    recent = await expired(classroom, 364)
    endless = await classroom.code()

    await night(classroom.school)

    assert await left(classroom) == sorted(code["id"] for code in (redeemed, recent, endless))
    assert (await classroom.instructor.get(f"/access-codes/{unused['id']}")).status_code == 404
    async with classroom.school.db() as db:
        driver = await db.driver()
        stored = await driver.fetch("SELECT id FROM codes.access_codes WHERE code_lookup IS NULL")
    assert [row["id"] for row in stored] == [UUID(redeemed["id"])]
    async with classroom.school.deployment.operator_session(None, "test") as db:
        (use,) = KEY_USES
        assert None not in await use.counts(db)
    detail = await classroom.detail(redeemed)
    assert (detail["code"], detail["state"], detail["current_uses"]) == (None, "expired", 2)
    people = (await classroom.instructor.get(f"/access-codes/{redeemed['id']}/redemptions")).json()
    assert people["total"] == 2
    enrolled = (await classroom.instructor.get(f"/courses/{classroom.course_id}/students")).json()
    assert enrolled["total"] == 2
    student = await classroom.student()
    assert (await redeem(student, redeemed)).json()["code"] == "codes.unknown"
    assert (await redeem(student, recent)).json()["code"] == "codes.expired"
    batch = (await classroom.instructor.get(f"/access-codes/batches/{unused['batch_id']}")).json()["batch"]
    assert (batch["count"], batch["active"]) == (1, 0)


async def test_what_is_forgotten_stays_expired_and_does_not_stand_in_documents(classroom: Classroom) -> None:
    code = await expired(classroom, 366, uses=1)
    await night(classroom.school)

    later = (clock.now() + timedelta(days=1)).isoformat()
    for until in (later, None):
        answer = await classroom.instructor.patch(f"/access-codes/{code['id']}", json={"expires_at": until})
        assert (answer.status_code, answer.json()["code"]) == (409, "codes.forgotten")
    answer = await classroom.instructor.patch(f"/access-codes/{code['id']}", json={"label": "Long ago"})
    assert (answer.status_code, answer.json()["label"], answer.json()["code"]) == (200, "Long ago", None)
    document = await classroom.instructor.get("/access-codes/export")
    assert (document.status_code, "Long ago" in document.text, code["code"] in document.text) == (200, True, False)
    cards = await classroom.instructor.get("/access-codes/export?format=pdf")
    assert cards.status_code == 200


async def test_each_school_keeps_them_as_long_as_it_says(
    classroom: Classroom, other_school: School, new_classroom: Callable[[School], Awaitable[Classroom]]
) -> None:
    other = await new_classroom(other_school)
    mine = [await expired(classroom, days) for days in (9, 11)]
    theirs = await expired(other, 4000)
    await set_days(classroom, keep_expired_days=10)
    await set_days(other, keep_expired_days=0)

    await night(classroom.school)
    await night(other_school)

    assert await left(classroom) == [mine[0]["id"]]
    assert await left(other) == [theirs["id"]]


@pytest.mark.parametrize(
    ("name", "days"), [("keep_expired_days", -1), ("keep_attempts_days", 29), ("keep_attempts_days", 3651)]
)
async def test_impossible_days_are_refused(classroom: Classroom, name: str, days: int) -> None:
    assert (await classroom.admin.patch("/settings", json={"codes": {name: days}})).status_code == 400


async def tried(classroom: Classroom, *days_ago: float) -> list[UUID]:
    """Let somebody have tried a code so long ago; return the attempts."""
    student, ids = await classroom.student(), []
    async with classroom.school.db() as db:
        for days in days_ago:
            ids.append(new_id())
            at = clock.now() - timedelta(days=days)
            what = {"ip_address": "192.0.2.1", "outcome": "codes.unknown", "attempted_at": at}
            await db.run(_ATTEMPT, id=ids[-1], user_id=student.id, **what)
    return ids


async def test_attempts_of_long_ago_go_in_one_school_alone(
    classroom: Classroom, other_school: School, new_classroom: Callable[[School], Awaitable[Classroom]]
) -> None:
    other = await new_classroom(other_school)
    theirs = await tried(other, 91, 5000)
    mine = await tried(classroom, 89, 91, 29, 500)

    await night(classroom.school)

    async with classroom.school.db() as db:
        assert await db.values(_ATTEMPTS) == [mine[0], mine[2]]
    async with other_school.db() as db:
        assert await db.values(_ATTEMPTS) == theirs


async def test_many_go_a_few_at_a_time_and_a_crash_leaves_the_rest_for_later(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_AT_ONCE", 2)
    for _ in range(3):
        await expired(classroom, 400)
    used = [await expired(classroom, 400, uses=1) for _ in range(2)]
    await tried(classroom, *[400] * 5)
    turns: list[int] = []

    async def crashing(db: Db, most: int) -> int:
        turns.append(await retention.forget_codes(db, most))
        if len(turns) == 2:
            raise RuntimeError("the power fails")
        return turns[-1]

    monkeypatch.setattr(tasks, "forget_codes", crashing)
    async with classroom.school.db() as db:
        await enqueue(db, tasks.FORGET, NoPayload())
    assert len(await classroom.school.settle(may_fail=True)) == 1
    assert len(await left(classroom)) == 3

    await classroom.school.bring_forward()
    await classroom.school.settle()

    assert turns == [2, 2, 2, 1]
    assert await left(classroom) == sorted(code["id"] for code in used)
    assert [(await classroom.detail(code))["code"] for code in used] == [None, None]
    async with classroom.school.db() as db:
        assert len(await db.values(_ATTEMPTS)) == 2


async def test_a_code_that_somebody_is_extending_is_left_alone(classroom: Classroom) -> None:
    code = await expired(classroom, 400)
    async with classroom.school.db() as db:
        await db.run(_EXPIRE, code=UUID(code["id"]), at=clock.now() + timedelta(days=1))
        await night(classroom.school)
    await night(classroom.school)
    assert (await redeem(await classroom.student(), code)).status_code == 200
