"""What the tests of courses share: courses in a few words, and events delivered at once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from kernel.auth import Actor
from kernel.db import Database
from kernel.deployment import Deployment
from kernel.dispatch import Dispatcher
from kernel.testing import Person, School

VIDEO = {"title": "A video", "video_type": "external", "video_url": "https://videos.example.com/1"}
Deliver = Callable[[], Awaitable[None]]


async def ask(person: Person, method: str, path: str, *, status: int = 200, **arguments: Any) -> Any:
    """Send a request, check its status and return the JSON."""
    answer = await person.request(method, path, **arguments)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


async def refused(person: Person, method: str, path: str, *, status: int, **arguments: Any) -> str:
    """Send a request that must be refused and return the error's code."""
    return str((await ask(person, method, path, status=status, **arguments))["code"])


class Course:
    """A course made through the API, with the ids of its sections and videos."""

    def __init__(self, author: Person, made: dict[str, Any]) -> None:
        self.author = author
        self.id = UUID(made["id"])
        self.path = f"/courses/{made['id']}"
        self.made = made
        self.sections: list[str] = []
        self.videos: list[str] = []

    async def add_section(self, **fields: Any) -> str:
        """Add a section and return its path."""
        body = {"title": "A section"} | fields
        made = await ask(self.author, "POST", f"{self.path}/sections", status=201, json=body)
        self.sections.append(f"/sections/{made['id']}")
        return self.sections[-1]

    async def add_video(self, *, seconds: int = 100, section: str | None = None, **fields: Any) -> str:
        """Add a video to the last section, or to this one, and return its path."""
        body = VIDEO | {"duration_seconds": seconds} | fields
        where = section or self.sections[-1]
        made = await ask(self.author, "POST", f"{where}/videos", status=201, json=body)
        self.videos.append(f"/videos/{made['id']}")
        return self.videos[-1]

    async def publish(self) -> "Course":
        """Publish it."""
        await ask(self.author, "POST", f"{self.path}/publish")
        return self


async def draft(author: Person, **fields: Any) -> Course:
    """Make an empty course that is open to all once it is published."""
    body = {"title": "A course", "requires_code": False} | fields
    return Course(author, await ask(author, "POST", "/courses", status=201, json=body))


async def published(author: Person, *seconds: int, **fields: Any) -> Course:
    """Make a published course with a section and a video of each of these lengths."""
    course = await draft(author, **fields)
    await course.add_section()
    for each in seconds or (100,):
        await course.add_video(seconds=each)
    return await course.publish()


async def watch(person: Person, video: str, *ranges: tuple[int, int], position: int = 0, total: int = 100) -> Any:
    """Report stretches of a video and return the answer."""
    body = {"position": position, "ranges": ranges, "total_seconds": total}
    return await ask(person, "POST", f"{video}/progress", json=body)


def acting(school: School, person: Person) -> Actor:
    """Return a person as actions know them."""
    return Actor(school.id, person.id, person.role, grants=school.tenant.grants(person.role))


@pytest.fixture
async def deliver(deployment: Deployment) -> AsyncIterator[Deliver]:
    """A function that runs the listeners of all that was published."""
    worker = Database(deployment.settings.worker_database_url, deployment=deployment, pool_size=5)
    yield Dispatcher(deployment, worker).settle
    await worker.close()
