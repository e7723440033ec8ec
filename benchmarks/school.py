"""The school that is measured: a thousand published courses, students who are signed in, codes nobody has redeemed."""

import random
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
from sqlalchemy import bindparam, insert

from kernel import clock, operations
from kernel.app import create_app, served
from kernel.auth import Actor
from kernel.categories import RateLimits
from kernel.db import Origin
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.serve import DEMO_PASSWORD
from kernel.tenancy import Tenant
from plugins.codes.actions.codes import generate
from plugins.codes.schemas import GenerateRequest
from plugins.courses.tables import Course, CourseCategory, CourseEnrollment, CourseSection, CourseVideo

COURSES = 1000
STUDENTS = 50
"""In each course half of them have a code of their own, the others share one."""
_INSTRUCTORS = 8
_CATEGORIES = ("Languages", "Mathematics", "Music", "Programming", "Sciences")
_DEMO_PEOPLE = ("admin", "instructor", "student")
_LEVELS = ("beginner", "intermediate", "advanced")
_PASSWORD = "A-good-Password-1"
_MOST_PER_MINUTE = 1_000_000

_CATEGORY = ("id", "name", "slug", "sort_order")
SECTIONS, VIDEOS = 10, 10
"""Of the one course that has a curriculum; every student is in it."""
VIDEO_SECONDS = 36_000

_COURSE = (
    "id",
    "title",
    "slug",
    "short_description",
    "description",
    "category_id",
    "instructor_id",
    "level",
    "price",
    "status",
    "published_at",
)
_ADD_CATEGORY = insert(CourseCategory).values({name: bindparam(name) for name in _CATEGORY})
_ADD_COURSE = insert(Course).values({name: bindparam(name) for name in _COURSE})
_SECTION = ("id", "course_id", "title", "sort_order")
_ADD_SECTION = insert(CourseSection).values({name: bindparam(name) for name in _SECTION})
_VIDEO = ("id", "section_id", "title", "description", "video_type", "youtube_id", "duration_seconds", "sort_order")
_ADD_VIDEO = insert(CourseVideo).values({name: bindparam(name) for name in _VIDEO})
_ADD_ENROLLMENT = insert(CourseEnrollment).values({name: bindparam(name) for name in ("id", "user_id", "course_id")})


class Student(msgspec.Struct, frozen=True):
    """Somebody who is signed in."""

    id: UUID
    token: str


class School(msgspec.Struct, frozen=True):
    """What was made; `lessons` are the videos of the last course, in which every student is enrolled."""

    tenant: Tenant
    admin_id: UUID
    courses: Sequence[UUID]
    students: Sequence[Student]
    lessons: Sequence[UUID]

    @property
    def watched_course(self) -> UUID:
        """Return the course that has lessons; nobody redeems a code for it."""
        return self.courses[-1]


async def found_school(deployment: Deployment) -> School:
    """Fill the default tenant, whose limits refuse nothing any more, and sign its students in by the API."""
    await lift_limits(deployment)
    tenant = await deployment.tenants.by_slug(deployment.settings.default_tenant)
    people = await _add_people(deployment, tenant)
    courses = await add_courses(deployment, tenant, [people[f"instructor-{n}"] for n in range(_INSTRUCTORS)])
    students = await _signed_in(deployment, {name: people[name] for name in people if name.startswith("student")})
    lessons = await _add_curriculum(deployment, tenant, courses[-1], [each.id for each in students])
    return School(tenant, people["admin"], courses, students, lessons)


async def lift_limits(deployment: Deployment) -> None:
    """Let the default tenant's limits refuse nothing any more."""
    rates = msgspec.json.encode(dict.fromkeys(RateLimits.__struct_fields__, _MOST_PER_MINUTE)).decode()
    slug = deployment.settings.default_tenant
    await operations.set_tenant_settings(deployment, Namespace(slug=slug, settings=[f"security.rate_limits={rates}"]))


async def _add_people(deployment: Deployment, tenant: Tenant) -> dict[str, UUID]:
    identity = deployment.registry.identity
    assert identity is not None, "no loaded plugin keeps accounts"
    names = ["admin", *(f"instructor-{n}" for n in range(_INSTRUCTORS)), *(f"student-{n}" for n in range(STUDENTS))]
    people = {}
    async with deployment.database.transaction(Origin(tenant.id), tenant) as db:
        for name in names:
            people[name] = await identity.create_user(
                db,
                email=_address(name),
                password=_PASSWORD,
                role=name.partition("-")[0],
                first_name=name.title(),
                last_name="Bench",
            )
    return people


def _address(name: str) -> str:
    return f"{name}@example.com"


async def add_courses(deployment: Deployment, tenant: Tenant, instructors: Sequence[UUID]) -> list[UUID]:
    """Fill a tenant with published courses and return their ids."""
    categories = [
        {"id": new_id(), "name": name, "slug": name.lower(), "sort_order": place}
        for place, name in enumerate(_CATEGORIES)
    ]
    courses = [_course(number, categories, instructors) for number in range(COURSES)]
    async with deployment.database.transaction(Origin(tenant.id), tenant) as db:
        await db.run_many(_ADD_CATEGORY, categories)
        await db.run_many(_ADD_COURSE, courses)
    return [each["id"] for each in courses]


