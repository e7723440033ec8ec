"""Reports of many students at once: what is written together is what each alone would have written."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel import gathering
from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.gathering import Entry
from kernel.ids import new_id
from kernel.testing import Person, School
from plugins.courses.actions.crowded_reports import REPORTS, Report
from plugins.courses.actions.progress import report_progress
from plugins.courses.schemas.curriculum import EnrollmentProgress, ProgressAnswer, ProgressRequest
from tests.plugins.courses.conftest import Course, acting, ask, published, watch

LENGTHS = (100, 60, 40)
STRETCH = st.tuples(st.integers(0, 44), st.integers(0, 44)).map(lambda pair: (min(pair), max(pair)))
REPORT = st.tuples(st.integers(0, 2), st.integers(0, 2), st.lists(STRETCH, max_size=2), st.integers(0, 44))
"""Whose, of which video, the stretches, the position."""
CROWDS = st.lists(st.lists(REPORT, min_size=1, max_size=8), min_size=1, max_size=3)
TRANSACTIONS = "SELECT DISTINCT xmin::text FROM courses.video_progress WHERE user_id = ANY ($1)"
LOCK = "SELECT 1 FROM courses.course_enrollments WHERE user_id = $1 FOR UPDATE"
LOGGED = """
    SELECT user_id, request_id, ip_address, user_agent FROM kernel.audit_logs
    WHERE action = 'courses.course_enrollments.updated' ORDER BY user_id
"""
STANDING = """
    SELECT e.user_id, e.status, e.progress::float8 AS progress, v.id AS video,
           coalesce(p.watched_seconds, 0) AS watched, coalesce(p.is_completed, false) AS done
    FROM courses.course_enrollments e
    JOIN courses.course_sections s ON s.course_id = e.course_id
    JOIN courses.course_videos v ON v.section_id = s.id
    LEFT JOIN courses.video_progress p ON p.video_id = v.id AND p.user_id = e.user_id
    WHERE e.course_id = $1
"""
FORGET = (
    "DELETE FROM courses.video_progress",
    "UPDATE courses.course_enrollments SET status = 'active', progress = 0, completed_at = NULL",
)


@pytest.fixture(autouse=True)
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everyone is a crowd."""
    monkeypatch.setattr(gathering, "CROWD", 0)
    monkeypatch.setattr(gathering, "WAIT_S", 0.02)


@pytest.fixture
def three_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everyone waits until three have come."""
    monkeypatch.setattr(gathering, "ENOUGH", 3)
    monkeypatch.setattr(gathering, "WAIT_S", 3600)


@pytest.fixture
async def course(instructor: Person) -> Course:
    """A published course of three videos."""
    return await published(instructor, *LENGTHS)


@pytest.fixture
async def students(school: School, course: Course) -> list[Person]:
    """Three students of the course."""
    people = [await school.person("student") for _ in range(3)]
    for each in people:
        await ask(each, "POST", f"{course.path}/enroll", status=201)
    return people


async def sent(person: Person, video: str, *ranges: tuple[int, int], position: int = 0) -> tuple[int, str]:
    """Report stretches and return the status and the error's code."""
    body = {"position": position, "ranges": ranges, "total_seconds": 100}
    answer = await person.request("POST", f"{video}/progress", json=body)
    return answer.status_code, answer.json().get("code", "")


async def fetched(school: School, statement: str, *arguments: Any) -> list[Any]:
    async with school.db() as db:
        return list(await (await db.driver()).fetch(statement, *arguments))


def entry(school: School, student: Person, video: UUID, said: ProgressRequest) -> Entry[Report]:
    return Entry(Origin(school.id, student.id), Report(acting(school, student), video, said))


