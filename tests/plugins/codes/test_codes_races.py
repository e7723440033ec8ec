"""Many at once: a code is redeemed as often as it allows, and once by each."""

import asyncio
from collections import Counter
from uuid import UUID

import httpx
from sqlalchemy import bindparam, func, select, text, update

from kernel.testing import Person, Recorder, School
from plugins.codes.api import CodeRedeemed
from plugins.codes.tables import AccessCode, CodeRedemption, RedemptionAttempt
from tests.plugins.codes.conftest import Classroom, redeem

_USES = select(AccessCode.current_uses)
_REDEMPTIONS = select(func.count()).select_from(CodeRedemption)
_OUTCOMES = select(RedemptionAttempt.outcome)
_DEACTIVATE = update(AccessCode).where(AccessCode.id == bindparam("code")).values(is_active=False)
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


async def all_at_once(people: list[Person], code: str) -> Counter[tuple[int, str]]:
    """Let everybody redeem at the same moment; count the answers."""
    answers: list[httpx.Response] = await asyncio.gather(*(redeem(person, code) for person in people))
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


async def counted(school: School) -> tuple[int, int, Counter[str]]:
    async with school.db() as db:
        return await db.value(_USES), await db.value(_REDEMPTIONS), Counter(await db.values(_OUTCOMES))


async def until_somebody_waits(school: School) -> None:
    """Return once a transaction of this database waits for a lock."""
    for _ in range(2000):
        # In one transaction every look at who is active is the first one.
        async with school.db() as db:
            if await db.value(_WAITING):
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody came to wait")


async def test_sixty_students_share_twenty_uses(classroom: Classroom, recorder: Recorder) -> None:
    code = await classroom.code(max_uses=20)
    students = [await classroom.student() for _ in range(60)]

    answers = await all_at_once(students, code["code"])

    assert answers == {(200, ""): 20, (409, "codes.exhausted"): 40}
    outcomes = {"codes.access_code.redeemed": 20, "codes.exhausted": 40}
    assert await counted(classroom.school) == (20, 20, Counter(outcomes))
    assert len({event.user_id for event in recorder.of(CodeRedeemed)}) == len(recorder.of(CodeRedeemed)) == 20
    enrolled = (await classroom.instructor.get(f"/courses/{classroom.course_id}/students")).json()
    assert enrolled["total"] == 20
    assert (await classroom.instructor.get(f"/access-codes/{code['id']}/redemptions")).json()["total"] == 20


async def test_an_impatient_student_counts_once(classroom: Classroom) -> None:
    code, student = await classroom.code(), await classroom.student()

    answers = await all_at_once([student] * 10, code["code"])

    assert answers == {(200, ""): 1, (409, "codes.already_redeemed"): 9}
    outcomes = {"codes.access_code.redeemed": 1, "codes.already_redeemed": 9}
    assert await counted(classroom.school) == (1, 1, Counter(outcomes))


async def test_a_code_that_closes_while_its_use_is_awaited_says_that_it_is_closed(classroom: Classroom) -> None:
    code, student = await classroom.code(), await classroom.student()

    async with classroom.school.db() as db:
        await db.run(_DEACTIVATE, code=UUID(code["id"]))
        redeeming = asyncio.create_task(redeem(student, code))
        await until_somebody_waits(classroom.school)
    answer = await redeeming

    assert (answer.status_code, answer.json()["code"]) == (409, "codes.inactive")
    assert await counted(classroom.school) == (0, 0, Counter({"codes.inactive": 1}))


async def test_a_maximum_lowered_to_the_uses_meanwhile_leaves_the_last_one_out(classroom: Classroom) -> None:
    code, first, last = await classroom.code(max_uses=2), await classroom.student(), await classroom.student()
    assert (await redeem(first, code)).status_code == 200

    answers = await asyncio.gather(
        redeem(last, code), classroom.instructor.patch(f"/access-codes/{code['id']}", json={"max_uses": 1})
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    detail = await classroom.detail(code)
    assert detail["max_uses"] == detail["current_uses"]
