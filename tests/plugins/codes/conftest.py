"""A school with a course behind codes, and short ways to make and redeem them."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from kernel.identity import SessionState
from kernel.ids import new_id
from kernel.testing import Person, School
from plugins.auth.actions.new_accounts import NewAccount, insert_account
from plugins.auth.actions.sessions import open_session


class Classroom:
    """A school's people, a published course that needs a code, and a video that needs one of its own."""

    def __init__(self, school: School, admin: Person, instructor: Person, course_id: UUID, video_id: UUID) -> None:
        self.school = school
        self.admin = admin
        self.instructor = instructor
        self.course_id = course_id
        self.video_id = video_id

    async def order(self, **terms: Any) -> dict[str, Any]:
        """Generate codes as the instructor and return the answer; for the course unless told otherwise."""
        target = {} if "video_id" in terms else {"course_id": str(self.course_id)}
        order = {"type": "multi_use", "max_uses": 20, **target, **terms}
        if order["type"] != "multi_use":
            del order["max_uses"]
        answer = await self.instructor.post("/access-codes/generate", json=order)
        assert answer.status_code == 201, answer.text
        batch: dict[str, Any] = answer.json()
        return batch

    async def code(self, **terms: Any) -> dict[str, Any]:
        """Generate one code and return it."""
        batch = await self.order(**terms)
        code: dict[str, Any] = batch["items"][0]
        return code

    async def student(self, **account: Any) -> Person:
        """Return somebody new."""
        return await self.school.person("student", **account)

    async def crowd(self, count: int) -> dict[UUID, str]:
        """Make so many students who are signed in, without hashing a password for any; return ids and tokens."""
        tokens = {}
        async with self.school.db() as db:
            for _ in range(count):
                address = f"student-{new_id().hex[-12:]}@{self.school.host}"
                account = NewAccount(email=address, first_name="Noor", last_name="Crowd", email_verified=True)
                user_id = await insert_account(db, account, None)
                assert user_id is not None
                session = await open_session(db, SessionState(user_id, "student"), method="invitation")
                tokens[user_id] = session.access_token
        return tokens

    async def detail(self, code: dict[str, Any]) -> dict[str, Any]:
        """Return the code as it is now."""
        answer = await self.instructor.get(f"/access-codes/{code['id']}")
        assert answer.status_code == 200, answer.text
        detail: dict[str, Any] = answer.json()
        return detail


async def redeem(person: Person, code: dict[str, Any] | str) -> httpx.Response:
    """Redeem a code, given as an item of a batch or as it is typed."""
    typed = code if isinstance(code, str) else code["code"]
    return await person.post("/access-codes/redeem", json={"code": typed})


async def make_course(instructor: Person, title: str = "Tables and chairs") -> tuple[UUID, UUID]:
    """Publish a course that needs a code, with one video that needs a code of its own; return both ids."""
    course = await _post(instructor, "/courses", {"title": title, "short_description": "Wood.", "requires_code": True})
    section = await _post(instructor, f"/courses/{course['id']}/sections", {"title": "First steps"})
    video = await _post(
        instructor,
        f"/sections/{section['id']}/videos",
        {
            "title": "The saw",
            "video_type": "youtube_private",
            "youtube_id": "abcdefghijk",
            "duration_seconds": 60,
            "requires_code": True,
        },
    )
    published = await instructor.post(f"/courses/{course['id']}/publish")
    assert published.status_code == 200, published.text
    return UUID(course["id"]), UUID(video["id"])


async def _post(person: Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await person.post(path, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


ClassroomFactory = Callable[[School], Awaitable[Classroom]]


@pytest.fixture
def new_classroom() -> ClassroomFactory:
    """Make a classroom in a school by calling it."""

    async def make(school: School) -> Classroom:
        admin, instructor = await school.person("admin"), await school.person("instructor")
        return Classroom(school, admin, instructor, *await make_course(instructor))

    return make


@pytest.fixture
async def classroom(school: School, new_classroom: ClassroomFactory) -> Classroom:
    """A classroom in a fresh school."""
    return await new_classroom(school)
