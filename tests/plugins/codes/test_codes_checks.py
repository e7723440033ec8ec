"""Asking what a code opens: the same words as redeeming, and the same tries."""

from datetime import timedelta
from typing import Any

from kernel import clock
from kernel.testing import Person, SchoolFactory
from tests.plugins.codes.conftest import Classroom, redeem
from tests.plugins.codes.test_codes_redeem import change, outcomes


async def check(person: Person, code: dict[str, Any] | str) -> dict[str, Any]:
    typed = code if isinstance(code, str) else code["code"]
    answer = await person.post("/access-codes/check", json={"code": typed})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_a_check_tells_what_a_code_opens_and_takes_nothing(classroom: Classroom) -> None:
    student, code = await classroom.student(), await classroom.code(access_days=30)

    said = await check(student, code["code"].lower())

    assert said["refusal"] is None
    assert said["access_days"] == 30
    assert said["opens"] == {
        "kind": "course",
        "course_id": str(classroom.course_id),
        "course_title": "Tables and chairs",
        "course_slug": "tables-and-chairs",
        "video_id": None,
        "video_title": None,
    }
    assert (await classroom.detail(code))["current_uses"] == 0
    assert (await student.get("/enrollments")).json()["total"] == 0


async def test_a_check_names_the_lesson(classroom: Classroom) -> None:
    code = await classroom.code(video_id=str(classroom.video_id))

    opens = (await check(await classroom.student(), code))["opens"]

    assert (opens["video_id"], opens["video_title"]) == (str(classroom.video_id), "The saw")


async def test_a_check_refuses_as_redeeming_does_and_says_why(classroom: Classroom) -> None:
    student = await classroom.student()
    once, used, off, old, others = [
        await classroom.code(**terms)
        for terms in ({"max_uses": 1}, {}, {}, {}, {"allowed_domains": ["elsewhere.example"]})
    ]
    await redeem(await classroom.student(), once)
    await redeem(student, used)
    await change(classroom.school, off, "is_active", False)
    ended = clock.now() - timedelta(days=1)
    await change(classroom.school, old, "expires_at", ended)

    said = [await check(student, code) for code in (once, used, off, old, others)]

    assert [each["refusal"] for each in said] == [
        "codes.exhausted",
        "codes.already_redeemed",
        "codes.inactive",
        "codes.expired",
        "codes.not_for_you",
    ]
    assert [each["opens"] is not None for each in said] == [False, True, False, False, False]
    assert [each["max_uses"] for each in said] == [1, None, None, None, None]
    assert [each["redeemed_at"] is not None for each in said] == [False, True, False, False, False]
    assert [each["ended_at"] is not None for each in said] == [False, False, False, True, False]


async def test_a_refused_check_is_a_try(classroom: Classroom) -> None:
    student, bound = await classroom.student(), await classroom.code(allowed_emails=["a@elsewhere.example"])

    await check(student, bound)
    unknown = await student.post("/access-codes/check", json={"code": "ABCD-EFGH-JKLM"})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "codes.unknown")
    assert await outcomes(classroom.school) == ["codes.not_for_you", "codes.unknown"]


async def test_a_check_counts_as_a_try_to_redeem(new_school: SchoolFactory) -> None:
    limits = {"redeem_per_minute": 3, "login_per_minute": 1000, "api_per_minute": 1000}
    student = await (await new_school(settings={"security": {"rate_limits": limits}})).person("student")

    answers = [
        (await student.post(path, json={"code": "ABCD-EFGH-JKLM"})).status_code
        for path in ("/access-codes/check", "/access-codes/redeem", "/access-codes/check", "/access-codes/check")
    ]

    assert answers == [404, 404, 404, 429]
