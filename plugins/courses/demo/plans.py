"""What the demonstration's school is made of, as `school.json` tells it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from plugins.courses.rules import slug_of
from plugins.courses.schemas.texts import CourseStatus, Level, VideoType

_SHARES = (0.5, 1.0, 1.0, 0.15, 0.8, 0.0, 1.0, 0.35)
"""How much of a course its students have watched, one after the other."""
_PACES = (0.98, 0.7, 0.93, 0.1, 0.99, 0.0, 0.8, 0.97)
"""And for how much of their time in it they have watched: most to this day, one stopped early."""
_LEAVES_AT = 0.15
_STEP_TO_NEXT = 7
"""From the first student of a course to the first of the next one; without a divisor that the students' number has."""


class Category(Struct, frozen=True):
    """A shelf."""

    name: str
    icon: str
    description: str


class Lesson(Struct, frozen=True, array_like=True):
    """A video; those of the same length are one film, so one in which something is said has a length of its own."""

    title: str
    seconds: int
    description: str | None = None
    said: dict[str, tuple[str, ...]] = {}
    youtube_id: str | None = None
    video_url: str | None = None

    @property
    def kind(self) -> VideoType:
        """Where it stands."""
        return "youtube_private" if self.youtube_id else "external" if self.video_url else "server_upload"

    @property
    def is_film(self) -> bool:
        """Whether the school has it itself."""
        return self.kind == "server_upload"


class Chapter(Struct, frozen=True):
    """A section."""

    title: str
    lessons: tuple[Lesson, ...]


class Material(Struct, frozen=True, kw_only=True):
    """A sheet to print, a table of these rows, or a link."""

    title: str
    kind: Literal["worksheet", "table", "link"]
    url: str | None = None
    rows: tuple[str, ...] = ()


class Review(Struct, frozen=True, array_like=True):
    """What a student says, and what the instructor answers."""

    rating: int
    comment: str | None
    reply: str | None


class Note(Struct, frozen=True, array_like=True):
    """What a reviewer says of a part."""

    target: str
    text: str


class CoursePlan(Struct, frozen=True, kw_only=True):
    """A course, how long it has been there, and how many are in it."""

    title: str
    instructor: str
    category: str
    short_description: str
    description: str
    chapters: tuple[Chapter, ...]
    days_ago: int
    students: int
    slug: str | None = None
    level: Level = "beginner"
    language: str = "en"
    price: str = "0"
    requires_code: bool = False
    max_students: int | None = None
    is_featured: bool = False
    has_cover: bool = False
    state: CourseStatus = "published"
    materials: tuple[Material, ...] = ()
    reviews: tuple[Review, ...] = ()
    reason: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def own_slug(self) -> str:
        """By which it is found again."""
        return self.slug or slug_of(self.title)

    @property
    def lessons(self) -> list[Lesson]:
        """All of them, in their order."""
        return [lesson for chapter in self.chapters for lesson in chapter.lessons]

    @property
    def film_seconds(self) -> int:
        """How long the school's own films are, which most of its students watch only."""
        return sum(lesson.seconds for lesson in self.lessons if lesson.is_film)

    def seconds_of(self, share: float) -> int:
        """Return how much somebody has watched; who has watched it all has been elsewhere too."""
        return sum(lesson.seconds for lesson in self.lessons) if share == 1 else round(self.film_seconds * share)


class Attendance(Struct, frozen=True):
    """A student in a course: since when, how many seconds were watched for how many days, and whether they left it."""

    email: str
    days_ago: float
    seconds: int
    days: float
    left: Literal["dropped", "expired"] | None = None


class SchoolPlan(Struct, frozen=True):
    """All of it; the first student is the one whose account is printed."""

    students: tuple[str, ...]
    categories: tuple[Category, ...]
    courses: tuple[CoursePlan, ...]

    def attendances(self, course: CoursePlan) -> Iterator[Attendance]:
        """Yield who is in a course, the earliest first; the printed student has courses left to redeem codes for."""
        number = self.courses.index(course)
        students = self.students[1:] if course.requires_code else self.students
        for place in range(course.students):
            days_ago = course.days_ago * (1 - (place + 0.5) / course.students)
            kind = (number + place) % len(_SHARES)
            email = students[(number * _STEP_TO_NEXT + place) % len(students)]
            yield Attendance(
                email,
                days_ago,
                course.seconds_of(_SHARES[kind]),
                days_ago * _PACES[kind],
                self._left(course, email, _SHARES[kind]),
            )

    def _left(self, course: CoursePlan, email: str, share: float) -> Literal["dropped", "expired"] | None:
        """Return how somebody left who had only begun; nobody leaves a full course, and the printed student none."""
        if share != _LEAVES_AT or course.max_students is not None or email == self.students[0]:
            return None
        return "expired" if course.requires_code else "dropped"


SCHOOL = msgspec.json.decode((Path(__file__).parent / "school.json").read_bytes(), type=SchoolPlan)
