"""What students say of courses: who may, once each, how it is counted and answered."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kernel.testing import Person, School
from tests.plugins.courses.conftest import Course, Deliver, ask, draft, published, refused


@pytest.fixture
async def course(instructor: Person) -> Course:
    """A course that is open to all."""
    return await published(instructor, is_free=True)


async def enrolled(school: School, course: Course) -> Person:
    """Return a new student of the course."""
    student = await school.person("student")
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    return student


async def say(person: Person, course: Course, rating: int, comment: str | None = None) -> dict[str, Any]:
    """Write a review and return it."""
    body = {"rating": rating} | ({"comment": comment} if comment else {})
    return dict(await ask(person, "POST", f"{course.path}/reviews", status=201, json=body))


async def stars(person: Person, course: Course) -> tuple[float, int]:
    """Return what the course's page says of its reviews."""
    shown = await ask(person, "GET", course.path)
    return shown["rating"], shown["rating_count"]


async def test_review_is_shown_with_its_writer_and_counted(school: School, course: Course, deliver: Deliver) -> None:
    first, second = await enrolled(school, course), await enrolled(school, course)
    made = await say(first, course, 5, "Clear.")
    await say(second, course, 2)
    await deliver()

    page = await ask(second, "GET", f"{course.path}/reviews")
    assert [(each["rating"], each["comment"], each["is_own"]) for each in page["items"]] == [
        (2, None, True),
        (5, "Clear.", False),
    ]
    assert page["items"][1] == {**made, "is_own": False}
    assert made["user"]["id"] == str(first.id)
    assert (page["total"], page["ratings"]) == (2, [{"rating": 5, "count": 1}, {"rating": 2, "count": 1}])
    only = await ask(second, "GET", f"{course.path}/reviews?rating=5")
    assert ([each["id"] for each in only["items"]], only["total"]) == ([made["id"]], 1)
    assert await stars(first, course) == (3.5, 2)


async def test_changed_and_removed_reviews_are_counted_anew(school: School, course: Course, deliver: Deliver) -> None:
    student, admin = await enrolled(school, course), await school.person("admin")
    review = await say(student, course, 1, "Bad.")
    changed = await ask(student, "PATCH", f"/reviews/{review['id']}", json={"rating": 4})
    await deliver()
    assert (changed["rating"], changed["comment"], await stars(student, course)) == (4, "Bad.", (4.0, 1))
    await ask(admin, "DELETE", f"/reviews/{review['id']}", status=204)
    await deliver()
    assert await stars(student, course) == (0.0, 0)
    await say(student, course, 3)


async def test_only_those_who_hold_a_place_review_once(school: School, course: Course, student: Person) -> None:
    assert await refused(student, "POST", f"{course.path}/reviews", status=403, json={"rating": 5}) == (
        "courses.not_enrolled"
    )
    member = await enrolled(school, course)
    answers = await asyncio.gather(*[member.post(f"{course.path}/reviews", json={"rating": 5}) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers} - {None} == {"courses.already_reviewed"}
    await ask(member, "DELETE", f"{course.path}/enroll", status=204)
    assert await refused(member, "POST", f"{course.path}/reviews", status=403, json={"rating": 5}) == (
        "courses.not_enrolled"
    )


async def test_hidden_course_has_no_reviews_for_others(student: Person, instructor: Person) -> None:
    hidden = await draft(instructor)
    for method, body in (("GET", None), ("POST", {"rating": 5})):
        assert await refused(student, method, f"{hidden.path}/reviews", status=404, json=body) == "courses.not_found"


async def test_instructor_answers_and_takes_the_answer_back(school: School, course: Course) -> None:
    review = await say(await enrolled(school, course), course, 3, "Fine.")
    path = f"/reviews/{review['id']}/reply"
    answered = await ask(course.author, "PUT", path, json={"text": "Thank you."})
    assert (answered["reply"], answered["replied_at"] is not None) == ("Thank you.", True)
    taken_back = await ask(course.author, "DELETE", path)
    assert (taken_back["reply"], taken_back["replied_at"]) == (None, None)


async def test_wrong_reviews_are_named(school: School, course: Course) -> None:
    student = await enrolled(school, course)
    for body, field in (
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 4.5}, "rating"),
        ({}, "rating"),
        ({"rating": 5, "comment": " "}, "comment"),
        ({"rating": 5, "comment": "x" * 5001}, "comment"),
        ({"rating": 5, "reply": "Thanks"}, "reply"),
        ({"rating": 5, "user_id": str(course.author.id)}, "user_id"),
    ):
        answer = await ask(student, "POST", f"{course.path}/reviews", status=400, json=body)
        assert [each["field"] for each in answer["errors"]] == [field]
    for query, field in (("rating=0", "rating"), ("rating=6", "rating"), ("sort=best", "sort")):
        answer = await ask(student, "GET", f"{course.path}/reviews?{query}", status=400)
        assert [each["field"] for each in answer["errors"]] == [field]


async def test_list_of_many_reviews_costs_as_many_queries_as_of_one(
    school: School, course: Course, query_count: Callable[[], int]
) -> None:
    async def cost() -> int:
        before = query_count()
        await ask(course.author, "GET", f"{course.path}/reviews")
        return query_count() - before

    await say(await enrolled(school, course), course, 5)
    one = await cost()
    for rating in (1, 2, 3, 4, 5):
        await say(await enrolled(school, course), course, rating)
    assert await cost() == one == 4
