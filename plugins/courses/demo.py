"""The courses of the demonstration, made through the plugin's own actions, with videos that ffmpeg synthesises."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import imageio_ffmpeg
from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from kernel.errors import Unavailable
from plugins.auth import api as auth
from plugins.courses.actions import categories, courses, enrollments, progress, publishing, sections, videos
from plugins.courses.queries.categories import category_page
from plugins.courses.queries.courses import course_by_slug
from plugins.courses.queries.curriculum import video_page
from plugins.courses.rules import slug_of
from plugins.courses.schemas.courses import CreateCategoryRequest, CreateCourseRequest
from plugins.courses.schemas.curriculum import CreateSectionRequest, CreateVideoRequest, ProgressRequest
from plugins.courses.schemas.texts import Level
from plugins.media import api as media

_MOST_BYTES = 10_000_000


class _Lesson(Struct, frozen=True):
    title: str
    seconds: int
    picture: str = "testsrc2"
    is_preview: bool = False


class _Course(Struct, frozen=True, kw_only=True):
    title: str
    instructor: str
    category: str
    short_description: str
    description: str
    chapters: tuple[tuple[str, tuple[_Lesson, ...]], ...]
    level: Level = "beginner"
    price: str = "0"
    requires_code: bool = False
    watched: Mapping[str, tuple[int, ...]] = {}
    """How many seconds of each lesson these students have watched."""


_COURSES = (
    _Course(
        title="Python from the first line",
        instructor="instructor@example.com",
        category="Programming",
        short_description="Read a small program, change it, and make it your own.",
        description="Two chapters, three lessons, no computer science. At the end you have written a program that "
        "reads a file and answers a question about it.",
        chapters=(
            ("Reading", (_Lesson("What a program says", 24, is_preview=True), _Lesson("Names and values", 20))),
            ("Writing", (_Lesson("A file and a question", 30, "smptebars"),)),
        ),
        watched={
            "student@example.com": (24, 13, 0),
            "lena.hoffmann@example.com": (24, 20, 30),
            "kwame.mensah@example.com": (9, 0, 0),
            "priya.nair@example.com": (24, 20, 12),
        },
    ),
    _Course(
        title="Typed Python for teams",
        instructor="instructor@example.com",
        category="Programming",
        level="advanced",
        price="79.00",
        requires_code=True,
        short_description="Types that find mistakes before your users do.",
        description="How to bring type annotations into a code base that has none, and what to leave out.",
        chapters=(
            ("Where to begin", (_Lesson("One module at a time", 24, is_preview=True), _Lesson("Protocols", 20))),
        ),
    ),
    _Course(
        title="Photographs by window light",
        instructor="mei.tanaka@example.com",
        category="Design",
        price="49.00",
        requires_code=True,
        short_description="One window, one chair, and a camera of any kind.",
        description="Portraits and still lifes with the light that is there anyway.",
        chapters=(("The window", (_Lesson("Where the light comes from", 20, "pal100bars", is_preview=True),)),),
    ),
    _Course(
        title="Colour that people can read",
        instructor="mei.tanaka@example.com",
        category="Design",
        level="intermediate",
        short_description="Contrast, palettes, and pages that work for everyone.",
        description="How to choose colours that keep their meaning in print, in the dark, and for tired eyes.",
        chapters=(("Contrast", (_Lesson("Dark on light", 20, "rgbtestsrc"),)),),
    ),
    _Course(
        title="Reading a balance sheet",
        instructor="carlos.rivera@example.com",
        category="Business",
        price="35.00",
        requires_code=True,
        short_description="Three numbers that tell how a company is doing.",
        description="What is owned, what is owed, and what the difference means.",
        chapters=(("Both sides", (_Lesson("Assets and liabilities", 24, "smptehdbars"),)),),
    ),
    _Course(
        title="Speaking in front of people",
        instructor="carlos.rivera@example.com",
        category="Business",
        level="intermediate",
        short_description="Prepare a talk of five minutes, and enjoy giving it.",
        description="One idea, one story, one sentence to remember, and what to do with your hands.",
        chapters=(("Five minutes", (_Lesson("One idea", 20), _Lesson("One story", 20, "pal75bars"))),),
    ),
)


async def make_categories(db: Db) -> None:
    """Make the categories that are not there yet."""
    admin = await _actor(db, "admin@example.com", "admin")
    present = await _category_ids(db, admin)
    for name in sorted({course.category for course in _COURSES} - present.keys()):
        await categories.create_category(db, admin, CreateCategoryRequest(name=name))


async def make_course(plan: _Course, db: Db) -> None:
    """Make a course with its videos and publish it, unless there is one of its title."""
    if await course_by_slug(db, slug_of(plan.title)) is not None:
        return
    instructor = await _actor(db, plan.instructor, "instructor")
    category_id = (await _category_ids(db, instructor))[plan.category]
    # Videos take a second to make; nothing has been written yet.
    await db.release()
    files = await _make_files(db, instructor, [lesson for _, lessons in plan.chapters for lesson in lessons])
    order = CreateCourseRequest(
        title=plan.title,
        short_description=plan.short_description,
        description=plan.description,
        category_id=category_id,
        level=plan.level,
        price=plan.price,
        requires_code=plan.requires_code,
    )
    course = await courses.create_course(db, instructor, order)
    for title, lessons in plan.chapters:
        section = await sections.add_section(db, instructor, course.id, CreateSectionRequest(title=title))
        for lesson in lessons:
            await videos.add_video(
                db,
                instructor,
                section.id,
                CreateVideoRequest(
                    title=lesson.title,
                    video_type="server_upload",
                    duration_seconds=lesson.seconds,
                    file_id=files[lesson.title],
                    is_preview=lesson.is_preview,
                ),
            )
    await publishing.publish_course(db, instructor, course.id)
    for email, watched in plan.watched.items():
        await _watch(db, email, course.id, watched)


async def _watch(db: Db, email: str, course_id: UUID, watched: Sequence[int]) -> None:
    student = await _actor(db, email, "student")
    await enrollments.enroll(db, student, course_id)
    lessons = await video_page(db, student, course_id, limit=100, offset=0)
    for video, seconds in zip(lessons.items, watched, strict=True):
        if seconds:
            report = ProgressRequest(position=seconds, ranges=[(0, seconds)], total_seconds=video.duration_seconds)
            await progress.report_progress(db, student, video.id, report)


async def _actor(db: Db, email: str, role: auth.Role) -> Actor:
    ids = await auth.user_ids_by_email(db, [email])
    return Actor(db.tenant_id, ids[email], role, grants=db.tenant.grants(role))


async def _category_ids(db: Db, actor: Actor) -> dict[str, UUID]:
    page = await category_page(db, actor, limit=100, offset=0)
    return {category.name: category.id for category in page.items}


async def _make_files(db: Db, actor: Actor, lessons: list[_Lesson]) -> dict[str, UUID]:
    """Synthesise the lessons' videos side by side and upload them; return the files by title."""
    with TemporaryDirectory(prefix="collegium-demo-") as folder:
        paths = {lesson.title: Path(folder) / f"{slug_of(lesson.title)}.mp4" for lesson in lessons}
        await asyncio.gather(*(_synthesise(lesson, paths[lesson.title]) for lesson in lessons))
        return {title: await _upload(db, actor, path) for title, path in paths.items()}


