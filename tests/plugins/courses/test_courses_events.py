"""What others hear of courses: each fact once, and nothing of what changed nothing."""

from kernel.testing import Person, Recorder
from plugins.courses.api import (
    CourseApproved,
    CourseArchived,
    CourseDeleted,
    CourseFeatured,
    CoursePublished,
    CourseRejected,
    CourseSubmitted,
    CourseWithdrawn,
    CurriculumChanged,
    EnrollmentDropped,
    MaterialAdded,
    ReviewAnswered,
    ReviewChanged,
    StudentEnrolled,
)
from tests.plugins.courses.conftest import ask, draft, published


def heard(recorder: Recorder) -> list[type]:
    """Return the classes of what was published since the last call, in order."""
    found = [type(event) for event in recorder.events]
    recorder.clear()
    return found


async def test_each_step_of_a_review_is_told(instructor: Person, admin: Person, recorder: Recorder) -> None:
    course = await draft(instructor)
    await course.add_section()
    await course.add_video()
    recorder.clear()

    for person, step, body, told in (
        (instructor, "submit", None, [CourseSubmitted]),
        (instructor, "withdraw", None, [CourseWithdrawn]),
        (instructor, "submit", None, [CourseSubmitted]),
        (admin, "reject", {"reason": "No sound."}, [CourseRejected]),
        (instructor, "submit", None, [CourseSubmitted]),
        (admin, "approve", None, [CourseApproved, CoursePublished]),
        (instructor, "archive", None, [CourseArchived]),
    ):
        await ask(person, "POST", f"{course.path}/{step}", json=body)
        assert heard(recorder) == told, step


async def test_a_course_is_featured_once_until_it_is_no_more(
    instructor: Person, admin: Person, recorder: Recorder
) -> None:
    course = await published(instructor)
    recorder.clear()
    for method, told in (("PUT", [CourseFeatured]), ("PUT", []), ("DELETE", []), ("PUT", [CourseFeatured])):
        await ask(admin, method, f"{course.path}/feature")
        assert heard(recorder) == told


async def test_a_course_that_is_gone_is_told(instructor: Person, student: Person, recorder: Recorder) -> None:
    course, kept = await published(instructor), await published(instructor)
    await ask(student, "POST", f"{kept.path}/enroll", status=201)
    recorder.clear()

    await ask(instructor, "DELETE", course.path, status=204)
    await ask(instructor, "DELETE", kept.path, status=409)
    await ask(instructor, "DELETE", course.path, status=404)

    [event] = recorder.of(CourseDeleted)
    assert (event.course_id, event.instructor_id) == (course.id, instructor.id)
    assert heard(recorder) == [CourseDeleted]


async def test_materials_and_lessons_that_come_are_told(instructor: Person, recorder: Recorder) -> None:
    course = await published(instructor)
    recorder.clear()
    body = {"course_id": str(course.id), "title": "Notes", "external_url": "https://example.com/"}

    made = await ask(instructor, "POST", "/materials", status=201, json=body)
    await ask(instructor, "POST", "/materials", status=400, json={**body, "external_url": None})

    [event] = recorder.of(MaterialAdded)
    assert (str(event.material_id), event.course_id) == (made["id"], course.id)
    assert heard(recorder) == [MaterialAdded]
    await course.add_video()
    assert heard(recorder) == [CurriculumChanged]


async def test_an_answer_to_a_review_is_told_to_its_writer(
    instructor: Person, student: Person, recorder: Recorder
) -> None:
    course = await published(instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    recorder.clear()
    review = await ask(student, "POST", f"{course.path}/reviews", status=201, json={"rating": 5})
    assert heard(recorder) == [ReviewChanged]

    await ask(instructor, "PUT", f"/reviews/{review['id']}/reply", json={"text": "Thank you."})

    [event] = recorder.of(ReviewAnswered)
    assert (str(event.review_id), event.course_id, event.user_id) == (review["id"], course.id, student.id)
    recorder.clear()
    await ask(instructor, "DELETE", f"/reviews/{review['id']}/reply")
    assert heard(recorder) == []


async def test_who_comes_and_goes_is_told_once(instructor: Person, student: Person, recorder: Recorder) -> None:
    course = await published(instructor)
    recorder.clear()
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    await ask(student, "POST", f"{course.path}/enroll", status=200)
    assert heard(recorder) == [StudentEnrolled]
    await ask(student, "DELETE", f"{course.path}/enroll", status=204)
    assert heard(recorder) == [EnrollmentDropped]
