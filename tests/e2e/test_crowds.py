"""A crowd redeems at the same moment, at two processes of the server: as many get in as there is room for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import bindparam, select

from kernel.tables import Outbox
from plugins.codes.tables import AccessCode, CodeRedemption, RedemptionAttempt
from plugins.courses.tables import CourseEnrollment
from tests.e2e.test_conformance import addresses, app, environment, installed_sample
from tests.plugins.codes.conftest import Classroom, classroom, new_classroom

__all__ = ["addresses", "app", "classroom", "environment", "installed_sample", "new_classroom"]

PATIENCE_S = 60
_USES = select(AccessCode.current_uses).where(AccessCode.id == bindparam("code"))
_REDEEMED = select(CodeRedemption.user_id).where(CodeRedemption.code_id == bindparam("code"))
_ENROLLED = select(CourseEnrollment.user_id).where(
    CourseEnrollment.access_code_id == bindparam("code"), CourseEnrollment.status == "active"
)
_ALL_ENROLLED = select(CourseEnrollment.user_id).where(
    CourseEnrollment.course_id == bindparam("course"), CourseEnrollment.status == "active"
)
_OUTCOMES = select(RedemptionAttempt.outcome).where(RedemptionAttempt.code_id == bindparam("code"))
# Nobody takes these away: neither process runs background work, and this one does when it is told to.
_TOLD = select(Outbox.payload["user_id"].astext).where(
    Outbox.tenant_id == bindparam("tenant"), Outbox.listener == "courses.count_enrollment"
)
Knock = Callable[[Sequence[str], Any], Awaitable[list[httpx.Response]]]


@pytest.fixture
async def knock(classroom: Classroom, addresses: list[str]) -> AsyncIterator[Knock]:
    """Redeem a code with each of these tokens, all at once and in turn at either process, by calling it."""
    bounds = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=PATIENCE_S, limits=bounds) as client:

        async def ask(place: int, token: str, code: str) -> httpx.Response:
            headers = {"Host": classroom.school.host, "Authorization": f"Bearer {token}"}
            address = addresses[place % len(addresses)]
            return await client.post(f"{address}/api/v1/access-codes/redeem", headers=headers, json={"code": code})

        async def all_at_once(tokens: Sequence[str], code: Any) -> list[httpx.Response]:
            return await asyncio.gather(*(ask(place, token, code["code"]) for place, token in enumerate(tokens)))

        yield all_at_once


@pytest.fixture
async def enroll(classroom: Classroom, addresses: list[str]) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Enrol with each of these tokens, all at once and in turn at either process, by calling it."""
    async with httpx.AsyncClient(timeout=PATIENCE_S, limits=httpx.Limits(max_connections=None)) as client:

        async def ask(place: int, token: str) -> httpx.Response:
            headers = {"Host": classroom.school.host, "Authorization": f"Bearer {token}"}
            address = addresses[place % len(addresses)]
            return await client.post(f"{address}/api/v1/courses/{classroom.course_id}/enroll", headers=headers)

        async def all_at_once(tokens: Sequence[str]) -> list[httpx.Response]:
            return await asyncio.gather(*(ask(place, token) for place, token in enumerate(tokens)))

        yield all_at_once


def counted(answers: list[httpx.Response]) -> Counter[tuple[int, str]]:
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


async def check_took(classroom: Classroom, code: Any, users: set[UUID], refusals: dict[str, int]) -> None:
    """Assert that uses, redemptions, enrolments, events and the log all say that these took the code, and no other."""
    school, code_id = classroom.school, UUID(code["id"])
    async with school.db() as db:
        uses = await db.value(_USES, code=code_id)
        redeemed = sorted(await db.values(_REDEEMED, code=code_id))
        enrolled = sorted(await db.values(_ENROLLED, code=code_id))
        outcomes = Counter(await db.values(_OUTCOMES, code=code_id))
    async with school.deployment.operator_session(None, "test") as db:
        told = sorted(UUID(each) for each in await db.values(_TOLD, tenant=school.id))
    assert uses == len(users)
    assert redeemed == enrolled == told == sorted(users)
    assert outcomes == {"codes.access_code.redeemed": len(users), **refusals}
    await school.settle()
    course = (await classroom.instructor.get(f"/courses/{classroom.course_id}")).json()
    assert course["total_enrolled"] == len(users)


async def test_two_hundred_share_fifty_uses(classroom: Classroom, knock: Knock) -> None:
    code, people = await classroom.code(max_uses=50), await classroom.crowd(200)

    answers = await knock(list(people.values()), code)

    assert counted(answers) == {(200, ""): 50, (409, "codes.exhausted"): 150}
    took = {user for user, answer in zip(people, answers, strict=True) if answer.status_code == 200}
    await check_took(classroom, code, took, {"codes.exhausted": 150})


async def test_a_course_with_fewer_places_than_uses_counts_no_use_for_whom_it_turns_away(
    classroom: Classroom, knock: Knock
) -> None:
    limited = await classroom.instructor.patch(f"/courses/{classroom.course_id}", json={"max_students": 20})
    assert limited.status_code == 200, limited.text
    code, people = await classroom.code(max_uses=60), await classroom.crowd(60)

    answers = await knock(list(people.values()), code)

    assert counted(answers) == {(200, ""): 20, (409, "courses.full"): 40}
    took = {user for user, answer in zip(people, answers, strict=True) if answer.status_code == 200}
    await check_took(classroom, code, took, {"courses.full": 40})


async def test_a_double_click_at_both_processes_redeems_once(classroom: Classroom, knock: Knock) -> None:
    code, people = await classroom.code(max_uses=50), await classroom.crowd(1)

    answers = await knock(list(people.values()) * 10, code)

    assert counted(answers) == {(200, ""): 1, (409, "codes.already_redeemed"): 9}
    await check_took(classroom, code, set(people), {"codes.already_redeemed": 9})


async def test_forty_students_share_ten_places(classroom: Classroom, enroll: Any) -> None:
    school, course = classroom.school, f"/courses/{classroom.course_id}"
    terms = {"max_students": 10, "requires_code": False, "price": "0"}
    assert (await classroom.instructor.patch(course, json=terms)).status_code == 200
    people = await classroom.crowd(40)

    answers = await enroll([*people.values(), *people.values()])

    # Everybody has clicked twice: whoever got in is told so again, the others are turned away twice.
    assert counted(answers) == {(201, ""): 10, (200, ""): 10, (409, "courses.full"): 60}
    entered = {user for user, answer in zip(people, answers[:40], strict=True) if answer.status_code < 300}
    async with school.db() as db:
        enrolled = await db.values(_ALL_ENROLLED, course=classroom.course_id)
    async with school.deployment.operator_session(None, "test") as db:
        told = sorted(UUID(each) for each in await db.values(_TOLD, tenant=school.id))
    assert sorted(enrolled) == told == sorted(entered)
    await school.settle()
    assert (await classroom.instructor.get(course)).json()["total_enrolled"] == 10
    assert (await classroom.instructor.get(f"{course}/students")).json()["total"] == 10