async def _upload(db: Db, actor: Actor, path: Path) -> UUID:
    async def chunks() -> AsyncIterator[bytes]:
        yield await asyncio.to_thread(path.read_bytes)

    file = await media.store_file(db, actor, kind="video", filename=path.name, chunks=chunks(), max_bytes=_MOST_BYTES)
    return file.id


async def _synthesise(lesson: _Lesson, path: Path) -> None:
    """Make a video of a test picture and a tone, by ffmpeg in a process of its own."""
    source = f"{lesson.picture}=size=640x360:rate=5"
    tone = f"sine=frequency={200 + 10 * lesson.seconds}:sample_rate=22050"
    process = await asyncio.create_subprocess_exec(
        _ffmpeg(), "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone,
        "-t", str(lesson.seconds), "-c:v", "libx264", "-preset", "ultrafast", "-crf", "36", "-g", "10",
        "-pix_fmt", "yuv420p", "-threads", "1", "-c:a", "aac", "-b:a", "24k", "-movflags", "+faststart", str(path),
        stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await process.wait() != 0:
        raise Unavailable("ffmpeg could not make the demonstration's videos; its message stands above.")


def _ffmpeg() -> str:
    path: str = imageio_ffmpeg.get_ffmpeg_exe()
    return path


STEPS = (
    DemoStep("courses.categories", make_categories),
    *(DemoStep(f"courses.{slug_of(plan.title)}", partial(make_course, plan)) for plan in _COURSES),
)
