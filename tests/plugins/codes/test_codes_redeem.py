"""Redeeming: what it opens, why it refuses, what is written down either way."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, func, select, update

from kernel import clock
from kernel.testing import FakeClock, Person, School, SchoolFactory
from plugins.codes.tables import AccessCode, CodeRedemption, RedemptionAttempt
from tests.plugins.codes.conftest import Classroom, ClassroomFactory, redeem

_OUTCOMES = select(RedemptionAttempt.outcome).order_by(RedemptionAttempt.id)
_ATTEMPTED_BY = select(RedemptionAttempt.user_id).order_by(RedemptionAttempt.id)
_ATTEMPTED_CODES = select(RedemptionAttempt.code_id).order_by(RedemptionAttempt.id)
_ADDRESSES = select(RedemptionAttempt.ip_address)
_REDEMPTIONS = select(func.count()).select_from(CodeRedemption)
_REDEEMED_TYPES = select(CodeRedemption.code_type)
_CHANGE = {
    name: update(AccessCode).where(AccessCode.id == bindparam("code")).values({name: bindparam("value")})
    for name in ("is_active", "expires_at", "paused_until")
}


async def change(school: School, code: dict[str, Any], column: str, value: object) -> None:
    """Change a code as no route would."""
    async with school.db() as db:
        await db.run(_CHANGE[column], code=UUID(code["id"]), value=value)


async def outcomes(school: School) -> list[str]:
    async with school.db() as db:
        return await db.values(_OUTCOMES)


async def refusal(person: Person, code: dict[str, Any] | str) -> tuple[int, str]:
    answer = await redeem(person, code)
    return answer.status_code, answer.json()["code"]


async def test_a_course_code_enrols(classroom: Classroom) -> None:
    student, code = await classroom.student(), await classroom.code()

    answer = await redeem(student, code)

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"kind", "course_id", "enrollment"}
    assert (body["kind"], body["course_id"]) == ("course", str(classroom.course_id))
    assert (body["enrollment"]["course_id"], body["enrollment"]["status"]) == (str(classroom.course_id), "active")
    mine = (await student.get("/enrollments")).json()
    assert [each["course"]["id"] for each in mine["items"]] == [str(classroom.course_id)]
    assert (await classroom.detail(code))["current_uses"] == 1
    assert await outcomes(classroom.school) == ["codes.access_code.redeemed"]


async def test_a_video_code_opens_the_video(classroom: Classroom) -> None:
    student = await classroom.student()
    assert (await redeem(student, await classroom.code())).status_code == 200
    stream = f"/videos/{classroom.video_id}/stream"
    assert (await student.get(stream)).json()["code"] == "courses.code_required"

    answer = await redeem(student, await classroom.code(video_id=str(classroom.video_id)))

    assert answer.status_code == 200
    assert answer.json() == {
        "kind": "video",
        "course_id": str(classroom.course_id),
        "video_id": str(classroom.video_id),
    }
    assert (await student.get(stream)).status_code == 200
    async with classroom.school.db() as db:
        assert sorted(await db.values(_REDEEMED_TYPES)) == ["course", "video"]


@pytest.mark.parametrize(
    "write", [str.lower, lambda code: f"  {code.replace('-', ' ')}\n", lambda code: code.replace("-", "")]
)
async def test_a_code_is_read_however_it_is_typed(classroom: Classroom, write: Any) -> None:
    code = await classroom.code()

    assert (await redeem(await classroom.student(), write(code["code"]))).status_code == 200


@pytest.mark.parametrize("typed", ["ABCD-EFGH-2345", "not a code", "ABCDEFGH23\u00df"])
async def test_an_unknown_code_is_refused(classroom: Classroom, typed: str) -> None:
    student = await classroom.student()

    assert await refusal(student, typed) == (404, "codes.unknown")
    async with classroom.school.db() as db:
        assert await db.values(_OUTCOMES) == ["codes.unknown"]
        assert await db.values(_ATTEMPTED_CODES) == [None]
        assert await db.values(_ATTEMPTED_BY) == [student.id]
        assert await db.values(_ADDRESSES) == ["127.0.0.1"]


async def test_a_code_of_another_school_is_unknown(
    classroom: Classroom, other_school: School, new_classroom: ClassroomFactory
) -> None:
    code = await (await new_classroom(other_school)).code()

    assert await refusal(await classroom.student(), code) == (404, "codes.unknown")


async def test_an_inactive_code_is_refused(classroom: Classroom) -> None:
    code = await classroom.code()
    assert (await classroom.instructor.delete(f"/access-codes/{code['id']}")).status_code == 204

    assert await refusal(await classroom.student(), code) == (409, "codes.inactive")


async def test_an_expired_code_is_refused(classroom: Classroom, fake_clock: FakeClock) -> None:
    code = await classroom.code(expires_at=(clock.now() + timedelta(minutes=1)).isoformat())
    early, late = await classroom.student(), await classroom.student()

    assert (await redeem(early, code)).status_code == 200
    fake_clock.advance(minutes=1)
    assert await refusal(late, code) == (409, "codes.expired")


async def test_a_paused_code_is_refused_until_the_pause_is_over(classroom: Classroom, fake_clock: FakeClock) -> None:
    code, student = await classroom.code(), await classroom.student()
    await change(classroom.school, code, "paused_until", clock.now() + timedelta(minutes=5))

    assert await refusal(student, code) == (409, "codes.paused")
    fake_clock.advance(minutes=5)
    assert (await redeem(student, code)).status_code == 200


async def test_an_exhausted_code_is_refused(classroom: Classroom) -> None:
    code = await classroom.code(type="single_use")
    assert (await redeem(await classroom.student(), code)).status_code == 200
    late = await classroom.student()

    assert await refusal(late, code) == (409, "codes.exhausted")
    assert (await late.get("/enrollments")).json()["total"] == 0
    assert await outcomes(classroom.school) == ["codes.access_code.redeemed", "codes.exhausted"]


async def test_a_second_time_is_refused_as_such_even_if_all_uses_are_taken(classroom: Classroom) -> None:
    code, student = await classroom.code(type="single_use"), await classroom.student()
    assert (await redeem(student, code)).status_code == 200

    assert await refusal(student, code) == (409, "codes.already_redeemed")
    assert (await classroom.detail(code))["current_uses"] == 1


async def test_a_code_bound_to_an_address_is_for_that_address(classroom: Classroom) -> None:
    ada = await classroom.student(email="ada@example.com")
    bob = await classroom.student(email="bob@example.com")
    code = await classroom.code(allowed_emails=["Ada@Example.com"])

    assert await refusal(bob, code) == (403, "codes.not_for_you")
    assert (await redeem(ada, code)).status_code == 200
    assert await outcomes(classroom.school) == ["codes.not_for_you", "codes.access_code.redeemed"]


async def test_a_code_bound_to_a_domain_is_for_everyone_there(classroom: Classroom) -> None:
    ada = await classroom.student(email="ada@school.example")
    bob = await classroom.student(email="bob@mail.school.example")
    code = await classroom.code(allowed_domains=["school.example"])

    assert await refusal(bob, code) == (403, "codes.not_for_you")
    assert (await redeem(ada, code)).status_code == 200


async def test_a_full_course_takes_nobody_and_no_use(classroom: Classroom) -> None:
    changed = await classroom.instructor.patch(f"/courses/{classroom.course_id}", json={"max_students": 1})
    assert changed.status_code == 200
    code = await classroom.code()
    assert (await redeem(await classroom.student(), code)).status_code == 200

    assert await refusal(await classroom.student(), code) == (409, "courses.full")
    assert (await classroom.detail(code))["current_uses"] == 1
    assert await outcomes(classroom.school) == ["codes.access_code.redeemed", "courses.full"]
    async with classroom.school.db() as db:
        assert await db.value(_REDEMPTIONS) == 1


async def test_an_unlimited_code_goes_on(classroom: Classroom) -> None:
    code = await classroom.code(type="unlimited")

    for _ in range(3):
        assert (await redeem(await classroom.student(), code)).status_code == 200

    detail = await classroom.detail(code)
    assert (detail["max_uses"], detail["current_uses"]) == (None, 3)


async def test_a_body_with_anything_else_is_refused(classroom: Classroom) -> None:
    student = await classroom.student()

    for body in ({}, {"code": ""}, {"code": "A" * 101}, {"code": 5}, {"code": "A", "user_id": str(student.id)}):
        answer = await student.post("/access-codes/redeem", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "kernel.invalid")
    assert await outcomes(classroom.school) == []


async def test_five_attempts_a_minute_are_let_through(
    new_school: SchoolFactory, new_classroom: ClassroomFactory
) -> None:
    limits = {"redeem_per_minute": 5, "login_per_minute": 1000, "api_per_minute": 1000}
    classroom = await new_classroom(await new_school(settings={"security": {"rate_limits": limits}}))
    student = await classroom.student()

    answers = [(await redeem(student, "ABCD-EFGH-2345")).status_code for _ in range(7)]

    assert answers == [404] * 5 + [429] * 2
    assert await outcomes(classroom.school) == ["codes.unknown"] * 5
