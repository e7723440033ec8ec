"""Progress: unions, late and repeated reports, completion, two tabs, changed curricula."""

import asyncio
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from kernel.testing import Person, Recorder, School
from plugins.courses.actions.progress import report_progress
from plugins.courses.events import CourseCompleted, VideoCompleted
from plugins.courses.schemas.curriculum import ProgressRequest
from plugins.courses.tables import Course as CourseRow
from plugins.courses.tables import CourseEnrollment
from tests.plugins.courses.conftest import Course, Deliver, acting, ask, published, refused, watch

Reports = list[list[tuple[int, int]]]
STRETCH = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair)))
REPORTS = st.lists(st.lists(STRETCH, max_size=3), min_size=1, max_size=6)


@st.composite
def reports_and_order(draw: st.DrawFn) -> tuple[Reports, Reports]:
    """Return reports, and the same in any order with some of them twice."""
    reports = draw(REPORTS)
    repeated = draw(st.lists(st.sampled_from(reports), max_size=2))
    return reports, draw(st.permutations([*reports, *repeated]))


@pytest.fixture
async def course(instructor: Person, student: Person) -> Course:
    """A course of three videos, of 100, 60 and 40 seconds, in which the student is enrolled."""
    made = await published(instructor, 100, 60, 40)
    await ask(student, "POST", f"{made.path}/enroll", status=201)
    return made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was published, in its order, whether or not anybody listens."""
    heard: list[object] = []

    async def record(_db: object, event: object) -> None:
        heard.append(event)

    monkeypatch.setattr("plugins.courses.actions.progress.publish", record)
    return heard


async def test_progress_is_the_watched_share(course: Course, student: Person) -> None:
    first, second, third = course.videos
    assert await watch(student, first, (0, 30), position=30) == {
        "last_position": 30,
        "watched_seconds": 30,
        "total_seconds": 100,
        "is_completed": False,
        "enrollment": {"progress": 15.0, "status": "active"},
    }
    assert (await watch(student, second, (0, 10)))["enrollment"]["progress"] == 20.0
    assert (await ask(student, "GET", first))["progress"] == {
        "last_position": 30,
        "watched_seconds": 30,
        "total_seconds": 100,
        "is_completed": False,
    }
    assert (await watch(student, third, (0, 1)))["enrollment"]["progress"] == 20.5
    assert (await ask(student, "GET", course.path))["enrollment"]["progress"] == 20.5


async def test_ten_views_of_the_first_minute_are_one_minute(instructor: Person, student: Person) -> None:
    course = await published(instructor, 600)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    answers = [await watch(student, course.videos[0], (0, 60), total=600) for _ in range(10)]
    assert [answer["watched_seconds"] for answer in answers] == [60] * 10
    assert answers[-1]["enrollment"] == {"progress": 10.0, "status": "active"}


async def test_late_and_repeated_reports_change_nothing(course: Course, student: Person) -> None:
    video = course.videos[0]
    reports: Reports = [[(50, 60)], [(0, 10), (5, 20)], [(55, 70)], [(0, 10)], []]
    answers = [await watch(student, video, *ranges, position=70) for ranges in reports]
    assert [answer["watched_seconds"] for answer in answers] == [10, 30, 40, 40, 40]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=reports_and_order())
async def test_any_order_of_reports_gives_the_union(
    school: School, student: Person, course: Course, case: tuple[Reports, Reports]
) -> None:
    reports, order = case
    video = UUID(course.videos[1].rpartition("/")[2])
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("DELETE FROM courses.video_progress WHERE video_id = $1", video)
        await driver.execute("UPDATE courses.course_enrollments SET progress = 0 WHERE course_id = $1", course.id)
        answers = [
            await report_progress(
                db, acting(school, student), video, ProgressRequest(position=0, ranges=ranges, total_seconds=60)
            )
            for ranges in order
        ]
    answer = answers[-1]
    seen = {second for ranges in reports for start, end in ranges for second in range(start, end)}
    assert (answer.watched_seconds, answer.is_completed) == (len(seen), len(seen) >= 54)
    assert answer.enrollment is not None
    assert answer.enrollment.progress == len(seen) / 2


async def test_completion_at_ninety_percent_is_told_once(course: Course, student: Person, told: list[object]) -> None:
    video_ids = [UUID(path.rpartition("/")[2]) for path in course.videos]
    shown = await ask(student, "GET", course.path)
    first, second, third = course.videos
    assert (await watch(student, first, (0, 89)))["is_completed"] is False
    assert (await watch(student, first, (89, 90)))["is_completed"] is True
    assert (await watch(student, first, (0, 95)))["is_completed"] is True
    assert (await watch(student, second, (0, 60)))["enrollment"] == {"progress": 77.5, "status": "active"}
    done = await watch(student, third, (0, 36))
    assert done["enrollment"] == {"progress": 100.0, "status": "completed"}
    again = await watch(student, third, (36, 40), position=40)
    assert again["enrollment"] == {"progress": 100.0, "status": "completed"}
    who = {"course_id": course.id, "user_id": student.id}
    assert told == [
        *(VideoCompleted(video_id=video_id, **who) for video_id in video_ids),
        CourseCompleted(enrollment_id=UUID(shown["enrollment"]["id"]), **who),
    ]
    mine = (await ask(student, "GET", "/enrollments"))["items"][0]
    assert (mine["status"], mine["progress"], mine["completed_at"] is None) == ("completed", 100.0, False)


async def test_a_second_before_the_end_is_not_the_end(instructor: Person, student: Person) -> None:
    course = await published(instructor, 80_000, 2)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    answer = await watch(student, course.videos[0], (0, 80_000), total=80_000)
    assert answer["enrollment"] == {"progress": 99.99, "status": "active"}


WRONG_REPORTS: tuple[tuple[dict[str, object], str], ...] = (
    ({"ranges": [[0, 101]]}, "ranges[0]"),
    # Beyond the stored length, whatever the player says that it is.
    ({"ranges": [[0, 5], [90, 120]], "total_seconds": 200}, "ranges[1]"),
    ({"position": 120, "total_seconds": 200}, "position"),
    ({"ranges": [[0, 5], [9, 8]]}, "ranges[1]"),
    ({"ranges": [[0, 2**31 - 1]]}, "ranges[0]"),
    ({"ranges": [[0, 2**31]]}, "ranges[0][1]"),
    ({"ranges": [[-1, 5]]}, "ranges[0][0]"),
    ({"ranges": [[0, 5.5]]}, "ranges[0][1]"),
    ({"ranges": [[0]]}, "ranges[0]"),
    ({"ranges": [[0, 1]] * 201}, "ranges"),
    ({"position": 101}, "position"),
    ({"total_seconds": 0}, "total_seconds"),
    ({"watched_seconds": 100}, "watched_seconds"),
    ({"is_completed": True}, "is_completed"),
)


async def test_wrong_reports_are_refused_and_change_nothing(course: Course, student: Person) -> None:
    right = {"position": 0, "ranges": [[0, 5]], "total_seconds": 100}
    for wrong, field in WRONG_REPORTS:
        answer = await ask(student, "POST", f"{course.videos[0]}/progress", status=400, json=right | wrong)
        assert (wrong, [each["field"] for each in answer["errors"]]) == (wrong, [field])
    assert (await ask(student, "GET", course.videos[0]))["progress"]["watched_seconds"] == 0


async def test_stored_length_counts_whatever_the_player_says(course: Course, student: Person) -> None:
    answer = await watch(student, course.videos[0], (0, 1), total=1)
    assert (answer["total_seconds"], answer["is_completed"]) == (100, False)


async def test_two_tabs_lose_nothing(course: Course, student: Person, told: list[object]) -> None:
    """Every second is reported by one of many reports at once, over all three videos."""
    lengths = dict(zip(course.videos, (100, 60, 40), strict=True))
    reports = [(video, second) for video, length in lengths.items() for second in range(0, length, 5)]
    await asyncio.gather(*(watch(student, video, (second, second + 5)) for video, second in reports))
    for video, length in lengths.items():
        assert (await ask(student, "GET", video))["progress"]["watched_seconds"] == length
    enrollment = (await ask(student, "GET", course.path))["enrollment"]
    assert (enrollment["progress"], enrollment["status"]) == (100.0, "completed")
    assert [type(event) for event in told].count(VideoCompleted) == 3
    assert [type(event) for event in told].count(CourseCompleted) == 1


async def test_two_tabs_on_two_videos_add_up(course: Course, student: Person) -> None:
    first, second, third = course.videos
    await asyncio.gather(
        *(watch(student, video, (start, start + 4)) for start in range(0, 32, 4) for video in (first, second, third))
    )
    assert (await ask(student, "GET", course.path))["enrollment"]["progress"] == 48.0


async def test_preview_without_enrolment_is_completed_once_in_a_race(
    school: School, instructor: Person, told: list[object]
) -> None:
    course = await published(instructor)
    preview = await course.add_video(is_preview=True)
    stranger = await school.person("student")
    answers = await asyncio.gather(*(watch(stranger, preview, (0, 95)) for _ in range(10)))
    assert {answer["is_completed"] for answer in answers} == {True}
    assert [type(event) for event in told] == [VideoCompleted]


async def test_changed_curriculum_is_counted_anew(
    course: Course, instructor: Person, student: Person, deliver: Deliver
) -> None:
    first, second, third = course.videos
    await watch(student, first, (0, 100))
    await watch(student, second, (0, 60))

    async def standing() -> tuple[float, str]:
        await deliver()
        enrollment = (await ask(student, "GET", course.path))["enrollment"]
        return enrollment["progress"], enrollment["status"]

    assert await standing() == (80.0, "active")
    await ask(instructor, "PATCH", third, json={"duration_seconds": 160})
    assert await standing() == (50.0, "active")
    await ask(instructor, "DELETE", third, status=204)
    assert await standing() == (100.0, "completed")
    await course.add_video(seconds=100)
    assert await standing() == (100.0, "completed")


async def test_completion_is_told_once_whatever_brings_it_and_whatever_comes_after(
    course: Course, instructor: Person, student: Person, deliver: Deliver, recorder: Recorder
) -> None:
    first, second, third = course.videos
    await watch(student, first, (0, 100))
    await watch(student, second, (0, 60))
    await ask(instructor, "DELETE", third, status=204)
    await deliver()
    assert [event.user_id for event in recorder.of(CourseCompleted)] == [student.id]
    fourth = await course.add_video(seconds=50)
    await deliver()
    await watch(student, fourth, (0, 50), total=50)
    await ask(instructor, "PATCH", fourth, json={"duration_seconds": 40})
    await deliver()
    assert len(recorder.of(VideoCompleted)) == 3
    assert len(recorder.of(CourseCompleted)) == 1


async def test_shortened_video_counts_no_more_than_its_length(
    course: Course, instructor: Person, student: Person, deliver: Deliver
) -> None:
    await watch(student, course.videos[0], (0, 80))
    await ask(instructor, "PATCH", course.videos[0], json={"duration_seconds": 50})
    await deliver()
    assert (await ask(student, "GET", course.path))["enrollment"]["progress"] == 33.33
    answer = await watch(student, course.videos[0], (0, 10))
    assert (answer["watched_seconds"], answer["total_seconds"], answer["is_completed"]) == (50, 50, True)


async def test_nobody_reports_without_the_right_to_watch(school: School, course: Course) -> None:
    stranger = await school.person("student")
    body = {"position": 0, "ranges": [[0, 100]], "total_seconds": 100}
    refusal = await refused(stranger, "POST", f"{course.videos[0]}/progress", status=403, json=body)
    assert refusal == "courses.not_enrolled"
    assert (await ask(stranger, "GET", course.videos[0]))["progress"]["watched_seconds"] == 0


async def counted(person: Person, course: Course) -> tuple[int, float]:
    """Return what the course counts."""
    shown = await ask(person, "GET", course.path)
    return shown["total_enrolled"], shown["duration_hours"]


async def test_counters_are_right_again_after_the_plugin_was_off(
    school: School, course: Course, student: Person, admin: Person
) -> None:
    await watch(student, course.videos[0], (0, 100))
    await school.settle()
    before = await counted(admin, course)
    await school.switch_off("courses")
    async with school.db() as db:
        await db.run(update(CourseRow).values(total_enrolled=99, duration_hours=Decimal(9)))
        await db.run(update(CourseEnrollment).values(progress=Decimal(7)))

    await school.switch_on("courses")
    await school.settle()

    assert before == (1, 0.06)
    assert await counted(admin, course) == before
    assert (await ask(student, "GET", course.path))["enrollment"]["progress"] == 50.0