async def recorded(school: School, entries: Sequence[Entry[Report]]) -> list[ProgressAnswer]:
    """Record as the server does: together what can be, and alone what is left."""
    async with school.deployment.database.transaction(Origin(school.id), school.tenant) as db:
        answers = list(await REPORTS.write(db, entries))
    for place, (each, answer) in enumerate(zip(entries, answers, strict=True)):
        if answer is None:
            async with school.db() as db:
                answers[place] = await report_progress(db, each.item.actor, each.item.video_id, each.item.said)
    return [answer for answer in answers if answer is not None]


@pytest.mark.usefixtures("three_are_enough")
async def test_a_crowd_is_written_by_one_transaction(school: School, course: Course, students: list[Person]) -> None:
    answers = await asyncio.gather(*(watch(each, course.videos[0], (0, 30), position=30) for each in students))

    assert answers == 3 * [
        {
            "last_position": 30,
            "watched_seconds": 30,
            "total_seconds": 100,
            "is_completed": False,
            "enrollment": {"progress": 15.0, "status": "active"},
        }
    ]
    assert len(await fetched(school, TRANSACTIONS, [each.id for each in students])) == 1
    assert [(await ask(each, "GET", course.path))["enrollment"]["progress"] for each in students] == [15.0] * 3


async def test_each_gets_their_own_answer(
    course: Course, students: list[Person], instructor: Person, other_school: School, school: School
) -> None:
    first, second, third = students
    stranger, foreigner = await school.person("student"), await other_school.person("student")
    preview = await course.add_video(seconds=100, is_preview=True)
    locked = await course.add_video(seconds=100, requires_code=True)
    hidden = await course.add_video(seconds=100, is_published=False)
    video = course.videos[0]

    answers = await asyncio.gather(
        sent(first, video, (0, 30)),
        sent(second, video, (0, 95)),
        sent(third, video, (0, 101)),
        sent(third, video, (0, 5), position=101),
        sent(stranger, video, (0, 30)),
        sent(stranger, preview, (0, 30)),
        sent(instructor, video, (0, 30)),
        sent(foreigner, video, (0, 30)),
        sent(first, locked, (0, 30)),
        sent(first, hidden, (0, 30)),
        sent(first, f"/videos/{new_id()}", (0, 30)),
        sent(first, video, (30, 40)),
    )

    assert answers == [
        (200, ""),
        (200, ""),
        (400, "courses.ranges_invalid"),
        (400, "courses.ranges_invalid"),
        (403, "courses.not_enrolled"),
        (200, ""),
        (200, ""),
        (404, "courses.video_not_found"),
        (403, "courses.code_required"),
        (404, "courses.video_not_found"),
        (404, "courses.video_not_found"),
        (200, ""),
    ]
    seen = [(await ask(each, "GET", video))["progress"] for each in (first, second, third, stranger)]
    assert [each["watched_seconds"] for each in seen] == [40, 95, 0, 0]
    assert [each["is_completed"] for each in seen] == [False, True, False, False]


@pytest.mark.usefixtures("three_are_enough")
async def test_the_audit_log_knows_whose_each_report_was(
    school: School, course: Course, students: list[Person]
) -> None:
    async def report(number: int, person: Person) -> None:
        body = {"position": 0, "ranges": [[0, 20]], "total_seconds": 100}
        headers = {"X-Request-ID": f"request-{number}", "User-Agent": f"player/{number}; it's"}
        await ask(person, "POST", f"{course.videos[0]}/progress", json=body, headers=headers)

    await asyncio.gather(*(report(*each) for each in enumerate(students)))

    logged = [tuple(row) for row in await fetched(school, LOGGED)]
    address = logged[0][2]
    assert address
    assert logged == sorted(
        (person.id, f"request-{number}", address, f"player/{number}; its") for number, person in enumerate(students)
    )


