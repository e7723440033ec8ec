"""Counters are a recount after any sequence of actions, whenever their listeners run.

The recount is plain Python over what the answers said, and over the rows of the curriculum; it shares no statement with
the plugin.
"""

from collections.abc import Awaitable, Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kernel.testing import Person, School
from plugins.courses.actions.expiry import expire_enrollments
from tests.plugins.courses.conftest import VIDEO, Course, Deliver, ask, published

HUNDREDTH = Decimal("0.01")
Step = tuple[str, int, int, int]
CURRICULUM = """
    SELECT v.id, v.duration_seconds AS seconds, v.is_published AND s.is_published AS counts, s.id AS section
    FROM courses.course_videos v JOIN courses.course_sections s ON s.id = v.section_id
    WHERE s.course_id = $1 ORDER BY s.sort_order, s.id, v.sort_order, v.id
"""
SECTIONS = "SELECT id FROM courses.course_sections WHERE course_id = $1 ORDER BY sort_order, id"
ENROLLMENTS = "SELECT user_id, status, progress, completed_at FROM courses.course_enrollments WHERE course_id = $1"
END = """
    UPDATE courses.course_enrollments SET expires_at = now() - interval '1 second' WHERE course_id = $1 AND user_id = $2
"""


class Student:
    """What a student has done, as far as the answers told."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.status: str | None = None
        self.has_completed = False
        self.seen: dict[UUID, set[int]] = {}
        self.finished: set[UUID] = set()
        self.review: tuple[str, int] | None = None

    @property
    def holds_place(self) -> bool:
        return self.status in ("active", "completed")

    def complete_if_all_is_finished(self, videos: list[Any]) -> None:
        counting = {video["id"] for video in videos if video["counts"]}
        if self.status == "active" and counting and counting <= self.finished:
            self.status, self.has_completed = "completed", True

    def progress(self, videos: list[Any]) -> Decimal:
        if self.status == "completed":
            return Decimal(100)
        counting = [video for video in videos if video["counts"]]
        whole: int = sum(video["seconds"] for video in counting)
        if not whole:
            return Decimal(0)
        watched: int = sum(min(len(self.seen.get(video["id"], ())), video["seconds"]) for video in counting)
        return min((Decimal(100 * watched) / whole).quantize(HUNDREDTH, ROUND_HALF_UP), Decimal("99.99"))


class Play:
    """A course, its people, and what each step does. A refused step changes nothing, on either side."""

    def __init__(self, school: School, admin: Person, course: Course, people: list[Person], deliver: Deliver) -> None:
        self.school, self.admin, self.course, self.deliver = school, admin, course, deliver
        self.author = course.author
        self.students = [Student(person) for person in people]
        self.places: int | None = None

    async def videos(self) -> list[Any]:
        async with self.school.db() as db:
            return list(await (await db.driver()).fetch(CURRICULUM, self.course.id))

    async def sections(self) -> list[Any]:
        async with self.school.db() as db:
            return list(await (await db.driver()).fetch(SECTIONS, self.course.id))

    async def one_video(self, number: int) -> Any:
        videos = await self.videos()
        return videos[number % len(videos)] if videos else None

    async def one_section(self, number: int) -> UUID | None:
        sections = await self.sections()
        return sections[number % len(sections)]["id"] if sections else None

    async def enroll(self, student: Student, _number: int, _size: int) -> None:
        answer = await student.person.post(f"{self.course.path}/enroll")
        assert answer.status_code in (200, 201, 404, 409), answer.text
        if answer.status_code == 201:
            student.status = "completed" if student.has_completed else "active"
        assert answer.is_error or student.holds_place

    async def redeem(self, student: Student, _number: int, _size: int) -> None:
        order = {"course_id": str(self.course.id), "type": "single_use", "access_days": 9}
        answer = await self.author.post("/access-codes/generate", json=order)
        if answer.is_error:
            return
        code = answer.json()["items"][0]["code"]
        answer = await student.person.post("/access-codes/redeem", json={"code": code})
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 200 and not student.holds_place:
            student.status = "completed" if student.has_completed else "active"

    async def drop(self, student: Student, _number: int, _size: int) -> None:
        answer = await student.person.delete(f"{self.course.path}/enroll")
        assert answer.status_code in (204, 404, 409), answer.text
        if student.status == "active":
            student.status = "dropped"

    async def end(self, student: Student, _number: int, _size: int) -> None:
        async with self.school.db() as db:
            await (await db.driver()).execute(END, self.course.id, student.person.id)
        async with self.school.db() as db:
            await expire_enrollments(db, 500)
        if student.holds_place:
            student.status = "expired"

    async def watch(self, student: Student, number: int, size: int) -> None:
        video = await self.one_video(number)
        if video is None:
            return
        end = min(10 * (size + 1), video["seconds"])
        start = min(3 * number, end)
        body = {"position": end, "ranges": [[start, end]], "total_seconds": video["seconds"]}
        answer = await student.person.post(f"/videos/{video['id']}/progress", json=body)
        assert answer.status_code in (201, 200, 403, 404), answer.text
        if answer.is_error:
            return
        seen = student.seen.setdefault(video["id"], set())
        seen.update(range(start, end))
        is_news = video["id"] not in student.finished and min(len(seen), video["seconds"]) * 10 >= video["seconds"] * 9
        if is_news:
            student.finished.add(video["id"])
            student.complete_if_all_is_finished(await self.videos())
        assert answer.json()["is_completed"] == (video["id"] in student.finished)

    async def review(self, student: Student, number: int, _size: int) -> None:
        stars = {"rating": 1 + number % 5}
        if student.review is None:
            answer = await student.person.post(f"{self.course.path}/reviews", json=stars)
        else:
            answer = await student.person.patch(f"/reviews/{student.review[0]}", json=stars)
        assert answer.status_code in (200, 201, 403, 404), answer.text
        if not answer.is_error:
            student.review = answer.json()["id"], stars["rating"]

    async def remove_review(self, student: Student, number: int, _size: int) -> None:
        if student.review is not None:
            await ask(
                self.admin if number % 2 else student.person, "DELETE", f"/reviews/{student.review[0]}", status=204
            )
            student.review = None

    async def add_video(self, _student: Student, number: int, size: int) -> None:
        if (section := await self.one_section(number)) is not None:
            body = VIDEO | {"duration_seconds": 10 + 7 * size, "is_preview": size % 3 == 0, "is_published": size != 4}
            await ask(self.author, "POST", f"/sections/{section}/videos", status=201, json=body)

    async def change_video(self, _student: Student, number: int, size: int) -> None:
        if (video := await self.one_video(number)) is not None:
            body = {"duration_seconds": 5 + 9 * size} if size % 2 else {"is_published": not video["counts"]}
            await ask(self.author, "PATCH", f"/videos/{video['id']}", json=body)

    async def remove_video(self, _student: Student, number: int, _size: int) -> None:
        if (video := await self.one_video(number)) is not None:
            await ask(self.author, "DELETE", f"/videos/{video['id']}", status=204)

    async def change_section(self, _student: Student, number: int, size: int) -> None:
        if (section := await self.one_section(number)) is None or size == 5:
            await ask(self.author, "POST", f"{self.course.path}/sections", status=201, json={"title": "More"})
        elif size == 0:
            await ask(self.author, "DELETE", f"/sections/{section}", status=204)
        else:
            await ask(self.author, "PATCH", f"/sections/{section}", json={"is_published": size % 2 == 1})

    async def move_video(self, _student: Student, number: int, size: int) -> None:
        video, target = await self.one_video(number), await self.one_section(size)
        if video is None or target is None:
            return
        inside: dict[UUID, list[str]] = {section["id"]: [] for section in await self.sections()}
        for each in await self.videos():
            inside[target if each["id"] == video["id"] else each["section"]].append(str(each["id"]))
        order = [{"id": str(section), "videos": videos} for section, videos in inside.items()]
        await ask(self.author, "PUT", f"{self.course.path}/order", json={"sections": order})

    async def change_state(self, _student: Student, _number: int, size: int) -> None:
        answer = await self.admin.post(f"{self.course.path}/{'archive' if size == 0 else 'publish'}")
        assert answer.status_code in (200, 409), answer.text

    async def change_places(self, _student: Student, _number: int, size: int) -> None:
        self.places = size or None
        await ask(self.author, "PATCH", self.course.path, json={"max_students": self.places})

    async def settle(self, _student: Student, _number: int, _size: int) -> None:
        await self.deliver()
        videos = await self.videos()
        for each in self.students:
            each.complete_if_all_is_finished(videos)

    async def check(self) -> None:
        """Compare what is kept with what is so."""
        await self.settle(self.students[0], 0, 0)
        videos = await self.videos()
        stars = [each.review[1] for each in self.students if each.review is not None]
        seconds = sum(video["seconds"] for video in videos if video["counts"])
        shown = await ask(self.author, "GET", self.course.path)
        assert {name: shown[name] for name in ("total_enrolled", "rating", "rating_count", "duration_hours")} == {
            "total_enrolled": sum(each.holds_place for each in self.students),
            "rating": float((Decimal(sum(stars)) / max(len(stars), 1)).quantize(HUNDREDTH, ROUND_HALF_UP)),
            "rating_count": len(stars),
            "duration_hours": float((Decimal(seconds) / 3600).quantize(HUNDREDTH, ROUND_HALF_UP)),
        }
        async with self.school.db() as db:
            rows = await (await db.driver()).fetch(ENROLLMENTS, self.course.id)
        kept = {row["user_id"]: row for row in rows}
        for each in self.students:
            row = kept.get(each.person.id)
            assert (row and row["status"], row is not None and row["completed_at"] is not None) == (
                each.status,
                each.has_completed,
            )
            # Whoever has left keeps what they had reached then.
            if row is not None and each.holds_place:
                assert row["progress"] == each.progress(videos)


ACTIONS: dict[str, Callable[[Play, Student, int, int], Awaitable[None]]] = {
    name: vars(Play)[name]
    for name in (
        *("enroll", "redeem", "drop", "end", "watch", "review", "remove_review", "add_video", "change_video"),
        *("remove_video", "change_section", "move_video", "change_state", "change_places", "settle"),
    )
}
# What students do comes more often than what is done to their course.
NAMES = st.sampled_from(
    ["enroll"] * 4 + ["watch"] * 4 + ["end", "end", "drop", "drop", "settle", "settle"] + list(ACTIONS)
)
STEPS = st.lists(st.tuples(NAMES, st.integers(0, 2), st.integers(0, 5), st.integers(0, 5)), min_size=8, max_size=25)
GIVEN = settings(deadline=None, suppress_health_check=list(HealthCheck))
Begin = Callable[[], Awaitable[Play]]


@pytest.fixture
async def begin(school: School, admin: Person, instructor: Person, deliver: Deliver) -> Begin:
    """A function that makes a course for three students, of two sections and three videos."""
    people = [await school.person("student") for _ in range(3)]

    async def make() -> Play:
        course = await published(instructor, 20, 30, max_students=None)
        await course.add_section()
        await course.add_video(seconds=15, is_preview=True)
        await deliver()
        return Play(school, admin, course, people, deliver)

    return make


async def play(begin: Begin, steps: list[Step]) -> None:
    """Do these steps with a new course, and compare in the end and whenever all has been delivered meanwhile.

    Each count is of all there is, so that a later one would hide that an earlier one is missing.
    """
    game = await begin()
    for name, who, number, size in steps:
        await ACTIONS[name](game, game.students[who], number, size)
        if name == "settle":
            await game.check()
    await game.check()


# A failure here is told at once as it was found; the long run takes its time to find the shortest.
@settings(GIVEN, max_examples=30, derandomize=True, phases=[Phase.generate])
@given(steps=STEPS)
async def test_counters_are_a_recount_after_any_sequence_of_actions(begin: Begin, steps: list[Step]) -> None:
    await play(begin, steps)


@pytest.mark.nightly
@settings(GIVEN, max_examples=500)
@given(steps=STEPS)
async def test_counters_are_a_recount_at_length(begin: Begin, steps: list[Step]) -> None:
    await play(begin, steps)


ENROLL, LEAVE, SETTLE = ("enroll", 0, 0, 0), ("drop", 0, 0, 0), ("settle", 0, 0, 0)
WATCH_FIRST, WATCH_SECOND, WATCH_PREVIEW = ("watch", 0, 0, 5), ("watch", 0, 1, 5), ("watch", 0, 2, 5)
REMOVE_THIRD, END_IT = ("remove_video", 0, 2, 0), ("end", 0, 0, 0)
ADD, REMOVE_FIRST, REMOVE_SECOND = ("add_video", 0, 0, 5), ("remove_video", 0, 0, 0), ("remove_video", 0, 1, 0)


STORY: list[Step] = [
    *((name, who, 0, 0) for name in ("enroll", "redeem") for who in (0, 1)),
    ("watch", 0, 0, 1),
    ("watch", 1, 1, 2),
    ("review", 0, 4, 0),
    ("review", 1, 1, 0),
    # Another number of stars of as many reviews, and another number of reviews of as many stars.
    ("review", 0, 2, 0),
    ("review", 1, 2, 0),
    ("remove_review", 1, 0, 0),
    ("remove_review", 0, 1, 0),
    ("add_video", 0, 0, 2),
    ("change_video", 0, 0, 3),
    ("change_video", 0, 1, 0),
    ("change_video", 0, 1, 0),
    ("change_section", 0, 0, 5),
    ("move_video", 0, 1, 2),
    ("change_section", 0, 2, 2),
    ("move_video", 0, 2, 2),
    ("change_section", 0, 2, 1),
    ("remove_video", 0, 3, 0),
    LEAVE,
    ("add_video", 0, 0, 1),
    ENROLL,
    *(("watch", 0, number, 5) for number in range(5)),
    ("watch", 0, 0, 5),
    ("end", 0, 0, 0),
    ENROLL,
    ("end", 1, 0, 0),
    ("enroll", 2, 0, 0),
    *(("watch", 2, number, 5) for number in range(4)),
    ("change_section", 0, 1, 0),
    ("change_section", 0, 1, 0),
]
"""Everything once, so that each step is the only one that moves what is counted after it."""


async def test_counters_are_a_recount_after_each_action(begin: Begin) -> None:
    await play(begin, [step for each in STORY for step in (each, SETTLE)])


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([ENROLL, WATCH_FIRST, LEAVE, ADD, SETTLE, ENROLL], id="more to watch than before"),
        pytest.param([WATCH_PREVIEW, ENROLL], id="watched before enrolling"),
        pytest.param(
            [ENROLL, REMOVE_THIRD, SETTLE, WATCH_FIRST, WATCH_SECOND, SETTLE, END_IT, ADD, SETTLE, ENROLL],
            id="completed, and more to watch when back",
        ),
        pytest.param(
            [ENROLL, WATCH_FIRST, LEAVE, REMOVE_SECOND, REMOVE_SECOND, SETTLE, ENROLL], id="nothing left to watch"
        ),
        pytest.param([ENROLL, WATCH_FIRST, REMOVE_FIRST, REMOVE_FIRST, REMOVE_FIRST], id="no video any more"),
    ],
)
async def test_progress_is_a_recount_for_who_comes_and_who_comes_back(begin: Begin, steps: list[Step]) -> None:
    await play(begin, steps)
