"""Codes that open something for a time: exactly until then, longer by another code, and told when it is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from kernel.tasks import NoPayload, enqueue
from kernel.testing import Person
from plugins.courses.tables import CourseEnrollment, VideoGrant
from plugins.courses.tasks import EXPIRE
from tests.plugins.codes.conftest import Classroom, redeem

# A tenth of a second ago, by the database's clock: no test waits.
_JUST_OVER = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, 0.1)
_END_ENROLLMENTS = update(CourseEnrollment).values(expires_at=_JUST_OVER)
_END_GRANTS = update(VideoGrant).values(expires_at=_JUST_OVER)
_COMPLETE = update(CourseEnrollment).values(status="completed", progress=100, completed_at=func.now())
_STATUSES = select(CourseEnrollment.status)
_GRANT_ENDS = select(VideoGrant.expires_at)


async def redeemed(person: Person, code: dict[str, Any]) -> dict[str, Any]:
    """Redeem a code and return what it opened."""
    answer = await redeem(person, code)
    assert answer.status_code == 200, answer.text
    opened: dict[str, Any] = answer.json()
    return opened


async def ends_at(person: Person, code: dict[str, Any]) -> datetime | None:
    """Redeem a course's code and return when the enrolment ends."""
    until = (await redeemed(person, code))["enrollment"]["expires_at"]
    return None if until is None else datetime.fromisoformat(until)


async def run(classroom: Classroom, statement: Any) -> None:
    async with classroom.school.db() as db:
        await db.run(statement)


async def sweep(classroom: Classroom) -> None:
    """Do what the schedule does, and what follows from it."""
    async with classroom.school.db() as db:
        await enqueue(db, EXPIRE, NoPayload())
    await classroom.school.settle()


async def enrollments(person: Person, query: str = "") -> list[tuple[str, bool]]:
    """Return status and whether it ends of each of somebody's enrolments."""
    page = (await person.get(f"/enrollments{query}")).json()
    assert page["total"] == len(page["items"])
    return [(item["status"], item["expires_at"] is not None) for item in page["items"]]


async def test_a_code_of_thirty_days_opens_for_thirty_days(classroom: Classroom) -> None:
    student, code = await classroom.student(), await classroom.code(access_days=30)
    assert (code["access_days"], (await classroom.detail(code))["access_days"]) == (30, 30)

    until = await ends_at(student, code)

    assert until is not None
    assert abs(until - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=1)
    (mine,) = (await student.get("/enrollments")).json()["items"]
    assert (mine["status"], datetime.fromisoformat(mine["expires_at"])) == ("active", until)
    (shown,) = (await classroom.instructor.get(f"/courses/{classroom.course_id}/students")).json()["items"]
    assert datetime.fromisoformat(shown["expires_at"]) == until


@pytest.mark.parametrize("days", [0, -1, 3651, "30"])
async def test_days_are_at_least_one_and_at_most_ten_years(classroom: Classroom, days: object) -> None:
    order = {"course_id": str(classroom.course_id), "type": "single_use", "access_days": days}

    answer = await classroom.instructor.post("/access-codes/generate", json=order)

    assert (answer.status_code, answer.json()["code"]) == (400, "kernel.invalid")


async def test_everything_is_closed_at_that_moment_before_any_schedule(classroom: Classroom) -> None:
    course = f"/courses/{classroom.course_id}"
    assert (await classroom.instructor.patch(course, json={"max_students": 1})).status_code == 200
    student, next_one = await classroom.student(), await classroom.student()
    await redeemed(student, await classroom.code(access_days=30))
    await redeemed(student, await classroom.code(video_id=str(classroom.video_id)))
    progress = {"position": 1, "ranges": [[0, 1]], "total_seconds": 60}
    review = {"rating": 5}
    assert (await student.post(f"{course}/reviews", json=review)).status_code == 201

    await run(classroom, _END_ENROLLMENTS)
    await run(classroom, _END_GRANTS)

    video = f"/videos/{classroom.video_id}"
    assert (await student.get(f"{video}/stream")).status_code == 403
    assert (await student.post(f"{video}/progress", json=progress)).status_code == 403
    assert (await student.get(course)).json()["enrollment"]["status"] == "expired"
    assert await enrollments(student) == [("expired", True)]
    assert await enrollments(student, "?status=expired") == [("expired", True)]
    assert await enrollments(student, "?status=active") == []
    analytics = (await classroom.instructor.get(f"{course}/analytics")).json()["enrollments"]
    assert (analytics["active"], analytics["expired"]) == (0, 1)
    assert (await student.delete(f"{course}/enroll")).status_code == 204
    assert await enrollments(student) == [("expired", True)]
    # The only place is free again, once.
    await redeemed(next_one, await classroom.code())
    assert (await redeem(student, await classroom.code())).json()["code"] == "courses.full"
    async with classroom.school.db() as db:
        assert sorted(await db.values(_STATUSES)) == ["active", "active"]  # nobody has written it down yet