async def test_two_tabs_of_one_student_are_answered_in_their_order(
    school: School, course: Course, students: list[Person]
) -> None:
    first, second, _ = (UUID(path.rpartition("/")[2]) for path in course.videos)
    reports = [(first, 20), (second, 20), (first, 10)]
    entries = [
        entry(school, students[0], video, ProgressRequest(position=end, ranges=[(0, end)], total_seconds=100))
        for video, end in reports
    ]

    answers = await recorded(school, entries)

    assert answers == [
        ProgressAnswer(20, 20, 100, False, EnrollmentProgress(10.0, "active")),
        ProgressAnswer(20, 20, 60, False, EnrollmentProgress(20.0, "active")),
        ProgressAnswer(10, 20, 100, False, EnrollmentProgress(20.0, "active")),
    ]


async def test_nobody_waits_for_a_student_whose_enrolment_is_being_changed(
    school: School, course: Course, students: list[Person]
) -> None:
    held, *others = students
    async with school.db() as db:
        await (await db.driver()).execute(LOCK, held.id)
        late = asyncio.create_task(watch(held, course.videos[0], (0, 30)))
        answers = await asyncio.gather(*(watch(each, course.videos[0], (0, 30)) for each in others))
        assert not late.done()

    assert [*answers, await late] == [answers[0]] * 3


async def test_completions_are_told_once(
    course: Course, students: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    async def record(_db: object, event: object) -> None:
        told.append(event)

    monkeypatch.setattr("plugins.courses.actions.progress.publish", record)
    lengths = dict(zip(course.videos, LENGTHS, strict=True))
    reports = [(video, second) for video, length in lengths.items() for second in range(0, length, 5)]

    await asyncio.gather(
        *(watch(each, video, (second, second + 5)) for each in students[:2] for video, second in reports),
        watch(students[2], course.videos[0], (0, 50)),
    )

    assert Counter(type(event).__name__ for event in told) == {"VideoCompleted": 6, "CourseCompleted": 2}
    standing = [(await ask(each, "GET", course.path))["enrollment"] for each in students]
    assert [(each["progress"], each["status"]) for each in standing] == [
        (100.0, "completed"),
        (100.0, "completed"),
        (25.0, "active"),
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crowds=CROWDS)
async def test_what_a_crowd_has_watched_is_a_recount(
    school: School, course: Course, students: list[Person], crowds: list[list[Any]]
) -> None:
    async with school.db() as db:
        for statement in FORGET:
            await (await db.driver()).execute(statement)
    videos = [UUID(path.rpartition("/")[2]) for path in course.videos]
    seen: dict[tuple[UUID, UUID], set[int]] = {(each.id, video): set() for each in students for video in videos}
    for crowd in crowds:
        entries = []
        for whose, which, ranges, position in crowd:
            student, length = students[whose], LENGTHS[which]
            said = ProgressRequest(
                position=min(position, length),
                ranges=[(min(start, length), min(end, length)) for start, end in ranges],
                total_seconds=length,
            )
            entries.append(entry(school, student, videos[which], said))
            seen[student.id, videos[which]] |= {second for start, end in said.ranges for second in range(start, end)}
        await recorded(school, entries)

    lengths = dict(zip(videos, LENGTHS, strict=True))
    finished = {key for key, seconds in seen.items() if len(seconds) * 100 >= lengths[key[1]] * 90}
    rows = await fetched(school, STANDING, course.id)
    assert {(row["user_id"], row["video"]): (row["watched"], row["done"]) for row in rows} == {
        key: (len(seconds), key in finished) for key, seconds in seen.items()
    }
    shares = {each.id: sum(len(seen[each.id, video]) for video in videos) / 2 for each in students}
    whole = {each.id for each in students if all((each.id, video) in finished for video in videos)}
    assert {(row["user_id"], row["status"], row["progress"]) for row in rows} == {
        (each, "completed", 100.0) if each in whole else (each, "active", shares[each]) for each in shares
    }


async def test_a_crowd_is_answered_although_it_cannot_be_written_together(
    deployment: Deployment, course: Course, students: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "LONGEST_S", 0.0)

    answers = await asyncio.gather(*(watch(each, course.videos[0], (0, 30)) for each in students))

    assert [each["watched_seconds"] for each in answers] == [30] * 3
    assert deployment.database.primary.in_use == 0
