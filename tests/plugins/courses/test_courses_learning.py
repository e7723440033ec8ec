"""The pages of learning as their HTML: who may, where one goes on, why a lesson is locked, what it costs."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin
from kernel.testing import AppFactory, Person, School
from tests.plugins.courses.conftest import Course, ask, draft, published, watch
from tests.plugins.media.conftest import mp4, picture, upload
from tests.plugins.portal.test_portal_pages import open_page

PLANTED = "<script>alert(1)</script>\"'&"


async def shown(person: Person, path: str, status: int = 200) -> str:
    """Open a page and return its HTML."""
    answer = await open_page(person.client, path)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:300]}"
    return answer.text


def address(course: Course, number: int = 0) -> str:
    """Return where a lesson is learnt."""
    return f"/learn/{course.made['slug']}/{course.videos[number].rpartition('/')[2]}"


async def enroll(person: Person, course: Course) -> None:
    await ask(person, "POST", f"{course.path}/enroll", status=201)


async def test_the_course_leads_to_where_one_left_off(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor, 100, 100)
    start = f"/learn/{course.made['slug']}"
    stranger = await open_page(await school.client(), start)
    assert (stranger.status_code, stranger.headers["location"]) == (302, f"/sign-in?next={start}")
    await enroll(student, course)

    async def leads_to() -> str:
        answer = await open_page(student.client, start)
        assert answer.status_code == 302
        return answer.headers["location"]

    assert await leads_to() == address(course, 0)
    await watch(student, course.videos[1], (0, 10), position=10)
    assert await leads_to() == address(course, 1)
    await watch(student, course.videos[1], (0, 100), position=100)
    assert await leads_to() == address(course, 0)


async def test_a_course_without_lessons_says_so(instructor: Person) -> None:
    course = await draft(instructor, title=PLANTED)
    page = await shown(instructor, f"/learn/{course.made['slug']}")
    assert "This course has no lesson yet" in page
    assert "<script>alert" not in page


async def test_a_lesson_tells_where_one_stands(instructor: Person, student: Person) -> None:
    course = await published(instructor, 446, 100, title=PLANTED)
    await enroll(student, course)
    await watch(student, course.videos[0], (0, 192), position=192, total=446)
    await watch(student, course.videos[1], (0, 100), position=100)
    page = await shown(student, address(course))
    assert "Section 1 · Lesson 1 of 2" in page
    assert "43% watched" in page
    assert "Counts as done at 90% watched." in page
    assert "3 min 30 s to go." in page
    assert "1 of 2 done" in page
    assert page.count('aria-current="page"') == 1
    assert f'href="{address(course, 1)}" data-after' in page
    assert "<script>alert" not in page
    done = await shown(student, address(course, 1))
    assert "You have watched this lesson." in done
    assert "data-after" not in done


async def test_a_lesson_that_says_nothing_of_itself_says_what_the_course_is(instructor: Person) -> None:
    course = await published(instructor, 100)
    assert "This lesson has no description." in await shown(instructor, address(course))
    await ask(instructor, "PATCH", course.path, json={"short_description": PLANTED})
    page = await shown(instructor, address(course))
    assert "This lesson has no description." not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("wants", ["another school", "another course", "a draft"])
async def test_what_is_not_there_for_somebody_is_404(
    instructor: Person, student: Person, other_school: School, wants: str
) -> None:
    course, other = await published(instructor), await draft(instructor, title="Hidden")
    await other.add_section()
    await other.add_video()
    foreigner = await other_school.person("admin")
    reader, path = {
        "another school": (foreigner, address(course)),
        "another course": (student, f"{address(course).rpartition('/')[0]}/{address(other).rpartition('/')[2]}"),
        "a draft": (student, address(other)),
    }[wants]
    slug = path.split("/")[2]
    assert "Lesson 1" not in await shown(reader, path, status=404)
    if wants != "another course":
        for each in (f"/learn/{slug}", f"/learn/{slug}/materials"):
            await shown(reader, each, status=404)
        assert "Lesson 1 of 1" in await shown(instructor, path)


async def test_an_author_sees_what_is_not_published(instructor: Person, student: Person) -> None:
    course = await published(instructor, 100)
    await course.add_video(is_published=False)
    await enroll(student, course)
    assert "Hidden" in await shown(instructor, address(course, 1))
    assert "Lesson 1 of 1" in await shown(student, address(course))
    await shown(student, address(course, 1), status=404)


async def locked(person: Person, course: Course, number: int = 0) -> str:
    """Return the page of a lesson that must not be playable."""
    page = await shown(person, address(course, number))
    assert "data-screen" not in page
    assert "/media/" not in page
    assert "videos.example.com" not in page
    return page


async def test_a_locked_lesson_says_what_opens_it(school: School, instructor: Person, student: Person) -> None:
    free = await published(instructor, 100, title="Free")
    await free.add_video(requires_code=True)
    page = await locked(student, free)
    assert "Enrol to watch this lesson" in page
    assert f'data-api="POST /api/v1{free.path}/enroll"' in page
    assert "For those who are enrolled" in page
    await enroll(student, free)
    assert "videos.example.com" in await shown(student, address(free))
    page = await locked(student, free, 1)
    assert "This lesson opens with a code of its own" in page
    assert 'data-api="POST /api/v1/access-codes/redeem"' in page

    shut = await published(instructor, 100, title="Shut", requires_code=True)
    assert "This course opens with a code" in await locked(student, shut)
    colleague = await school.person("instructor")
    assert "This lesson is for its students" in await locked(colleague, shut)
    assert "videos.example.com" in await shown(instructor, address(shut))
    await school.switch_off("codes")
    page = await locked(student, shut)
    assert "Ask whoever teaches it." in page
    assert "access-codes" not in page


async def test_a_place_that_has_ended_says_so(school: School, instructor: Person, student: Person) -> None:
    course = await published(instructor)
    await enroll(student, course)
    async with school.db() as db:
        driver = await db.driver()
        await driver.execute("UPDATE courses.course_enrollments SET expires_at = now() WHERE course_id = $1", course.id)
    assert "Your time in this course has ended" in await locked(student, course)
    await ask(instructor, "POST", f"{course.path}/archive")
    await shown(student, address(course), status=404)


async def test_a_video_that_is_being_prepared_tells_how_far(instructor: Person, student: Person) -> None:
    course = await draft(instructor)
    await course.add_section()
    file = await upload(instructor, mp4())
    await course.add_video(video_type="server_upload", file_id=file["id"], video_url=None)
    await course.publish()
    await enroll(student, course)
    stream = await ask(student, "GET", f"{course.videos[0]}/stream")
    assert (stream["type"], stream["preparing"]) == ("file", 0)
    page = await shown(student, address(course))
    assert "Being prepared, 0%" in page
    assert "<video" not in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"video_type": "youtube_private", "youtube_id": "abcdefghijk", "video_url": None},
            "youtube-nocookie.com/embed/abcdefghijk?enablejsapi=1",
        ),
        (
            {"video_url": "https://videos.example.com/1"},
            'href="https://videos.example.com/1" target="_blank" rel="noopener noreferrer"',
        ),
    ],
)
async def test_videos_of_others_play_there(
    instructor: Person, student: Person, fields: dict[str, Any], said: str
) -> None:
    course = await draft(instructor)
    await course.add_section()
    await course.add_video(**fields)
    await course.publish()
    await enroll(student, course)
    page = await shown(student, address(course))
    assert said in page
    assert "I have watched it" in page


async def test_materials_stand_by_section(instructor: Person, student: Person) -> None:
    course = await draft(instructor)
    section = await course.add_section(title="Basics")
    await course.add_video()
    await course.publish()
    file = await upload(instructor, picture(), "sheet.png", kind="image")
    link = {"external_url": "https://example.com/secret", "title": "A link", "section_id": section.rpartition("/")[2]}
    for fields in (link, {"file_id": file["id"], "title": PLANTED}):
        await ask(instructor, "POST", "/materials", status=201, json={"course_id": str(course.id), **fields})
    path = f"/learn/{course.made['slug']}/materials"
    page = await shown(student, path)
    assert "data-material" not in page
    assert "For those who are enrolled" in page
    await enroll(student, course)
    page = await shown(student, path)
    assert page.count("data-material") == 2
    assert page.index("For the whole course") < page.index("Basics")
    assert "<script>alert" not in page
    assert "example.com/secret" not in page
    assert "A link" in await shown(student, address(course))


async def test_a_lesson_costs_little_more_than_the_api(
    instructor: Person, student: Person, query_count: Callable[[], int]
) -> None:
    short, long = (
        await published(instructor, 100, title="Short"),
        await published(instructor, *[100] * 30, title="Long"),
    )

    async def cost(read: Callable[[], Any]) -> int:
        before = query_count()
        await read()
        return query_count() - before

    costs = []
    for course in (short, long):
        await enroll(student, course)
        twins = await cost(lambda: ask(student, "GET", f"{course.path}/sections"))  # noqa: B023
        twins += await cost(lambda: ask(student, "GET", f"{course.videos[0]}/stream"))  # noqa: B023
        lesson = await cost(lambda: shown(student, address(course)))  # noqa: B023
        materials = await cost(lambda: shown(student, f"/learn/{course.made['slug']}/materials"))  # noqa: B023
        costs.append((twins, lesson, materials))
    assert costs[0] == costs[1]
    twins, lesson, materials = costs[0]
    assert lesson <= twins + 3
    assert materials <= 7


async def test_other_plugins_add_tabs_to_a_lesson(app_with: AppFactory) -> None:
    module = ModuleType("talks")
    module.__file__ = __file__
    vars(module)["PLUGIN"] = Plugin(name="talks", version="1", kernel=">=1", summary="Talks.")

    async def talk(_db: Any, _actor: Any, subject: Any) -> tuple[str, dict[str, Any]] | None:
        return ("portal/failed_part.html", {"tab": "Talk <b>"}) if subject.title == "A video" else None

    def register_slots() -> list[dict[str, Any]]:
        return [{"slot": "lesson.tabs", "fill": talk, "access": "signed_in"}]

    vars(module)["register_slots"] = hookimpl(optionalhook=True)(register_slots)
    school = await (await app_with(module, "courses", "portal")).school()
    instructor = await school.person("instructor")
    course = await published(instructor)
    page = await shown(instructor, address(course))
    assert '<a href="#part-1">Talk &lt;b&gt;</a>' in page
    assert '<section id="part-1" aria-label="Talk &lt;b&gt;">' in page
    await course.add_video(title="Another")
    assert "part-1" not in await shown(instructor, address(course, 1))
    await school.switch_off("talks")
    assert "Talk" not in await shown(instructor, address(course))