async def test_the_schedule_writes_it_down_once_and_the_counter_follows(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.courses.tasks.MOST_AT_ONCE", 2)
    students = [await classroom.student() for _ in range(3)]
    for each in students:
        await redeemed(each, await classroom.code(access_days=1))
    await classroom.school.settle()
    await run(classroom, _END_ENROLLMENTS)
    stays = await classroom.student()
    await redeemed(stays, await classroom.code(access_days=1))
    await classroom.school.settle()
    published = len(await classroom.school.audit_log("courses.course_enrollments"))

    for _ in range(2):
        await sweep(classroom)

    async with classroom.school.db() as db:
        assert sorted(await db.values(_STATUSES)) == ["active", "expired", "expired", "expired"]
    assert len(await classroom.school.audit_log("courses.course_enrollments")) == published + 3
    assert (await classroom.instructor.get(f"/courses/{classroom.course_id}")).json()["total_enrolled"] == 1


async def test_another_code_adds_to_what_is_left_and_one_without_days_ends_no_more(classroom: Classroom) -> None:
    student = await classroom.student()
    first = await ends_at(student, await classroom.code(access_days=30))
    second = await ends_at(student, await classroom.code(access_days=7))

    assert first is not None
    assert second == first + timedelta(days=7)
    assert await ends_at(student, await classroom.code()) is None
    assert await ends_at(student, await classroom.code(access_days=1)) is None
    assert (await classroom.instructor.get(f"/courses/{classroom.course_id}/students")).json()["total"] == 1


async def test_a_click_makes_no_enrolment_longer_that_a_code_has_opened(classroom: Classroom) -> None:
    student = await classroom.student()
    until = await ends_at(student, await classroom.code(access_days=30))

    answer = await student.post(f"/courses/{classroom.course_id}/enroll")

    assert answer.status_code == 200, answer.text
    assert until is not None
    assert datetime.fromisoformat(answer.json()["expires_at"]) == until


@pytest.mark.parametrize("is_swept", [True, False])
async def test_a_code_after_the_end_begins_anew_where_the_student_was(classroom: Classroom, is_swept: bool) -> None:
    student = await classroom.student()
    await redeemed(student, await classroom.code(access_days=30))
    await run(classroom, _COMPLETE)
    await run(classroom, _END_ENROLLMENTS)
    if is_swept:
        await sweep(classroom)

    renewed = (await redeemed(student, await classroom.code(access_days=5)))["enrollment"]

    assert (renewed["status"], renewed["progress"], renewed["completed_at"] is None) == ("completed", 100, False)
    until = datetime.fromisoformat(renewed["expires_at"])
    assert abs(until - datetime.now(UTC) - timedelta(days=5)) < timedelta(minutes=1)
    await classroom.school.settle()
    assert (await classroom.instructor.get(f"/courses/{classroom.course_id}")).json()["total_enrolled"] == 1


async def test_a_video_closes_by_itself_and_another_code_opens_it_again(classroom: Classroom) -> None:
    student, stream = await classroom.student(), f"/videos/{classroom.video_id}/stream"
    video_id = str(classroom.video_id)
    await redeemed(student, await classroom.code())
    await redeemed(student, await classroom.code(video_id=video_id, access_days=3))
    assert (await student.get(stream)).status_code == 200

    await run(classroom, _END_GRANTS)

    assert (await student.get(stream)).json()["code"] == "courses.code_required"
    await redeemed(student, await classroom.code(video_id=video_id, access_days=2))
    await redeemed(student, await classroom.code(video_id=video_id, access_days=2))
    assert (await student.get(stream)).status_code == 200
    async with classroom.school.db() as db:
        until = await db.value(_GRANT_ENDS)
    assert abs(until - datetime.now(UTC) - timedelta(days=4)) < timedelta(minutes=1)
    await redeemed(student, await classroom.code(video_id=video_id))
    async with classroom.school.db() as db:
        assert await db.values(_GRANT_ENDS) == [None]


async def test_many_codes_open_a_course_for_ten_years_at_most(classroom: Classroom) -> None:
    student = await classroom.student()
    ends = [await ends_at(student, await classroom.code(access_days=days)) for days in (3650, 3650, 1)]
    video = [await classroom.code(video_id=str(classroom.video_id), access_days=3650) for _ in range(2)]
    for code in video:
        await redeemed(student, code)
    async with classroom.school.db() as db:
        ends += await db.values(_GRANT_ENDS)

    latest = datetime.now(UTC) + timedelta(days=3650)
    assert len(ends) == 4
    for end in ends:
        assert end is not None
        assert latest - timedelta(minutes=1) < end <= latest
    assert await ends_at(student, await classroom.code()) is None