async def _add_curriculum(
    deployment: Deployment, tenant: Tenant, course_id: UUID, students: Sequence[UUID]
) -> list[UUID]:
    """Give a course sections of videos, enrol everyone in it, and return the ids of the videos."""
    sections: list[dict[str, Any]] = [
        {"id": new_id(), "course_id": course_id, "title": f"Section {place}", "sort_order": place}
        for place in range(SECTIONS)
    ]
    videos = [_video(section["id"], place) for section in sections for place in range(VIDEOS)]
    enrollments = [{"id": new_id(), "user_id": each, "course_id": course_id} for each in students]
    async with deployment.database.transaction(Origin(tenant.id), tenant) as db:
        await db.run_many(_ADD_SECTION, sections)
        await db.run_many(_ADD_VIDEO, videos)
        await db.run_many(_ADD_ENROLLMENT, enrollments)
    return [each["id"] for each in videos]


def _video(section_id: UUID, place: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "section_id": section_id,
        "title": f"Lesson {place}: what a ratio says",
        "description": "What it says, what it does not say, and how to take it twice.",
        "video_type": "youtube_private",
        "youtube_id": "dQw4w9WgXcQ",
        "duration_seconds": VIDEO_SECONDS,
        "sort_order": place,
    }


def _course(number: int, categories: Sequence[dict[str, Any]], instructors: Sequence[UUID]) -> dict[str, Any]:
    return {
        "id": new_id(),
        "title": f"Course {number}: how to measure",
        "slug": f"course-{number}",
        "short_description": "What counts is the ratio, and that it comes out alike the second time.",
        "description": "A longer text, which a list does not show. " * 20,
        "category_id": categories[number % len(categories)]["id"],
        "instructor_id": instructors[number % len(instructors)],
        "level": _LEVELS[number % len(_LEVELS)],
        "price": 10 + number % 90,
        "status": "published",
        "published_at": clock.now() - timedelta(hours=number),
    }


async def _signed_in(deployment: Deployment, people: dict[str, UUID]) -> list[Student]:
    students = []
    async with caller(deployment) as client:
        for name, user_id in people.items():
            answer = await client.post("/auth/login", json={"email": _address(name), "password": _PASSWORD})
            students.append(Student(user_id, answer.raise_for_status().json()["access_token"]))
    return students


def caller(deployment: Deployment) -> httpx.AsyncClient:
    """Return a client of ours inside this process."""
    transport = httpx.ASGITransport(app=served(create_app(deployment)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1")


@asynccontextmanager
async def demo_people(deployment: Deployment) -> AsyncIterator[Mapping[str, httpx.AsyncClient]]:
    """Give a client of each role of the demonstration, signed in."""
    clients = {role: caller(deployment) for role in _DEMO_PEOPLE}
    try:
        for role, client in clients.items():
            credentials = {"email": f"{role}@example.com", "password": DEMO_PASSWORD}
            answer = (await client.post("/auth/login", json=credentials)).raise_for_status().json()
            client.headers["Authorization"] = f"Bearer {answer['access_token']}"
        yield clients
    finally:
        for client in clients.values():
            await client.aclose()


async def redemptions(deployment: Deployment, school: School, count: int) -> list[tuple[Student, str]]:
    """Make at least so many pairs of a student and a code that they can redeem, shuffled the same way every time.

    Raises:
        ValueError: No course is left in which somebody could be enrolled.
    """
    actor = Actor(school.tenant.id, school.admin_id, "admin", grants=school.tenant.grants("admin"))
    pairs: list[tuple[Student, str]] = []
    for course_id in school.courses[:-1]:
        if len(pairs) >= count:
            break
        async with deployment.database.transaction(Origin(school.tenant.id, actor.id), school.tenant) as db:
            alone, shared = school.students[::2], school.students[1::2]
            orders = (
                GenerateRequest(type="single_use", course_id=course_id, count=len(alone)),
                GenerateRequest(type="multi_use", course_id=course_id, max_uses=len(shared)),
            )
            own, common = [await generate(db, actor, order) for order in orders]
            pairs += zip(alone, _texts(own.items), strict=True)
            pairs += [(student, code) for student in shared for code in _texts(common.items)]
    if len(pairs) < count:
        raise ValueError(f"{count} redemptions are too many: {COURSES} courses have {len(pairs)} places")
    random.Random(1).shuffle(pairs)
    return pairs


def _texts(cards: Sequence[Any]) -> Iterator[str]:
    return (str(card.code) for card in cards)


async def settle(owner_url: str) -> None:
    """Let PostgreSQL tidy and count what was loaded, as it does by itself in time; its plans stay the same then."""
    connection = await asyncpg.connect(owner_url.replace("+asyncpg", ""))
    try:
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
