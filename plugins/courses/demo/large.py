"""A thousand courses of the large demonstration, and two hundred thousand enrolments with what was watched of them.

What is where follows from numbers alone, so that a run that was interrupted goes on where it stopped.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

from asyncpg import Range
from msgspec import Struct
from sqlalchemy import ARRAY, Text, any_, bindparam, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep, Load, copy_rows
from kernel.ids import new_id
from plugins.auth import api as auth
from plugins.courses.actions.recounts import count_curriculum, count_places, count_rating
from plugins.courses.queries.categories import category_page
from plugins.courses.rules import slug_of
from plugins.courses.tables import (
    Course,
    CourseEnrollment,
    CourseReview,
    CourseSection,
    CourseVideo,
    VideoProgress,
)

STUDENTS = 20_000
PLACES_EACH = 10
"""In how many courses each student is."""
_SECTIONS, _VIDEOS = 4, 4
_SECONDS = 600
_COURSES_AT_ONCE, _STUDENTS_AT_ONCE = 100, 1000
_STEP_TO_NEXT = 97
"""From one course of a student to the next; without a divisor that the number of courses has."""
_INSTRUCTORS = ("instructor@example.com", "mei.tanaka@example.com", "carlos.rivera@example.com")
_LEVELS = ("beginner", "intermediate", "advanced")
_SUBJECTS = (
    "Algebra", "Architecture", "Astronomy", "Biology", "Calligraphy", "Chemistry", "Cooking", "Economics",
    "Electronics", "Film", "French", "Gardening", "Geography", "Geometry", "History", "Law", "Logic", "Medicine",
    "Music", "Painting", "Philosophy", "Physics", "Poetry", "Psychology", "Statistics",
)  # fmt: skip
_PARTS = (
    "foundations",
    "methods",
    "exercises",
    "great mistakes",
    "a short history",
    "in pictures",
    "for work",
    "today",
)
_FORMS = ("a first course", "a second course", "in ten evenings", "for teachers", "by examples")
TITLES = tuple(f"{subject}: {part}, {form}" for subject, part, form in product(_SUBJECTS, _PARTS, _FORMS))
_REMARKS = (
    "Clear from the first lesson to the last.",
    "I would have liked more exercises, yet what there is has helped me.",
    None,
    "The examples are from real life.",
    "A little fast in the third section.",
)
_IDS = select(Course.slug, Course.id).where(Course.slug == any_(bindparam("slugs", type_=ARRAY(Text))))
_VIDEOS_OF = (
    select(CourseSection.course_id, CourseVideo.id)
    .join(CourseVideo, CourseVideo.section_id == CourseSection.id)
    .join(Course, Course.id == CourseSection.course_id)
    .where(Course.slug == any_(bindparam("slugs", type_=ARRAY(Text))))
    .order_by(CourseSection.sort_order, CourseVideo.sort_order)
)
_IS_ENROLLED = select(CourseEnrollment.id).where(CourseEnrollment.user_id == bindparam("user")).limit(1)


class _Found(Struct, frozen=True):
    slug: str
    id: UUID


class _Lesson(Struct, frozen=True):
    course_id: UUID
    id: UUID


async def make_courses(first: int, db: Db) -> None:
    """Make the courses from a number on, with sections and videos, unless they are there."""
    titles = TITLES[first : first + _COURSES_AT_ONCE]
    if await _course_ids(db, titles):
        return
    teachers = list((await auth.user_ids_by_email(db, _INSTRUCTORS)).values())
    reader = Actor(db.tenant_id, teachers[0], "instructor", grants=db.tenant.grants("instructor"))
    shelves = [each.id for each in (await category_page(db, reader, limit=100, offset=0)).items]
    courses, sections, videos = [], [], []
    for number, title in enumerate(titles, first):
        course_id, published = new_id(), clock.now() - timedelta(days=90, minutes=number)
        courses.append(
            (
                course_id, title, slug_of(title), f"{title.partition(':')[0]} as it is taught and as it is used.",
                f"{title}. Four sections, sixteen lessons of ten minutes, and no hurry.",
                shelves[number % len(shelves)], teachers[number % len(teachers)], _LEVELS[number % len(_LEVELS)],
                number % 5 * 10, number % 5 == 0, number % 5 in (1, 3), "published", published, published,
            )
        )  # fmt: skip
        for place in range(_SECTIONS):
            section_id = new_id()
            sections.append((section_id, course_id, f"Part {place + 1}", place))
            videos += [
                (new_id(), section_id, f"Lesson {place * _VIDEOS + each + 1}", "external",
                 f"https://videos.example.com/{number}/{place}/{each}.mp4", _SECONDS, each)
                for each in range(_VIDEOS)
            ]  # fmt: skip
    await copy_rows(
        db,
        Load(
            Course,
            ("id", "title", "slug", "short_description", "description", "category_id", "instructor_id", "level",
             "price", "is_free", "requires_code", "status", "published_at", "created_at"),
            courses,
        ),
        Load(CourseSection, ("id", "course_id", "title", "sort_order"), sections),
        Load(
            CourseVideo,
            ("id", "section_id", "title", "video_type", "video_url", "duration_seconds", "sort_order"),
            videos,
        ),
    )  # fmt: skip


class Place(Struct, frozen=True):
    """A student in a course: of the enrolled, whoever has watched so many of its videos."""

    student: int
    turn: int
    title: str
    watched: int

    @property
    def is_done(self) -> bool:
        """Whether everything was watched."""
        return self.watched == _SECTIONS * _VIDEOS

    @property
    def began(self) -> datetime:
        """When the student enrolled; the days are spread over three months."""
        return clock.now() - timedelta(days=(self.student * 7 + self.turn * 13) % 90, hours=self.student % 24)


def places_of(student: int) -> Iterator[Place]:
    """Yield in which courses a student is: half of them not begun, one in fifty watched to its end."""
    for turn in range(PLACES_EACH):
        title = TITLES[(student * 11 + turn * _STEP_TO_NEXT) % len(TITLES)]
        luck = (student * 31 + turn * 17) % 100
        watched = _SECTIONS * _VIDEOS if luck < 2 else luck % 5 if luck < 50 else 0
        yield Place(student, turn, title, watched)


async def enroll_students(first: int, db: Db) -> None:
    """Enrol the students from a number on, with what they have watched and written, unless it was done."""
    numbers = range(first, first + _STUDENTS_AT_ONCE)
    people = await auth.user_ids_by_email(db, [_address(number) for number in numbers])
    ids = [people.get(_address(number)) for number in numbers]
    if None in ids or await db.value(_IS_ENROLLED, user=ids[0]):
        return
    courses = await _course_ids(db, TITLES)
    lessons: dict[UUID, list[UUID]] = {}
    for lesson in await db.rows(_Lesson, _VIDEOS_OF, slugs=[slug_of(each) for each in TITLES]):
        lessons.setdefault(lesson.course_id, []).append(lesson.id)
    enrollments, progress, reviews = [], [], []
    for number, user_id in zip(numbers, ids, strict=True):
        for place in places_of(number):
            course_id, began = courses[place.title], place.began
            ended = began + timedelta(days=1) if place.is_done else None
            status, share = ("completed", 100) if place.is_done else ("active", 0)
            enrollments.append((new_id(), user_id, course_id, began, status, share, ended))
            progress += [
                (new_id(), user_id, video_id, [Range(0, _SECONDS)], _SECONDS, True, _SECONDS, ended or began)
                for video_id in lessons[course_id][: place.watched]
            ]
            if place.watched and (number + place.turn) % 3 == 0:
                remark = _REMARKS[(number + place.turn) % len(_REMARKS)]
                reviews.append((new_id(), user_id, course_id, 3 + (number * 7 + place.turn) % 3, remark))
    await copy_rows(
        db,
        Load(
            CourseEnrollment,
            ("id", "user_id", "course_id", "enrolled_at", "status", "progress", "completed_at"),
            enrollments,
        ),
        Load(
            VideoProgress,
            ("id", "user_id", "video_id", "watched", "total_seconds", "is_completed", "last_position", "completed_at"),
            progress,
        ),
        Load(CourseReview, ("id", "user_id", "course_id", "rating", "comment"), reviews),
    )


async def count_courses(first: int, db: Db) -> None:
    """Count what the rows of the courses from a number on say, as listeners would have done."""
    ids = await _course_ids(db, TITLES[first : first + _COURSES_AT_ONCE])
    for course_id in ids.values():
        await count_places(db, course_id)
        await count_curriculum(db, course_id)
        await count_rating(db, course_id)


async def _course_ids(db: Db, titles: tuple[str, ...]) -> dict[str, UUID]:
    by_slug = {slug_of(title): title for title in titles}
    return {by_slug[each.slug]: each.id for each in await db.rows(_Found, _IDS, slugs=list(by_slug))}


def _address(number: int) -> str:
    return f"student-{number:05}@large.example.com"


def _steps() -> Iterator[DemoStep]:
    kinds: tuple[tuple[str, Any, range], ...] = (
        ("courses", make_courses, range(0, len(TITLES), _COURSES_AT_ONCE)),
        ("enrollments", enroll_students, range(0, STUDENTS, _STUDENTS_AT_ONCE)),
        ("counters", count_courses, range(0, len(TITLES), _COURSES_AT_ONCE)),
    )
    for name, make, firsts in kinds:
        for first in firsts:
            yield DemoStep(f"courses.{name}_from_{first}", partial(make, first), size="large")


STEPS = tuple(_steps())
