"""A school that has something to show on every page, made through the API, with texts that try to break pages.

Two of everything that a page lists, and every state that a page tells apart. What people write here is planted: markup,
quotes, words without a place to break, letters of both directions and marks that turn the direction.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from kernel.testing import Person, School
from tests.plugins.media.conftest import mp4, upload
from tests.plugins.portal.pages import Reader

MARKUP = "<script>alert(1)</script><b onclick='x'>bold"
QUOTES = "\"double\" 'single' `back` & &amp; {{ braces }}"
LONG = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 2
TURNED = "عربي \u202egnorw\u202c \u2067and\u2069 English"
PLANTED = (MARKUP, QUOTES, LONG, TURNED)
LINK = "https://example.com/" + "a-long-way/" * 12
_SECONDS = 100

Readers = dict[Reader, Person | None]


async def furnish(school: School) -> Readers:
    """Fill a school and return who reads its pages."""
    admin, instructor = await school.person("admin", is_operator=True), await school.person("instructor")
    student, *others = [await school.person("student") for _ in range(4)]
    for person, name in zip((admin, instructor, student), (QUOTES, TURNED, MARKUP.replace("/", "")), strict=True):
        await _ask(admin, "PATCH", f"/users/{person.id}", json={"first_name": name[:50], "last_name": "Test"})
    shelf = await _categories(admin)
    main = await _Course.begun(instructor, title=f"{QUOTES} {TURNED}", category_id=shelf, requires_code=False)
    await main.fill()
    await main.publish()
    await _attend(main, student, others)
    charge = {"assigned_instructor": str(instructor.id), "notes": MARKUP}
    await _ask(admin, "PATCH", f"/users/{student.id}/file", json=charge)
    locked = await _Course.begun(instructor, title=LONG, category_id=shelf, price="19.90", requires_code=True)
    await locked.fill()
    await locked.publish()
    await _codes(locked, others[0])
    await (await _Course.begun(instructor, title=f"Open {MARKUP}", requires_code=False)).published()
    draft = await _Course.begun(instructor, title=f"Draft {MARKUP}", description=QUOTES)
    await draft.fill()
    for title, answer in (("Submitted", None), ("Sent back", {"reason": TURNED})):
        course = await _Course.begun(instructor, title=f"{title} {LONG}", short_description=TURNED)
        await course.fill()
        await _ask(instructor, "POST", f"{course.path}/submit", status=200)
        if answer is not None:
            notes = [{"target": f"video:{course.videos[0]}", "text": MARKUP}]
            await _ask(admin, "POST", f"{course.path}/reject", status=200, json={**answer, "notes": notes})
    await _ask(instructor, "POST", f"{main.path}/export", status=202)
    return {"visitor": None, "student": student, "instructor": instructor, "admin": admin}


class _Course:
    def __init__(self, author: Person, course_id: str) -> None:
        self.author = author
        self.id = course_id
        self.path = f"/courses/{course_id}"
        self.videos: list[str] = []

    @classmethod
    async def begun(cls, author: Person, **fields: Any) -> "_Course":
        return cls(author, (await _ask(author, "POST", "/courses", json={"title": "A course", **fields}))["id"])

    async def fill(self) -> None:
        """Give it sections of videos of each kind, and materials."""
        film = (await upload(self.author, mp4(), f"{LONG[:60]}.mp4"))["id"]
        sources = (
            {"video_type": "server_upload", "file_id": film, "is_preview": True},
            {"video_type": "youtube_private", "youtube_id": "dQw4w9WgXcQ"},
            {"video_type": "external", "video_url": LINK},
        )
        section = ""
        for title in (MARKUP, TURNED):
            section = (await _ask(self.author, "POST", f"{self.path}/sections", json={"title": title}))["id"]
            for source, words in zip(sources, (QUOTES, LONG, TURNED), strict=True):
                video = {"title": words, "description": MARKUP, "duration_seconds": _SECONDS, **source}
                made = await _ask(self.author, "POST", f"/sections/{section}/videos", json=video)
                self.videos.append(made["id"])
        for material in ({"external_url": LINK, "section_id": section}, {"file_id": film}):
            body = {"course_id": self.id, "title": LONG, "description": QUOTES, **material}
            await _ask(self.author, "POST", "/materials", json=body)

    async def publish(self) -> None:
        await _ask(self.author, "POST", f"{self.path}/publish", status=200)

    async def published(self) -> None:
        await self.fill()
        await self.publish()


async def _categories(admin: Person) -> str:
    """Make a tree of three shelves and return the innermost."""
    above: str | None = None
    for name in ("Science", LONG[:100], TURNED):
        above = (await _ask(admin, "POST", "/categories", json={"name": name, "parent_id": above}))["id"]
    assert above is not None
    return above


async def _attend(course: _Course, student: Person, others: list[Person]) -> None:
    """Let everybody enrol and say what they think; the student is half through the second video."""
    review: dict[str, Any] = {}
    for person, words in zip((student, *others), PLANTED, strict=True):
        await _ask(person, "POST", f"{course.path}/enroll")
        await _watch(person, course.videos[0], _SECONDS)
        review = await _ask(person, "POST", f"{course.path}/reviews", json={"rating": 4, "comment": words})
    await _ask(course.author, "PUT", f"/reviews/{review['id']}/reply", status=200, json={"text": LONG})
    await _watch(student, course.videos[1], _SECONDS // 2)


async def _watch(person: Person, video: str, until: int) -> None:
    report = {"position": until, "ranges": [[0, until]], "total_seconds": _SECONDS}
    await _ask(person, "POST", f"/videos/{video}/progress", status=200, json=report)


async def _codes(course: _Course, redeemer: Person) -> None:
    order = {"type": "multi_use", "course_id": course.id, "count": 3, "max_uses": 5, "label": QUOTES}
    made = await _ask(course.author, "POST", "/access-codes/generate", json=order)
    await _ask(redeemer, "POST", "/access-codes/redeem", status=200, json={"code": made["items"][0]["code"]})


async def _ask(person: Person, method: str, path: str, *, status: int | None = None, **arguments: Any) -> Any:
    answer = await person.request(method, path, **arguments)
    expected = status or (201 if method == "POST" else 200)
    assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


def asking(readers: Readers) -> Callable[[Reader, str], Awaitable[Any]]:
    """Return how the readers of a school ask its API."""

    async def ask(reader: Reader, path: str) -> Any:
        person = readers[reader]
        assert person is not None
        return await _ask(person, "GET", path)

    return ask
